/** The destroy of an instance that cannot prove itself: what is proof enough, and what is held with its claim kept. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Loop } from "../loop/loop.ts";
import { type Running, edit, settle, start } from "../loop/simulation/running-loop.ts";

const OWNERSHIP = { isOwned: () => false, hubPort: () => 9090 };

/** `a` launched with an empty guest, because its cloud-init died; `b` runs. */
async function launchedEmpty(prune = false): Promise<Running> {
  const scene = await start([{ name: "a" }, { name: "b" }], { prune });
  const loop = new Loop({ ...scene.deps, ownership: OWNERSHIP });
  Object.assign(scene, { loop });
  await scene.running({ name: "b" });
  scene.faults.set("cloud-init", ["fail"]);
  loop.start();
  await scene.clock.until("it waits for its runtime", () => loop.inFlight.get("a")?.step === "await-ready");
  assert.equal(scene.claim("a")?.phase, "launched");
  return scene;
}

describe("the destroy of a launched instance in which nothing of vm-agent is", () => {
  it("that a person names is done: the launch returned 0, and the name was never absent since", async () => {
    const scene = await launchedEmpty();
    edit(scene, [{ name: "b" }]);
    scene.loop.approve([{ agent: "a", action: "destroy" }], ["a"]);
    await settle(scene);
    assert.equal(scene.world.get("a"), undefined);
    assert.equal(scene.claim("a"), undefined);
  });

  it("that is not named in the request is held, with the command; its claim stays", async () => {
    const scene = await launchedEmpty(true);
    edit(scene, [{ name: "b" }], { prune: true });
    await settle(scene);
    assert.equal(scene.world.get("a")?.state, "Running");
    assert.equal(scene.claim("a")?.phase, "launched");
    const held = scene.loop.last?.plan.held.find((h) => h.agent === "a");
    assert.equal(held?.reason, "unproven");
    assert.match(held?.release ?? "", /vm-agent destroy a$/);
  });

  it("is not done to another fleet's instance of this name, however it is named", async () => {
    const scene = await launchedEmpty();
    scene.world.erase("a");
    const size = { cpu: 1, memory: 2 ** 30, disk: 2 ** 33 };
    const theirs = scene.world.add({ name: "a", maker: "fleet", nonce: "another-fleet", size });
    scene.world.put(theirs, "Running");
    edit(scene, [{ name: "b" }]);
    scene.loop.approve([{ agent: "a", action: "destroy" }], ["a"]);
    await settle(scene);
    assert.equal(scene.world.get("a"), theirs);
    assert.ok(!scene.calls.includes("remove a"));
  });
});
