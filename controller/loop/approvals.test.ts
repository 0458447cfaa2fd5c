/** An approval outlives the process that it was given to, and is for the document and the instance that it was given for. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Loop } from "./loop.ts";
import { type Running, settle, start } from "./simulation/running-loop.ts";

/** A destroy of `a` is approved, and the process ends before anything is done. */
async function approvedThenKilled(): Promise<Running> {
  const scene = await start([{ name: "b" }]);
  await scene.running({ name: "a" });
  await scene.running({ name: "b" });
  await scene.loop.approve([{ agent: "a", action: "destroy" }], ["a"]);
  return scene;
}

const restarted = (scene: Running): Running => {
  const loop = new Loop(scene.deps);
  loop.start();
  return Object.assign(scene, { loop });
};

describe("an approval", () => {
  it("is carried out after a restart", async () => {
    const scene = restarted(await approvedThenKilled());
    await settle(scene);
    assert.deepEqual(scene.calls, ["remove a"]);
  });

  it("is void after a restart when another instance has the name since", async () => {
    const scene = await approvedThenKilled();
    const claim = scene.claim("a");
    assert.ok(claim);
    await scene.store.claims.put({ ...claim, nonce: "another" }, scene.deps.fence);
    const after = restarted(scene);
    await settle(after);
    assert.deepEqual(scene.calls, []);
    assert.deepEqual(
      after.loop.last?.plan.held.map((h) => [h.agent, h.reason]),
      [["a", "prune-off"]],
    );
  });

  it("is void after a restart when its document says something else since", async () => {
    const scene = await start([{ name: "a", image: "24.04" }]);
    await scene.running({ name: "a" });
    await scene.loop.approve([{ agent: "a", action: "replace" }], []);
    scene.write([{ name: "a", image: "26.04" }]);
    const after = restarted(scene);
    await settle(after);
    assert.deepEqual(scene.calls, []);
    assert.deepEqual(
      after.loop.last?.plan.held.map((h) => [h.agent, h.reason]),
      [["a", "data-loss"]],
    );
  });

  it("is for once: what was carried out is not approved after a restart", async () => {
    const scene = restarted(await approvedThenKilled());
    await settle(scene);
    await scene.running({ name: "a" });
    const after = restarted(scene);
    await settle(after);
    assert.deepEqual(scene.calls, ["remove a"]);
  });
});
