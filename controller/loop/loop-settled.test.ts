/** loop.ts on a fake clock: when it says that all is done, and what a person's yes releases. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Action, Change } from "../core/types.ts";
import { policyOf } from "../core/testing/build.ts";
import { reconcile } from "./turn.ts";
import { type Running, edit, settle, start, turned } from "./simulation/running-loop.ts";

describe("settled", () => {
  it("not while something is on its way, or will be tried again", async () => {
    const scene = await start([{ name: "a" }]);
    const instance = await scene.running({ name: "a" });
    scene.world.boot(instance);
    scene.loop.start();
    await turned(scene, 2);
    assert.equal(scene.loop.isSettled, false);
    await settle(scene);
    assert.equal(instance.state, "Running");
  });

  for (const [what, blocked] of [
    ["is held", { name: "a", paused: true }],
    ["is not there, and its drift is ignored", { name: "a", drift: "ignore" }],
  ] as const)
    it(`what depends on an agent that ${what} is not waited for, however far away`, async () => {
      const scene = await start([blocked, { name: "b", dependsOn: ["a"] }, { name: "c", dependsOn: ["b"] }]);
      await scene.running(blocked);
      scene.loop.start();
      await scene.clock.advance(100);
      scene.world.erase("a");
      scene.loop.wake();
      await settle(scene, 120_000);
      assert.deepEqual(
        scene.calls.filter((c) => c !== "launch a" && !c.endsWith(" b") && !c.endsWith(" c")),
        [],
      );
    });

  it("not while a change is to be tried again, whatever else of the same agent is held", async () => {
    const scene = await start([{ name: "a", disk: "10G", cpu: 4 }]);
    const instance = await scene.running({ name: "a" });
    scene.faults.set("stop", ["refuse", "refuse"]);
    scene.loop.start();
    await settle(scene);
    assert.equal(instance.size.cpu, 4);
    assert.deepEqual(
      scene.loop.last?.plan.held.map((h) => h.reason),
      ["impossible"],
    );
  });

  it("a dependency that may say hello yet is waited for, but not for ever", async () => {
    const scene = await start([
      { name: "a", remediate: [] },
      { name: "b", dependsOn: ["a"] },
    ]);
    const instance = await scene.running({ name: "a" });
    instance.helloAt = Number.POSITIVE_INFINITY;
    scene.loop.start();
    await scene.clock.advance(100_000);
    assert.equal(scene.loop.isSettled, false);
    await settle(scene);
    assert.equal(scene.world.get("b"), undefined);
  });

  it("settled() ends with the signal's reason", async () => {
    const scene = await start([{ name: "a" }]);
    const abort = new AbortController();
    const waiting = assert.rejects(scene.loop.settled(abort.signal), /enough/);
    abort.abort(new Error("enough"));
    await waiting;
  });

  for (const when of ["in a turn", "in its work"] as const)
    it(`settled() tells when a newer controller has taken over ${when}`, async () => {
      const scene = await start([{ name: "a" }]);
      if (when === "in a turn") {
        await scene.running({ name: "a" });
        scene.world.erase("a");
        await scene.store.nextFence();
      } else scene.onCall = () => void scene.store.nextFence();
      scene.loop.start();
      const waiting = assert.rejects(scene.loop.settled(new AbortController().signal), { code: "fenced" });
      await scene.clock.advance(120_000);
      await waiting;
      const { turns } = scene.loop;
      await scene.clock.advance(600_000);
      assert.equal(scene.loop.turns, turns, "it gives way for good");
    });
});

describe("a yes", () => {
  const yes = (scene: Running, agent: string, action: Action, allowDelete: readonly string[] = []) =>
    scene.loop.approve([{ agent, action }], allowDelete);

  it("to a replacement for another image is void where that turns out to be the same one just before", async () => {
    const scene = await start([{ name: "a", image: "devel" }]);
    await scene.running({ name: "a", image: "22.04" });
    scene.world.releases.set("devel", "26.04 LTS");
    scene.loop.start();
    await scene.clock.until(
      "it is another image",
      () => scene.loop.last?.plan.held[0]?.reason === "data-loss",
    );
    scene.world.releases.set("devel", "22.04 LTS");
    yes(scene, "a", "replace");
    await settle(scene);
    assert.deepEqual(scene.calls, []);
    assert.deepEqual(scene.loop.last?.plan.held, []);
    assert.equal(scene.claim("a")?.image, "devel");
  });

  it("to a replacement whose image cannot be compared counts only with its name", async () => {
    const scene = await start([{ name: "a", image: "file:///x/a.img" }]);
    await scene.running({ name: "a", image: "22.04" });
    scene.loop.start();
    await scene.clock.until("it is held", () => scene.loop.last?.plan.held[0]?.reason === "image-unknown");
    yes(scene, "a", "replace");
    await settle(scene);
    assert.deepEqual(scene.calls, []);
    yes(scene, "a", "replace", ["a"]);
    await settle(scene);
    assert.deepEqual(scene.calls, ["remove a", "launch a"]);
  });

  it("releases what it names, once, and nothing else", async () => {
    const scene = await start([{ name: "c" }], { maxDeletes: 5 });
    for (const name of ["a", "b", "c"]) await scene.running({ name });
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.calls, [], "prune is off");
    yes(scene, "a", "destroy");
    await settle(scene);
    assert.deepEqual(scene.calls, ["remove a"]);
    assert.ok(scene.world.get("b"));
  });

  it("to another action releases nothing", async () => {
    const scene = await start([{ name: "c" }], { maxDeletes: 5 });
    for (const name of ["a", "c"]) await scene.running({ name });
    scene.loop.start();
    yes(scene, "a", "replace");
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.calls, []);
  });

  it("does not reach what is protected, unless that is named for deletion", async () => {
    const scene = await start([{ name: "c" }], { maxDeletes: 5 });
    await scene.running({ name: "a" }, { protect: true });
    await scene.running({ name: "c" });
    scene.loop.start();
    yes(scene, "a", "destroy");
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.calls, []);
    yes(scene, "a", "destroy", ["a"]);
    await settle(scene);
    assert.deepEqual(scene.calls, ["remove a"]);
  });

  it("to drift that is only warned of passes the other guards: a paused agent stays as it is", async () => {
    const warned = { name: "a", drift: "warn" } as const;
    const scene = await start([{ ...warned, paused: true }]);
    scene.world.put(await scene.running({ ...warned, paused: true }), "Stopped");
    scene.loop.start();
    await settle(scene);
    yes(scene, "a", "start");
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.calls, []);
    edit(scene, [warned]);
    await settle(scene);
    assert.deepEqual(scene.calls, ["start a"]);
  });

  it("that is given during a look is not overtaken by it: nothing is settled before the next", async () => {
    const scene = await start([{ name: "c" }], { maxDeletes: 5 });
    await scene.running({ name: "a" }, { protect: true });
    await scene.running({ name: "c" });
    scene.loop.start();
    await settle(scene);
    let given = false;
    let settledBy = "";
    // The plan of this look is made: without the yes.
    scene.bus.on("planned", () => {
      if (!given) yes(scene, "a", "destroy", ["a"]);
      given = true;
    });
    const { turns } = scene.loop;
    scene.loop.wake();
    for (let i = 0; i < 200 && settledBy === ""; i++) {
      await scene.clock.advance(10);
      if (scene.loop.turns > turns && scene.loop.isSettled) settledBy = scene.calls.join();
      if (given && scene.loop.isSettled && settledBy === "") settledBy = "nothing done";
    }
    assert.equal(settledBy, "remove a");
  });

  it("is void when what it was for is not to be done any more", async () => {
    const scene = await start([{ name: "a" }, { name: "c" }]);
    for (const name of ["a", "c"]) await scene.running({ name });
    scene.loop.start();
    await settle(scene);
    yes(scene, "a", "destroy", ["a"]);
    await scene.clock.advance(60_000);
    edit(scene, [{ name: "c" }]);
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.calls, []);
    assert.equal(scene.loop.last?.plan.held[0]?.reason, "prune-off");
  });
});

describe("a saved plan", () => {
  /** A scene whose loop is to do exactly what a look from outside has planned. */
  async function look(short: { readonly name: string; readonly cpu: number }): Promise<Running> {
    const scene = await start([short]);
    await scene.running({ name: short.name });
    const options = { fence: null, busy: new Set<string>(), snapshotsMaxAge: 60_000 };
    const changes: Change[] = [];
    void reconcile(scene.deps, scene.desired, policyOf(), options).then((t) =>
      changes.push(...t.plan.changes),
    );
    await scene.clock.until("a plan", () => changes.length === 1);
    scene.loop.scope.restrict([short.name]);
    scene.loop.scope.restrictTo(changes);
    return scene;
  }

  it("is done once and as it was saved: what an agent needs after that is not begun", async () => {
    const scene = await look({ name: "a", cpu: 4 });
    // It is stopped from outside as soon as the saved change is over.
    scene.bus.on("agent.converged", ({ agent }) => {
      const instance = scene.world.get(agent);
      if (instance) instance.state = "Stopped";
    });
    scene.loop.start();
    await settle(scene);
    await turned(scene, scene.loop.turns + 2);
    assert.deepEqual(scene.loop.scope.undone, []);
    assert.equal(scene.calls.filter((c) => c === "start a").length, 1);
    assert.deepEqual([scene.world.get("a")?.state, scene.world.get("a")?.size.cpu], ["Stopped", 4]);
  });

  it("is not done where something else is to be done by then, and says so", async () => {
    const scene = await look({ name: "a", cpu: 4 });
    edit(scene, [{ name: "a", cpu: 8 }]);
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.loop.scope.undone, ["a"]);
    assert.deepEqual(scene.calls, []);
  });

  it("goes on with what failed in its middle", async () => {
    const scene = await look({ name: "a", cpu: 4 });
    scene.faults.set("resize", ["refuse"]);
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.loop.scope.undone, []);
    assert.deepEqual([scene.world.get("a")?.state, scene.world.get("a")?.size.cpu], ["Running", 4]);
  });
});
