/** Output without a reader, or that cannot be written: no stack, a true exit code, and no task left running. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, MAIN, type Up, createFixture, until } from "../support/harness.ts";

describe("output that goes nowhere", () => {
  let fixture: Fixture;
  let up: Up;
  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings(), "builder.yaml": BUILDER });
    up = await fixture.up();
    const healthy = async () => (await up.api.getFleet()).agents[0]?.health === "Healthy";
    await until("the agent is there", healthy, 60_000);
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  /** A line of bash, in which `vm` is the command; gives its output and the exit codes of the pipe. */
  const bash = (line: string): Promise<{ readonly stdout: string; readonly stderr: string }> => {
    const text = `exec </dev/null; vm() { '${process.execPath}' '${MAIN}' "$@"; }; ${line}; echo "codes \${PIPESTATUS[*]}"`;
    const options = { cwd: fixture.folder, env: fixture.env as NodeJS.ProcessEnv, timeout: 90_000 };
    return promisify(execFile)("bash", ["-c", text], options);
  };

  it("a reader that is gone ends the command quietly", async () => {
    const { stdout, stderr } = await bash("vm logs agent-builder --follow | true");
    assert.equal(stdout, "codes 141 0\n");
    assert.equal(stderr, "");
  });

  it("a task whose reader is gone is cancelled", async () => {
    const { stdout, stderr } = await bash("vm exec agent-builder -- yes | head -1");
    assert.match(stdout, /^y\ncodes 143 0\n$/);
    assert.doesNotMatch(stderr, /Error|at /);
    const [task] = (await up.api.listTasks({ limit: 1 })).tasks;
    assert.equal(task?.state, "cancelled");
  });

  it("what cannot be written is an error", {
    skip: existsSync("/dev/full") ? false : "no /dev/full here",
  }, async () => {
    const { stdout, stderr } = await bash("vm validate > /dev/full");
    assert.equal(stdout, "codes 1\n");
    assert.match(stderr, /^error: the output cannot be written: .*ENOSPC.*\n {2}\S/);
  });
});
