/** fleet-git.ts: the revision of the fleet folder, and null wherever there is none. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../base/exec.ts";
import { gitRevision } from "./fleet-git.ts";

test("the short hash of HEAD; null outside a repository, before the first commit and for no folder", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-git-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const git = async (...args: readonly string[]) => {
    const who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    const result = await run("git", ["-C", folder, ...who, ...args]);
    assert.equal(result.exitCode, 0, result.stderr);
    return result.stdout.trim();
  };
  assert.equal(await gitRevision(folder), null);
  assert.equal(await gitRevision(join(folder, "none")), null);
  await git("init", "-q");
  assert.equal(await gitRevision(folder), null);
  writeFileSync(join(folder, "a.yaml"), "kind: Agent\n");
  await git("add", ".");
  await git("commit", "-q", "-m", "first");
  mkdirSync(join(folder, "fleet"));
  assert.equal(await gitRevision(join(folder, "fleet")), await git("rev-parse", "--short", "HEAD"));
});
