/** The world that is opened early is the one that the command line's own reading of the arguments gives, or it does not count. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readSettings } from "../../base/env.ts";
import { prefetch, takePrefetched } from "./prefetch.ts";
import { globalFlags } from "../global-flags.ts";

test("what was begun is taken once, and only with the same settings", async (t) => {
  const home = await mkdtemp(join(tmpdir(), "vm-agent-early-"));
  t.after(() => rm(home, { recursive: true, force: true }));
  const argv = ["plan", "--home", home, "--fleet", join(home, "fleet"), "--driver", "sandbox"];
  const same = readSettings(globalFlags(argv), process.env, process.cwd());
  await prefetch(argv);
  const first = await takePrefetched(same);
  assert.equal((await first.early?.seen)?.kind, "seen");
  const again = await takePrefetched(same);
  assert.notEqual(again.world, first.world);

  await prefetch(argv);
  const other = await takePrefetched({ ...same, driver: null, multipass: join(home, "no-such-multipass") });
  assert.equal(other.early, null);
  assert.equal((await other.world.selection()).kind, "multipass");

  await prefetch([...argv, "--help"]);
  await prefetch(["plan", "--driver", "virtualbox"]);
  const usual = await takePrefetched(same);
  assert.equal((await usual.early?.seen)?.kind, "seen");
});
