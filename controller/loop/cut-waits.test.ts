/** A wait ends when its change is no longer wanted, and a person's order does not wait for what others wait for. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ShortAgent } from "../core/testing/build.ts";
import { type Running, edit, start } from "./simulation/running-loop.ts";

/** Less than any deadline of a wait in these scenes (drain 60 s, ready 120 s). */
const AT_ONCE_MS = 30_000;

/** `a` is launched, and its runtime never comes. */
async function waiting(others: readonly ShortAgent[] = [], parallelism = 2): Promise<Running> {
  const scene = await start([{ name: "a" }, { name: "b" }, ...others], { parallelism });
  await scene.running({ name: "b" });
  for (const other of others) await scene.running(other);
  scene.faults.set("cloud-init", ["fail"]);
  scene.loop.start();
  await scene.clock.until(
    "it waits for its runtime",
    () => scene.loop.inFlight.get("a")?.step === "await-ready",
  );
  return scene;
}

describe("a runtime that never comes", () => {
  it("is not waited for once its agent is destroyed", async () => {
    const scene = await waiting();
    edit(scene, [{ name: "b" }]);
    scene.loop.approve([{ agent: "a", action: "destroy" }], ["a"]);
    await scene.clock.until("it is gone", () => scene.world.get("a") === undefined, AT_ONCE_MS);
    assert.equal(scene.loop.queue.failure("a"), undefined);
  });

  it("is not waited for once its agent is to be stopped", async () => {
    const scene = await waiting();
    edit(scene, [{ name: "a", state: "stopped" }, { name: "b" }]);
    await scene.clock.until("it is stopped", () => scene.world.get("a")?.state === "Stopped", AT_ONCE_MS);
  });

  it("is not waited for once its agent is paused or edited", async () => {
    for (const next of [{ paused: true }, { cpu: 3 }]) {
      const scene = await waiting();
      const { inFlight } = scene.loop;
      const before = inFlight.get("a");
      edit(scene, [{ name: "a", ...next }, { name: "b" }]);
      await scene.clock.until("the wait is over", () => inFlight.get("a") !== before, AT_ONCE_MS);
      if (next.paused) assert.equal(inFlight.get("a"), undefined);
      await scene.loop.stop();
    }
  });

  it("is waited for when another agent is edited", async () => {
    const scene = await waiting();
    const before = scene.loop.inFlight.get("a");
    edit(scene, [{ name: "a" }, { name: "b", state: "stopped" }]);
    await scene.clock.until("b is stopped", () => scene.world.get("b")?.state === "Stopped", 100_000);
    assert.equal(scene.loop.inFlight.get("a"), before);
  });

  it("does not keep a person's order to another agent waiting, although it takes the only slot", async () => {
    const scene = await waiting([{ name: "c" }], 1);
    edit(scene, [{ name: "a" }, { name: "b" }]);
    scene.loop.approve([{ agent: "c", action: "destroy" }], ["c"]);
    await scene.clock.until("c is gone", () => scene.world.get("c") === undefined, AT_ONCE_MS);
    assert.equal(scene.loop.inFlight.get("a")?.step, "await-ready");
  });
});

describe("tasks that run", () => {
  it("are not waited for once the stop that waited for them is taken back, and get more", async () => {
    const scene = await start([{ name: "a", state: "stopped" }], {}, { drainTakes: () => 50_000 });
    await scene.running({ name: "a" });
    scene.loop.start();
    await scene.clock.until("it drains", () => scene.loop.inFlight.get("a")?.step === "drain");
    edit(scene, [{ name: "a" }]);
    await scene.clock.until("the drain is over", () => !scene.port.drained.has("a"), AT_ONCE_MS);
    assert.equal(scene.world.get("a")?.state, "Running");
    assert.deepEqual(scene.calls, []);
  });

  it("cannot end in an instance that is down: its destroy does not wait for them", async () => {
    const scene = await start([{ name: "b" }], {}, { drainTakes: () => 50_000 });
    await scene.running({ name: "b" });
    const instance = await scene.running({ name: "a" });
    scene.world.put(instance, "Stopped");
    scene.loop.approve([{ agent: "a", action: "destroy" }], ["a"]);
    scene.loop.start();
    await scene.clock.until("it is gone", () => scene.world.get("a") === undefined, AT_ONCE_MS);
  });
});
