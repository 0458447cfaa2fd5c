/** The completion scripts in the shells that are there: what a person would get at the Tab key. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { THREE } from "./fleets.ts";
import { type Fixture, MAIN, createFixture } from "./harness.ts";

const there = (shell: string) => spawnSync(shell, ["--version"]).status === 0;

describe("completion", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture(THREE);
  });
  after(() => fixture.close());
  const script = async (shell: string): Promise<string> => {
    const { code, stdout } = await fixture.cli("completion", shell);
    assert.equal(code, 0);
    return stdout;
  };
  const run = (shell: string, text: string, args: readonly string[] = ["-c"]) => {
    const env = { ...process.env, VM_AGENT_FLEET: fixture.fleet, VM_AGENT_HOME: fixture.home };
    const result = spawnSync(shell, [...args, text], { cwd: fixture.folder, env, encoding: "utf8" });
    assert.deepEqual([result.status, result.stderr], [0, ""]);
    return result.stdout.trim().split("\n");
  };

  it("bash", async () => {
    const tab = (words: string, at: number) =>
      `COMP_WORDS=(${words}); COMP_CWORD=${at}; _vm_agent; printf '%s\\n' "\${COMPREPLY[@]}"; echo .`;
    const vm = `vm-agent() { '${process.execPath}' '${MAIN}' "$@"; }`;
    const text = `${vm}\n${await script("bash")}\ncomplete -p vm-agent\n${tab("vm-agent susp", 1)}\n${tab('vm-agent stop ""', 2)}`;
    assert.deepEqual(run("bash", text, ["--norc", "-c"]), [
      "complete -o default -F _vm_agent vm-agent",
      "suspend",
      ".",
      "agent-builder",
      "agent-researcher",
      "agent-tester",
      ".",
    ]);
  });

  for (const shell of ["zsh", "fish"])
    it(`${shell}: its script is one that ${shell} reads`, {
      skip: there(shell) ? false : `no ${shell} here`,
    }, async () => {
      run(shell, await script(shell), ["--no-execute", "-c"]);
    });

  it("another shell is refused with those that there are", async () => {
    const { code, stderr } = await fixture.cli("completion", "tcsh");
    assert.deepEqual([code, /allowed: bash, zsh, fish/.test(stderr)], [64, true]);
  });
});
