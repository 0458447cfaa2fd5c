/** A plan while the loop is in the middle of a change: remaining differences are shown as the loop's work. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { BUILDER, settings } from "../support/fleets.ts";
import { createFixture, until } from "../support/harness.ts";

test("plan while the loop has an instance stopped for a resize", async (t) => {
  const fixture = await createFixture({ "fleet.yaml": settings(), "agents/builder.yaml": BUILDER });
  t.after(() => fixture.close());
  const faults = join(fixture.folder, "faults.json");
  const slowly = { command: "start", fault: "slow", ms: 15_000 };
  await writeFile(faults, JSON.stringify({ rules: [slowly] }));
  const up = await fixture.up({ VM_AGENT_SANDBOX_FAULTS: faults });
  const agent = async () => (await up.api.getFleet()).agents[0];
  await until("the agent is in sync", async () => (await agent())?.health === "Healthy", 60_000);
  await fixture.write("agents/builder.yaml", BUILDER.replace("cpu: 1", "cpu: 2"));
  await until("it is being started again", async () => (await agent())?.work?.step === "start", 60_000);

  const plan = await fixture.cli("plan");
  assert.equal(plan.code, 0, plan.stderr);
  assert.match(
    plan.stdout,
    /^! {3}agent-builder {3}change: the loop is at work on it\n {6}doing {5}starting for \d+ s\n/m,
  );
  assert.doesNotMatch(plan.stdout, /was edited|stopped → running/);
  const { notes } = JSON.parse((await fixture.cli("plan", "--json")).stdout) as {
    readonly notes: readonly { readonly agent: string; readonly message: string }[];
  };
  assert.ok(
    notes.some((n) => n.agent === "agent-builder" && /at work on it: starting/.test(n.message)),
    JSON.stringify(notes),
  );
  await up.end("SIGKILL");
});
