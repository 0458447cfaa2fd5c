/** Dependencies: for each wanted × seen state the rule and the wording say the same, and a wait can come to an end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { satisfied, waitText } from "./dependencies.ts";
import { diff } from "./diff/diff.ts";
import { claimOf, desiredOf, GRACE, instanceOf, NOW, observedOf, runtimeOf } from "./testing/build.ts";
import { INSTANCE_STATES, type PowerState } from "./types.ts";

const GOALS = { running: "Ready", stopped: "Stopped", suspended: "Suspended" } as const;
const POWERS = ["running", "stopped", "suspended"] as const satisfies readonly PowerState[];

const scene = (wanted: PowerState, seen: (typeof INSTANCE_STATES)[number] | null, paused: boolean) => {
  const desired = desiredOf([
    { name: "db", state: wanted, paused },
    { name: "web", dependsOn: ["db"] },
  ]);
  const observed = observedOf(
    seen === null ? [] : [instanceOf("db", seen)],
    [claimOf("db", null)],
    seen === "Running" ? [runtimeOf("db")] : [],
  );
  return { desired, observed };
};

test("of each state, the plan waits exactly while the rule is not satisfied, and says for what", () => {
  for (const wanted of POWERS)
    for (const seen of [...INSTANCE_STATES, null])
      for (const paused of [false, true]) {
        const { desired, observed } = scene(wanted, seen, paused);
        const what = `wanted ${wanted}, seen ${seen}, paused ${paused}`;
        const list = observed.instances.kind === "seen" ? observed.instances.list : [];
        const ready = satisfied(
          desired,
          new Map(list.map((i) => [i.name, i])),
          new Map(observed.claims.map((c) => [c.name, c])),
          new Map(observed.runtimes.map((r) => [r.agent, r])),
        );
        const isThere = wanted === "running" ? seen === "Running" : seen === GOALS[wanted];
        assert.equal(ready.has("db"), isThere, what);
        const web = diff(desired, observed, NOW, GRACE).changes.find((c) => c.agent === "web");
        assert.ok(web, what);
        assert.deepEqual(web.waitsFor, isThere ? [] : ["db"], what);
        const text = `db is ${GOALS[wanted]}${paused ? "; db is paused: vm-agent resume db" : ""}`;
        assert.equal(web.waitsUntil, isThere ? undefined : text, what);
      }
});

test("several are named by what each is waited for", () => {
  const of = (name: string, state: PowerState, paused = false) => ({ name, state, paused });
  assert.equal(waitText([of("a", "running"), of("b", "running")]), "a and b are Ready");
  assert.equal(
    waitText([of("a", "running"), of("b", "stopped"), of("c", "running", true)]),
    "a and c are Ready and b is Stopped; c is paused: vm-agent resume c",
  );
});
