/** What a failed launch leaves decides what is next: nothing to claim, an instance to start, or one that only a person can judge. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { edit, settle, start } from "./simulation/running-loop.ts";
import { failure } from "./simulation/simulated-multipass.ts";

describe("a launch that failed", () => {
  it("and left a Stopped instance: it is started, and converges", async () => {
    const scene = await start([{ name: "a" }]);
    scene.faults.set("boot", ["fail"]);
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.calls, ["launch a", "start a"]);
    assert.equal(scene.world.get("a")?.state, "Running");
    assert.equal(scene.claim("a")?.proven, true);
    assert.deepEqual([...scene.loop.queue.failures()], []);
  });

  it("and left a Stopped instance that no document wants any more: it is destroyed when a person says so", async () => {
    const scene = await start([{ name: "a" }, { name: "b" }]);
    await scene.running({ name: "b" });
    scene.faults.set("boot", ["fail"]);
    scene.faults.set("start", ["fail", "fail", "fail"]);
    scene.loop.start();
    await settle(scene);
    assert.equal(scene.world.get("a")?.state, "Stopped");
    edit(scene, [{ name: "b" }]);
    scene.loop.approve([{ agent: "a", action: "destroy" }], ["a"]);
    await settle(scene);
    assert.equal(scene.world.get("a"), undefined);
    assert.equal(scene.claim("a"), undefined);
  });

  it("and whose instance another one replaced: that one is not touched, and the hold says how to go on", async () => {
    const scene = await start([{ name: "a" }]);
    const { driver } = scene.deps;
    const launch = driver.launch;
    Object.assign(driver, {
      launch: async () => {
        // The client is cut off: nothing is known of what the daemon made of it.
        const instance = scene.world.add({
          name: "a",
          maker: "stranger",
          nonce: "none",
          size: { cpu: 1, memory: 2 ** 30, disk: 2 ** 33 },
        });
        assert.equal(instance.state, "Stopped");
        throw failure("driver-unreachable", "socket closed", true);
      },
    });
    scene.loop.start();
    await scene.clock.until("it is held", () =>
      Boolean(scene.loop.last?.plan.held.some((h) => h.reason === "unproven")),
    );
    Object.assign(driver, { launch });
    await settle(scene);
    const [held] = scene.loop.last?.plan.held ?? [];
    assert.match(held?.release ?? "", /vm-agent multipass delete --purge a$/);
    assert.deepEqual(scene.calls, []);
    assert.equal(scene.world.get("a")?.state, "Stopped");
  });

  it("and left nothing has no boot to wait for: with its document gone nothing is left to do", async () => {
    const scene = await start([{ name: "a" }, { name: "b" }]);
    await scene.running({ name: "b" });
    const { driver } = scene.deps;
    Object.assign(driver, {
      launch: async () => {
        throw failure("launch-failed", "qemu-img failed");
      },
    });
    scene.loop.start();
    await settle(scene);
    assert.equal(scene.loop.queue.failure("a")?.retryAt, Number.POSITIVE_INFINITY);
    assert.equal(scene.claim("a"), undefined);
    edit(scene, [{ name: "b" }]);
    await settle(scene);
    assert.deepEqual(scene.loop.last?.plan.held, []);
    assert.deepEqual(scene.loop.last?.plan.changes, []);
  });
});
