/** Signals while tasks are watched, with real runtimes: Ctrl-C and SIGTERM cancel every one of them, a second Ctrl-C leaves them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";
import { NO_PTY, type Terminals, terminals } from "../support/pty.ts";

/** Prints that it runs, and ends within seconds of a signal. */
const LONG = '{"type":"exec","command":"echo here; sleep 600"}';
/** Does not heed SIGTERM: the runtime ends it by force, seconds later. */
const STUBBORN = `{"type":"exec","command":"trap '' TERM; echo here; sleep 600 & wait; wait; wait"}`;

describe("signals while tasks are watched", { skip: NO_PTY }, () => {
  let fixture: Fixture;
  let shells: Terminals;
  let up: Up;
  before(async () => {
    const two = ["agent-a", "agent-b"].map(
      (name) => `${BUILDER.replace("agent-builder", name)}env: {ME: ${name}}\n`,
    );
    fixture = await createFixture({ "fleet.yaml": settings(), "agents.yaml": two.join("---\n") });
    shells = terminals(fixture);
    up = await fixture.up();
    await until(
      "both are online",
      async () => {
        const { agents } = await up.api.getFleet();
        return agents.length === 2 && agents.every((a) => a.health === "Healthy");
      },
      60_000,
    );
  });
  after(async () => {
    shells.close();
    await up.end();
    await fixture.close();
  });

  /** The newest `n` tasks. */
  const newest = async (n: number) => (await up.api.listTasks({ limit: n })).tasks;
  const states = async (n: number) => (await newest(n)).map((t) => t.state);

  it("Ctrl-C cancels all that were given, with --all and with --agents", async () => {
    for (const choice of [["--all"], ["--agents", "agent-a,agent-b"]]) {
      const many = shells.open("task", ...choice, LONG);
      await many.sees(/here[\s\S]*here/);
      many.type("\u0003");
      assert.equal(await many.ended, 130, many.shown());
      assert.match(many.shown(), /cancelling 2 tasks; again to leave them running/);
      assert.match(many.shown(), /agent-a: cancelled/);
      assert.match(many.shown(), /agent-b: cancelled/);
      assert.deepEqual(await states(2), ["cancelled", "cancelled"]);
    }
  });

  it("only running tasks are cancelled, and one that succeeded is not reported as failed", async () => {
    const line = `{"type":"exec","command":"echo here; test $ME = agent-a || sleep 600"}`;
    const many = shells.open("task", "--all", line);
    await many.sees(/here[\s\S]*here/);
    await until("one is over", async () => (await states(2)).includes("succeeded"), 60_000);
    many.type("\u0003");
    assert.equal(await many.ended, 130, many.shown());
    assert.match(many.shown(), /agent-b: cancelled/);
    assert.doesNotMatch(many.shown(), /agent-a: |not cancelled/);
    assert.deepEqual((await states(2)).sort(), ["cancelled", "succeeded"]);
  });

  const ended = (name: string, ...args: readonly string[]) =>
    it(`SIGTERM of ${name}: cancelled, and 143`, async () => {
      const child = fixture.spawn(...args);
      const closed = new Promise((resolve) => child.on("close", (code, signal) => resolve([code, signal])));
      let reported = "";
      child.stderr?.on("data", (d: Buffer) => (reported += d.toString()));
      let said = "";
      child.stdout?.on("data", (d: Buffer) => (said += d.toString()));
      await until("it runs", () => said.includes("here"), 60_000);
      child.kill("SIGTERM");
      assert.deepEqual(await closed, [143, null], reported);
      assert.match(reported, /cancelling the task; again to leave it running/);
      assert.deepEqual(await states(1), ["cancelled"]);
    });
  ended("task --wait", "task", "agent-a", LONG, "--wait");
  ended("exec", "exec", "agent-b", "--", "echo here; sleep 600");

  it("a second Ctrl-C leaves them, and says how to cancel each", async () => {
    const many = shells.open("task", "--all", STUBBORN);
    await many.sees(/here[\s\S]*here/);
    many.type("\u0003");
    await many.sees(/cancelling 2 tasks/);
    many.type("\u0003");
    assert.equal(await many.ended, 130, many.shown());
    for (const { id } of await newest(2)) assert.match(many.shown(), new RegExp(`vm-agent cancel ${id}`));
  });
});
