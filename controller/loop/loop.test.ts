/** loop.ts on a fake clock: when it takes turns, what it begins, and what it does about failures. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Loop } from "./loop.ts";
import { edit, failures, settle, start, turned } from "./simulation/running-loop.ts";

describe("turns", () => {
  it("many wakes make one; nothing to do costs one list in each interval", async () => {
    const scene = await start([{ name: "a" }]);
    await scene.running({ name: "a" });
    scene.loop.start();
    for (let i = 0; i < 100; i++) scene.loop.wake();
    await scene.clock.advance(1000);
    assert.equal(scene.loop.turns, 1);
    scene.lists = 0;
    await scene.clock.advance(10 * 30_000);
    assert.ok(scene.lists <= 12, `${scene.lists} lists in ten intervals`);
    assert.deepEqual(scene.calls, []);
  });

  it("a wake during a turn makes another: that one may have looked already", async () => {
    const scene = await start([{ name: "a" }]);
    await scene.running({ name: "a" });
    scene.loop.start();
    await settle(scene);
    const { turns } = scene.loop;
    void scene.loop.turn();
    await scene.clock.advance(10);
    scene.loop.wake();
    await scene.clock.advance(500);
    assert.equal(scene.loop.turns, turns + 2);
  });

  it("a storm of wakes does not put a turn off", async () => {
    const scene = await start([{ name: "a" }]);
    await scene.running({ name: "a" });
    scene.loop.start();
    for (let i = 0; i < 500; i++) {
      scene.loop.wake();
      await scene.clock.advance(1);
    }
    assert.ok(scene.loop.turns >= 4, `${scene.loop.turns} turns in half a second of storm`);
  });

  it("nothing is done while nothing is known, and nothing before it is started", async () => {
    const scene = await start([{ name: "a" }]);
    const loop = new Loop({ ...scene.deps, desired: () => null });
    loop.start();
    scene.loop.wake();
    await scene.clock.advance(100_000);
    assert.deepEqual([loop.turns, scene.loop.turns, scene.lists], [0, 0, 0]);
  });

  it("a turn whose fleet was edited while it looked begins nothing of it", async () => {
    const scene = await start([{ name: "a" }, { name: "b" }], { prune: true });
    await scene.running({ name: "a" });
    await scene.running({ name: "b" });
    scene.loop.start();
    await settle(scene);
    scene.faults.set("list", [{ wedge: 20_000 }]);
    edit(scene, [{ name: "b" }], { prune: true });
    await scene.clock.advance(10_000);
    edit(scene, [{ name: "a" }, { name: "b" }], { prune: true });
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.calls, []);
    assert.ok(scene.world.get("a"));
  });

  it("while only its own step waits it does not look each second; what others began it looks at less and less often", async () => {
    const scene = await start([{ name: "a" }, { name: "b" }]);
    const instance = await scene.running({ name: "b" });
    scene.loop.start();
    await scene.clock.until("it is launching", () => scene.loop.inFlight.get("a")?.step === "launch");
    await scene.clock.advance(4_000);
    scene.lists = 0;
    await scene.clock.advance(10_000);
    assert.equal(scene.loop.inFlight.get("a")?.step, "launch");
    assert.ok(scene.lists <= 2, `${scene.lists} lists in 10 s of a launch`);
    await settle(scene);
    // Restarted from outside, which takes minutes.
    instance.state = "Restarting";
    instance.coming = [];
    scene.loop.wake();
    scene.lists = 0;
    await scene.clock.advance(120_000);
    assert.ok(scene.lists >= 5 && scene.lists <= 12, `${scene.lists} lists in two minutes of a restart`);
  });

  it("a wedged daemon does not wedge it", async () => {
    const scene = await start([{ name: "a" }]);
    await scene.running({ name: "a" });
    scene.loop.start();
    scene.faults.set("list", [{ wedge: 200_000 }]);
    await turned(scene, 2);
    assert.equal(scene.loop.last?.observed.instances.kind, "unobservable");
    await scene.clock.until("it sees again", () => scene.loop.last?.observed.instances.kind === "seen");
    assert.deepEqual(scene.calls, []);
  });
});

describe("work", () => {
  it("is done for as many agents at once as parallelism says", async () => {
    const scene = await start(
      ["a", "b", "c", "d"].map((name) => ({ name })),
      { parallelism: 2 },
    );
    let most = 0;
    scene.onCall = () => {
      most = Math.max(most, scene.loop.queue.size);
    };
    scene.loop.start();
    await settle(scene);
    assert.equal(most, 2);
    assert.equal(scene.world.all().length, 4);
  });

  it("begins when what it depends on is ready, not before", async () => {
    const scene = await start([{ name: "a", dependsOn: ["b"] }, { name: "b" }], { parallelism: 4 });
    const online = () => scene.port.readings().some((r) => r.agent === "b" && r.status === "online");
    scene.onCall = ({ name }) => assert.ok(name === "b" || online(), "a was begun before b was ready");
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.calls, ["launch b", "launch a"]);
  });

  it("removals come first: they make room", async () => {
    const scene = await start([{ name: "a" }, { name: "b" }], { prune: true, parallelism: 1 });
    await scene.running({ name: "b" });
    await scene.running({ name: "z" });
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.calls, ["remove z", "launch a"]);
  });

  it("the last one there is, is not removed, and not because a person named the other", async () => {
    const scene = await start([], { prune: true, maxDeletes: 5 });
    await scene.running({ name: "y" });
    await scene.running({ name: "z" });
    scene.loop.approve([{ agent: "z", action: "destroy" }], ["z"]);
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.calls, ["remove z"]);
    assert.deepEqual(
      scene.loop.last?.plan.held.map((h) => [h.agent, h.reason]),
      [["y", "nothing-left"]],
    );
    scene.loop.approve([], ["y"]);
    await settle(scene);
    assert.deepEqual(scene.calls, ["remove z", "remove y"]);
  });

  it("that failed for now is tried again, each time later; the failure is forgotten when it is in sync", async () => {
    const scene = await start([{ name: "a" }]);
    scene.faults.set("launch", ["refuse", "refuse", "refuse"]);
    scene.loop.start();
    await scene.clock.until("three failures", () => scene.loop.queue.failure("a")?.count === 3);
    assert.equal(scene.loop.isSettled, false);
    await settle(scene);
    assert.equal(scene.calls.length, 4);
    assert.deepEqual(failures(scene), []);
  });

  it("a failure that was fixed from outside requests no more turns", async () => {
    const scene = await start([{ name: "a" }]);
    const instance = await scene.running({ name: "a" });
    scene.world.put(instance, "Stopped");
    scene.faults.set("start", ["refuse"]);
    scene.loop.start();
    await scene.clock.until("it failed", () => failures(scene).length === 1);
    scene.world.boot(instance);
    await settle(scene);
    assert.deepEqual(failures(scene), []);
    scene.lists = 0;
    await scene.clock.advance(300_000);
    assert.ok(scene.lists <= 12, `${scene.lists} lists in ten intervals`);
  });

  it("that failed terminally waits for an edit or for a request", async () => {
    const scene = await start([{ name: "a", image: "missing" }]);
    scene.loop.start();
    await settle(scene);
    await scene.clock.advance(600_000);
    assert.deepEqual([scene.calls.length, failures(scene)], [1, ["a"]]);
    scene.loop.requeue(["b"]);
    await scene.clock.advance(60_000);
    assert.equal(scene.calls.length, 1);
    scene.loop.requeue(["a"]);
    await scene.clock.advance(60_000);
    assert.equal(scene.calls.length, 2);
    edit(scene, [{ name: "a" }]);
    await settle(scene);
    assert.deepEqual([scene.world.get("a")?.state, failures(scene)], ["Running", []]);
  });

  it("a launch for which the name was taken is tried again when the name is free", async () => {
    const scene = await start([{ name: "a" }]);
    scene.onCall = ({ kind }) => {
      if (kind !== "launch" || scene.calls.length > 1) return;
      scene.world.add({ name: "a", maker: "stranger", nonce: "", size: { cpu: 1, memory: 1, disk: 1 } });
    };
    scene.loop.start();
    await scene.clock.until("it failed", () => failures(scene).length === 1);
    await settle(scene);
    assert.deepEqual([scene.calls, scene.world.get("a")?.maker], [["launch a"], "stranger"]);
    scene.world.erase("a");
    await scene.clock.advance(60_000);
    await settle(scene);
    assert.deepEqual([scene.calls, scene.world.get("a")?.maker], [["launch a", "launch a"], "fleet"]);
  });

  it("shows what it does now, and its progress", async () => {
    const scene = await start([{ name: "a" }]);
    scene.loop.start();
    await scene.clock.until("it launches", () => scene.loop.inFlight.get("a")?.step === "launch");
    scene.loop.progress("a", "41 %");
    scene.loop.progress("no-such", "x");
    const { change, progress } = scene.loop.inFlight.get("a") ?? {};
    assert.deepEqual([change?.action, progress, scene.loop.inFlight.size], ["create", "41 %", 1]);
    await settle(scene);
    assert.equal(scene.loop.inFlight.size, 0);
  });

  it("a stop lets the running step end, and begins nothing more", async () => {
    const scene = await start([{ name: "a" }]);
    scene.loop.start();
    await scene.clock.until("it launches", () => scene.calls.length === 1);
    let stopped = false;
    void scene.loop.stop().then(() => {
      stopped = true;
    });
    await scene.clock.until("it has stopped", () => stopped);
    assert.deepEqual([scene.claim("a")?.phase, scene.calls], ["launched", ["launch a"]]);
    scene.loop.wake();
    await scene.clock.advance(100_000);
    assert.deepEqual([scene.calls.length, failures(scene)], [1, []]);
  });
});

it("restricted to some names, it works on these only", async () => {
  const scene = await start([{ name: "a" }, { name: "b" }]);
  scene.loop.scope.restrict(["b"]);
  scene.loop.start();
  await settle(scene);
  assert.deepEqual(scene.calls, ["launch b"]);
  scene.loop.scope.restrict([]);
  await settle(scene);
  assert.deepEqual(scene.calls, ["launch b", "launch a"]);
});
