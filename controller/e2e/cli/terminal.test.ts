/** apply and task in a real pseudo-terminal: the question, the live lines, Ctrl-C; and no escape code in a pipe. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, createFixture, until } from "../support/harness.ts";
import { NO_PTY, type Terminals, terminals } from "../support/pty.ts";

describe("in a terminal", { skip: NO_PTY }, () => {
  let fixture: Fixture;
  let shells: Terminals;
  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings(), "agents/builder.yaml": BUILDER });
    shells = terminals(fixture);
  });
  after(async () => {
    shells.close();
    await fixture.close();
  });

  /** The environment in which this happens to that command of Multipass. */
  async function faulty(rule: Readonly<Record<string, unknown>>) {
    const file = join(fixture.folder, `${rule.command}.json`);
    await writeFile(file, JSON.stringify({ rules: [rule] }));
    return { VM_AGENT_SANDBOX_FAULTS: file };
  }

  const terminal = (...args: readonly string[]) => shells.open(...args);

  it("apply asks, says no to anything but yes, and shows a line that is redrawn; Ctrl-C lets the running step end", async () => {
    const no = terminal("apply");
    await no.sees(/Only yes is taken as one/);
    no.type("y\r");
    assert.equal(await no.ended, 1);
    assert.deepEqual(await fixture.states(), {});

    const apply = terminal("apply");
    await apply.sees(/Only yes is taken as one/);
    apply.type("yes\r");
    await apply.sees(/agent-builder {2}\S launching/);
    apply.type("\u0003");
    assert.equal(await apply.ended, 130);
    assert.match(
      apply.shown(),
      /finishing the running steps[\s\S]*stopped, as asked; not done, or not all of it: agent-builder\r\n {2}vm-agent apply goes on from here/,
    );
    // The launch was not cut off.
    assert.deepEqual(await fixture.states(), { "agent-builder": "Running" });

    const piped = await fixture.cli("apply", "--yes");
    assert.equal(piped.code, 0, piped.stderr);
    assert.ok(!/\u001b/.test(piped.stdout + piped.stderr));
    assert.match(piped.stdout, /Applied 1 of 1 changes, 0 held\. Next: vm-agent up/);
  });

  it("a second Ctrl-C ends apply at once, and the next one goes on from there", async () => {
    const name = "agent-late";
    await fixture.write("late.yaml", BUILDER.replace("agent-builder", name));
    const slow = terminals(fixture, await faulty({ command: "launch", fault: "slow", ms: 8000 }));
    const apply = slow.open("apply", "--yes");
    await apply.sees(/agent-late {2}\S launching/);
    apply.type("\u0003");
    await apply.sees(/again to stop at once/);
    apply.type("\u0003");
    assert.equal(await apply.ended, 130);
    assert.ok(!apply.shown().includes("stopped, as asked"), "it waited for nothing");
    assert.equal((await fixture.states())[name], undefined, "the launch was not over");

    const again = await fixture.cli("apply", "--yes");
    assert.equal(again.code, 0, again.stdout + again.stderr);
    assert.equal((await fixture.states())[name], "Running");
    const destroyed = await fixture.cli("destroy", name, "--force");
    assert.equal(destroyed.code, 0, destroyed.stdout + destroyed.stderr);
  });

  it("a download is shown in percent on a terminal, redrawn, and in quarters in a pipe", async () => {
    for (const [name, image] of [
      ["agent-shown", "22.04"],
      ["agent-piped", "25.10"],
    ] as const)
      await fixture.write(`${name}.yaml`, `${BUILDER.replace("agent-builder", name)}image: "${image}"\n`);
    const env = await faulty({ command: "launch", fault: "slow-image", ms: 3000 });
    const shown = terminals(fixture, env).open("apply", "--yes", "--target", "agent-shown");
    await shown.sees(/agent-shown {2}\S launching \d+ m?s \d+%/);
    assert.equal(await shown.ended, 0, shown.shown());

    const piped = await fixture.cliWith(env, "apply", "--yes", "--target", "agent-piped");
    assert.equal(piped.code, 0, piped.stdout + piped.stderr);
    assert.match(piped.stdout, /^agent-piped: launching …\nagent-piped: Retrieving image: \d+%$/m);
    assert.ok((piped.stdout.match(/Retrieving image/g)?.length ?? 9) <= 4, piped.stdout);
    const gone = await fixture.cli("destroy", "agent-shown", "agent-piped", "--force");
    assert.equal(gone.code, 0, gone.stdout + gone.stderr);
  });

  it("what takes longer than a second is named on the terminal, and its line is clean afterwards", async () => {
    const slow = terminals(fixture, await faulty({ command: "list", fault: "slow", ms: 2500 }));
    const plan = slow.open("plan");
    await plan.sees(/waiting for sandbox, which is asked what there is …/);
    await plan.sees(/\r\u001b\[Kvm-agent [\s\S]*No changes/);
    assert.equal(await plan.ended, 0);
  });

  it("Ctrl-C cancels the task that is watched; a second one leaves it to its end", async () => {
    const up = await fixture.up();
    await until("the agent is online", async () => (await up.api.getFleet()).agents[0]?.health === "Healthy");
    const watched = terminal("exec", "agent-builder", "--", "echo here; sleep 600");
    await watched.sees(/here/);
    watched.type("\u0003");
    assert.equal(await watched.ended, 130);
    assert.match(watched.shown(), /cancelling the task; again to leave it running/);
    const [task] = (await up.api.listTasks({ limit: 1 })).tasks;
    assert.equal(task?.state, "cancelled");

    // One that does not heed SIGTERM takes a while, in which a person may change their mind.
    const stubborn = terminal(
      "exec",
      "agent-builder",
      "--",
      "trap '' TERM; echo there; sleep 600 & wait; wait",
    );
    await stubborn.sees(/there/);
    stubborn.type("\u0003");
    await stubborn.sees(/cancelling the task/);
    stubborn.type("\u0003");
    assert.equal(await stubborn.ended, 130);
    assert.match(stubborn.shown(), /left as it is; vm-agent cancel [0-9a-f-]+ cancels it/);
    await up.end();
  });
});
