/** reconcile.ts: what a turn writes down of what became true; it changes nothing in the world. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agentOf, claimOf, policyOf } from "../core/testing/build.ts";
import { desiredView } from "../core/diff/fields.ts";
import { vanishedKey } from "../store/keys.ts";
import type { Turn } from "../core/types.ts";
import { type TurnOptions, reconcile } from "./turn.ts";
import { type Scene, createScene } from "./simulation/scene.ts";

async function turn(scene: Scene, more: Partial<TurnOptions> = {}): Promise<Turn> {
  const options = { fence: scene.deps.fence, busy: new Set<string>(), snapshotsMaxAge: 60_000, ...more };
  const pending = reconcile(scene.deps, scene.desired, policyOf(), options);
  let done = false;
  const end = () => {
    done = true;
  };
  void pending.then(end, end);
  await scene.clock.until("the turn is over", () => done);
  return pending;
}

/** An instance that runs with its runtime online, whose launch we did not see the end of. */
async function half(scene: Scene): Promise<void> {
  await scene.running({ name: "a" }, { phase: "launching", proven: false, converged: null });
}

describe("a launch whose end was not seen", () => {
  it("is one that succeeded when its runtime has proven itself", async () => {
    const scene = await createScene([{ name: "a" }]);
    await half(scene);
    await turn(scene);
    assert.deepEqual([scene.claim("a")?.phase, scene.claim("a")?.proven], ["launched", true]);
    scene.world.erase("a");
    const { observed } = await turn(scene);
    assert.deepEqual(
      [scene.claim("a"), observed.vanished],
      [undefined, ["a"]],
      "so it is missed when it is gone",
    );
  });

  for (const [what, change] of [
    ["another nonce", { nonce: "another" }],
    ["a runtime that is offline", {}],
  ] as const)
    it(`is not, with ${what}`, async () => {
      const scene = await createScene([{ name: "a" }], {}, { trusting: true });
      await half(scene);
      const claim = scene.claim("a");
      assert.ok(claim);
      await scene.store.claims.put({ ...claim, ...change }, scene.deps.fence);
      const instance = scene.world.get("a");
      if (what === "a runtime that is offline" && instance) instance.helloAt = Number.POSITIVE_INFINITY;
      await turn(scene);
      assert.equal(scene.claim("a")?.phase, "launching");
    });

  it("is left alone while it is worked on, and by a reader", async () => {
    const scene = await createScene([{ name: "a" }]);
    await half(scene);
    await turn(scene, { busy: new Set(["a"]) });
    await turn(scene, { fence: null });
    assert.equal(scene.claim("a")?.phase, "launching");
  });
});

it("a claim learns what its document says now, unless it is worked on", async () => {
  const scene = await createScene([{ name: "a", protect: true }]);
  await scene.running({ name: "a" });
  await turn(scene, { busy: new Set(["a"]) });
  assert.equal(scene.claim("a")?.protect, false);
  await turn(scene);
  assert.equal(scene.claim("a")?.protect, true);
});

it("an edit that needed no change is remembered as converged, so that later drift counts as drift", async () => {
  const scene = await createScene([{ name: "a", cpu: 3 }]);
  const agent = agentOf({ name: "a", cpu: 3 });
  await scene.running({ name: "a", cpu: 3 }, { converged: desiredView(agentOf({ name: "a", cpu: 2 })) });
  await turn(scene);
  assert.deepEqual(scene.claim("a")?.converged, desiredView(agent));
});

it("stale records are removed: claims without instance and document, vanished names that are not desired", async () => {
  const scene = await createScene([{ name: "b" }]);
  const { store, deps } = scene;
  await store.claims.put(claimOf("a", null, { phase: "launching", bootAt: 0, claimedAt: 0 }), deps.fence);
  await store.kv.put(vanishedKey("a"), { at: 0 });
  await store.kv.put(vanishedKey("b"), { at: 0 });
  await turn(scene, { fence: null });
  assert.ok(scene.claim("a"), "a reader forgets nothing");
  await turn(scene);
  assert.equal(scene.claim("a"), undefined);
  assert.deepEqual([...store.kv.all("vanished/").keys()], [vanishedKey("b")]);
});

it("drift that a person wants corrected is a change, and every guard stands before it still", async () => {
  const warned = { name: "a", drift: "warn" } as const;
  const scene = await createScene([warned]);
  scene.world.put(await scene.running(warned), "Stopped");
  const held = await turn(scene);
  assert.deepEqual([held.plan.changes.length, held.plan.held[0]?.reason], [0, "drift-mode"]);
  const asked = await turn(scene, { correct: () => true });
  assert.deepEqual([asked.plan.changes[0]?.action, asked.plan.held], ["start", []]);
  scene.write([{ ...warned, paused: true }]);
  const paused = await turn(scene, { correct: () => true });
  assert.deepEqual([paused.plan.changes, paused.plan.held[0]?.reason], [[], "paused"]);
  assert.deepEqual(scene.calls, []);
});

it("a claim dies while its agent is worked on too, when nothing of ours is in motion there", async () => {
  const scene = await createScene([{ name: "a" }]);
  await scene.running({ name: "a" });
  scene.world.erase("a");
  await turn(scene, { busy: new Set(["a"]) });
  assert.equal(scene.claim("a"), undefined, "the next instance of that name is a stranger");
});
