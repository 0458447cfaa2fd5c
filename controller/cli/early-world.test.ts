/** The world that is opened early is the one that the command line's own reading of the arguments gives, or it does not count. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readSettings } from "../base/env.ts";
import { beginEarly, flagsOf, takeEarly } from "./early-world.ts";

test("the global options are read in both forms, wherever they stand before --", () => {
  assert.deepEqual(flagsOf(["plan", "--home", "/a", "--driver=sandbox", "--target", "x"]), {
    home: "/a",
    driver: "sandbox",
  });
  assert.deepEqual(flagsOf(["plan", "--fleet=a=b"]), { fleet: "a=b" });
  assert.deepEqual(flagsOf(["drift", "--", "--home", "/a"]), {});
  assert.deepEqual(flagsOf(["plan", "--home"]), { home: "" });
});

test("what was begun is taken once, and only with the same settings", async (t) => {
  const home = await mkdtemp(join(tmpdir(), "vm-agent-early-"));
  t.after(() => rm(home, { recursive: true, force: true }));
  const argv = ["plan", "--home", home, "--fleet", join(home, "fleet"), "--driver", "sandbox"];
  const same = readSettings(flagsOf(argv), process.env, process.cwd());
  await beginEarly(argv);
  const first = await takeEarly(same);
  assert.equal((await first.early?.seen)?.kind, "seen");
  const again = await takeEarly(same);
  assert.notEqual(again.world, first.world);

  await beginEarly(argv);
  const other = await takeEarly({ ...same, driver: null, multipass: join(home, "no-such-multipass") });
  assert.equal(other.early, null);
  assert.equal((await other.world.selection()).kind, "multipass");

  await beginEarly([...argv, "--help"]);
  await beginEarly(["plan", "--driver", "virtualbox"]);
  const usual = await takeEarly(same);
  assert.equal((await usual.early?.seen)?.kind, "seen");
});
