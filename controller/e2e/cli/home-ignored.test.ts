/** Whichever command makes the state folder, git never takes a file of it: sandboxes, tokens and keys are in there. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MAIN } from "../support/harness.ts";

const COMMANDS: readonly (readonly string[])[] = [
  ["plan"],
  ["list"],
  ["drift"],
  ["status", "agent-a"],
  ["why", "agent-a"],
  ["multipass", "list"],
  ["doctor"],
  ["token", "show"],
  ["token", "rotate"],
  ["audit"],
  ["audit", "acknowledge"],
  ["backup", "none.backup", "--restore"],
  ["import", "agent-b", "--yes"],
];

for (const command of COMMANDS)
  test(`a first ${command.join(" ")} leaves nothing that git add -A takes`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), "vm-agent-first-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    execFileSync("git", ["init", "-q"], { cwd: folder });
    mkdirSync(join(folder, "fleet"));
    writeFileSync(join(folder, "fleet", "a.yaml"), "kind: Agent\nname: agent-a\ntype: builder\n");
    // An empty variable counts as none; this machine may have a Multipass.
    const env = { ...process.env, VM_AGENT_HOME: "", VM_AGENT_SANDBOX_DIR: "", VM_AGENT_DRIVER: "sandbox" };
    const ran = spawnSync(process.execPath, [MAIN, ...command], { cwd: folder, env, encoding: "utf8" });
    const status = execFileSync("git", ["status", "--porcelain", "-uall"], { cwd: folder, encoding: "utf8" });
    assert.doesNotMatch(status, /\.vm-agent/, `${ran.stdout}${ran.stderr}`);
    if (existsSync(join(folder, ".vm-agent"))) assert.ok(existsSync(join(folder, ".vm-agent", ".gitignore")));
  });

test("the first plan makes the folder, so the rule is needed there", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-first-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "fleet"));
  const env = { ...process.env, VM_AGENT_HOME: "", VM_AGENT_SANDBOX_DIR: "", VM_AGENT_DRIVER: "sandbox" };
  spawnSync(process.execPath, [MAIN, "multipass", "list"], { cwd: folder, env, encoding: "utf8" });
  assert.ok(existsSync(join(folder, ".vm-agent", ".gitignore")));
});
