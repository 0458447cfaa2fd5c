/** A real hub under a clock that is 400 days ahead keeps its history and says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createFixture, until } from "../support/harness.ts";

const AHEAD = 400 * 24 * 3_600_000;

test("up 400 days ahead: the finished task and the audit are there, and both dashboards and doctor warn", async (t) => {
  const fixture = await createFixture({
    "a.yaml": "kind: Agent\nname: agent-a\ntype: builder\nmemory: 256M\ndisk: 1G\n",
  });
  t.after(() => fixture.close());
  let up = await fixture.up();
  const task = await fixture.cli("task", "agent-a", '{"type":"exec","command":"echo kept"}');
  assert.equal(task.stdout, "kept\n", task.stderr);
  const before = (await up.api.verifyAudit()).entries;
  await up.end();

  const shift = `data:text/javascript,const now = Date.now; Date.now = () => now() + ${AHEAD};`;
  const env = { NODE_OPTIONS: `--import="${shift}"` };
  up = await fixture.up(env);
  const [alert] = await until("a warning", async () => {
    const { alerts } = await up.api.getFleet();
    return alerts.length > 0 ? alerts : null;
  });
  assert.match(alert?.message ?? "", /clock jumped ahead by 400 d/);
  assert.match(up.output(), /clock jumped ahead/);
  // Pruning begins within a second. The second turn comes with the runtime, or with the resync after half a minute.
  await until("a second turn", async () => (await up.api.getFleet()).turns > 1, 120_000);
  assert.ok((await up.api.verifyAudit()).entries >= before);
  const { tasks } = await up.api.listTasks();
  assert.ok(tasks.some((each) => each.state === "succeeded"));
  const doctor = await fixture.cliWith(env, "doctor");
  assert.match(doctor.stdout, /clock jumped ahead by 400 d/);
  const acknowledged = await fixture.cliWith(env, "audit", "acknowledge");
  assert.equal(acknowledged.code, 0, acknowledged.stderr);
  await until("it is trusted", async () => (await up.api.getFleet()).alerts.length === 0);
  await up.end();
});
