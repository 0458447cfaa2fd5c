/** The plan that people see while agents are worked on: each is listed at most once, and those in work stay listed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withHolds } from "../core/holds.ts";
import { makePlan } from "../core/plan.ts";
import { edit, start } from "./simulation/running-loop.ts";

test("an agent is listed once in the plan at each call of a launch, a repair, a resize, a stop and a destroy", async () => {
  const first = [{ name: "a" }, { name: "b", dependsOn: ["a"] }];
  const scene = await start(first);
  const policy = { actor: "apply", allowDelete: [], targets: [], bootGrace: 900_000 } as const;
  const inWork = new Set<string>();
  const look = () => {
    const turn = scene.loop.last;
    if (!turn) return;
    const plan = withHolds(
      makePlan(scene.desired, turn.observed, policy, scene.clock.now()),
      scene.loop.holds(),
    );
    const names = [...plan.changes, ...plan.held].map((entry) => entry.agent);
    assert.deepEqual([...new Set(names)].sort(), names.sort());
    for (const name of names) if (scene.loop.inFlight.has(name)) inWork.add(name);
  };
  scene.onCall = look;
  scene.loop.start();
  for (const act of [
    () => edit(scene, first),
    () => scene.world.erase("a"),
    () => edit(scene, [{ name: "a", cpu: 3 }, { name: "b" }]),
    () => edit(scene, [{ name: "a", cpu: 3, state: "stopped" }, { name: "b" }]),
    () => edit(scene, [{ name: "b" }], { prune: true }),
  ]) {
    act();
    scene.loop.wake();
    for (let i = 0; i < 200; i++) {
      await scene.clock.advance(2_000);
      look();
    }
  }
  assert.deepEqual([...inWork].sort(), ["a", "b"]);
  assert.equal(scene.world.get("a"), undefined);
  await scene.loop.stop();
});
