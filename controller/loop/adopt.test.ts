/** A person's claim of a foreign instance: what is refused, and that nothing is left to do afterwards. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../base/clock.ts";
import {
  agentOf,
  claimAsDeclared,
  desiredOf,
  instanceOf,
  observedOf,
  policyOf,
} from "../core/testing/build.ts";
import { makePlan } from "../core/plan.ts";
import type { InstanceState } from "../core/types.ts";
import type { Driver, Observation } from "../drivers/driver.ts";
import { createMemoryStore } from "../store/memory/memory.ts";
import { adopt } from "./adopt.ts";

const agent = agentOf({ name: "pet", state: "stopped", protect: true });

async function setup(seen: Observation) {
  const store = createMemoryStore();
  const fence = await store.nextFence();
  const driver = { list: () => Promise.resolve(seen) } as Partial<Driver> as Driver;
  return { store, deps: { driver, store, clock: systemClock, fence, nonce: () => "fresh" } };
}
const showing = (state: InstanceState): Observation => ({
  kind: "seen",
  instances: [instanceOf("pet", state)],
});

describe("adopt", () => {
  it("claims it as its document says: a plan has nothing to do, and says what is missing inside", async () => {
    const { store, deps } = await setup(showing("Stopped"));
    await adopt(deps, agent);
    const [claim] = store.claims.list();
    assert.deepEqual(
      [claim?.nonce, claim?.phase, claim?.proven, claim?.adopted, claim?.protect],
      ["fresh", "launched", false, true, true],
    );
    const now = Date.now();
    const observed = observedOf([instanceOf("pet", "Stopped", { size: agent.size })], store.claims.list());
    const plan = makePlan(desiredOf([{ name: "pet", state: "stopped" }]), observed, policyOf(), now);
    assert.deepEqual([plan.changes, plan.held], [[], []]);
    assert.match(plan.notes[0]?.message ?? "", /no runtime is inside/);
  });

  const refused: readonly (readonly [string, Observation, string])[] = [
    [
      "nothing can be seen",
      { kind: "unobservable", reason: "the daemon is away", next: "wait" },
      "unobservable",
    ],
    ["it is not there", { kind: "seen", instances: [instanceOf("other", "Running")] }, "instance-missing"],
    ["it is deleted", showing("Deleted"), "wrong-state"],
    ["it is not known how it is", showing("Unknown"), "wrong-state"],
    ["it is on its way", showing("Starting"), "wrong-state"],
    ["it was started since it was recorded", showing("Running"), "world-moved"],
  ];
  for (const [reason, seen, code] of refused)
    it(`refuses when ${reason}, and claims nothing`, async () => {
      const { store, deps } = await setup(seen);
      await assert.rejects(adopt(deps, agent), { code });
      assert.deepEqual(store.claims.list(), []);
    });

  it("refuses what is ours already", async () => {
    const { store, deps } = await setup(showing("Stopped"));
    const claim = claimAsDeclared(agent);
    await store.claims.put(claim, deps.fence);
    await assert.rejects(adopt(deps, agent), { code: "already-ours" });
    assert.deepEqual(store.claims.list(), [claim]);
  });
});
