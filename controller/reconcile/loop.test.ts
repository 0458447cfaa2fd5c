/** loop.ts on a fake clock: when it takes turns, what it begins, what it waits for, and when it says that all is done. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ShortAgent } from "../core/testdata/build.ts";
import type { Action, FleetSettings } from "../core/types.ts";
import { Loop } from "./loop.ts";
import { type Scene, type SceneOptions, createScene } from "./testing/scene.ts";

interface Running extends Scene {
  readonly loop: Loop;
}

async function start(
  agents: readonly ShortAgent[],
  settings: Partial<FleetSettings> = {},
  options: SceneOptions = {},
): Promise<Running> {
  const scene = await createScene(agents, settings, options);
  return Object.assign(scene, { loop: new Loop(scene.deps) });
}

const settle = (scene: Running, ms?: number) => {
  scene.loop.wake();
  return scene.clock.until("the loop is settled", () => scene.loop.isSettled, ms);
};
const edit = (scene: Running, agents: readonly ShortAgent[], settings?: Partial<FleetSettings>) => {
  scene.write(agents, settings);
  scene.bus.emit("fleet.read", {
    hash: scene.desired.hash,
    revision: null,
    agents: agents.length,
    errors: [],
  });
};
const failures = (scene: Running) => [...scene.loop.queue.failures().keys()];
const turned = (scene: Running, n: number) =>
  scene.clock.until(`${n} more turns`, () => scene.loop.turns >= n, 3_600_000);

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
    const scene = await start([{ name: "a" }], { prune: true, parallelism: 1 });
    await scene.running({ name: "z" });
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.calls, ["remove z", "launch a"]);
  });

  it("that failed for now is tried again, each time later; the failure is forgotten when it is as written", async () => {
    const scene = await start([{ name: "a" }]);
    scene.faults.set("launch", ["refuse", "refuse", "refuse"]);
    scene.loop.start();
    await scene.clock.until("three failures", () => scene.loop.queue.failure("a")?.count === 3);
    assert.equal(scene.loop.isSettled, false);
    await settle(scene);
    assert.equal(scene.calls.length, 4);
    assert.deepEqual(failures(scene), []);
  });

  it("a failure that somebody else mended keeps nobody awake", async () => {
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

  it("that failed for good waits for an edit, or for somebody who asks", async () => {
    const scene = await start([{ name: "a", image: "missing" }]);
    scene.loop.start();
    await settle(scene);
    await scene.clock.advance(600_000);
    assert.deepEqual([scene.calls.length, failures(scene)], [1, ["a"]]);
    scene.loop.nudge(["b"]);
    await scene.clock.advance(60_000);
    assert.equal(scene.calls.length, 1);
    scene.loop.nudge(["a"]);
    await scene.clock.advance(60_000);
    assert.equal(scene.calls.length, 2);
    edit(scene, [{ name: "a" }]);
    await settle(scene);
    assert.deepEqual([scene.world.get("a")?.state, failures(scene)], ["Running", []]);
  });

  it("shows what it does now, and its progress", async () => {
    const scene = await start([{ name: "a" }]);
    scene.loop.start();
    await scene.clock.until("it launches", () => scene.loop.working.get("a")?.step === "launch");
    scene.loop.progress("a", "41 %");
    scene.loop.progress("nobody", "x");
    const { change, progress } = scene.loop.working.get("a") ?? {};
    assert.deepEqual([change?.action, progress, scene.loop.working.size], ["create", "41 %", 1]);
    await settle(scene);
    assert.equal(scene.loop.working.size, 0);
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

  it("a dependency that may say hello yet is waited for, but not for ever", async () => {
    const scene = await start([{ name: "a" }, { name: "b", dependsOn: ["a"] }]);
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

it("restricted to some names, it works on these only", async () => {
  const scene = await start([{ name: "a" }, { name: "b" }]);
  scene.loop.restrict(["b"]);
  scene.loop.start();
  await settle(scene);
  assert.deepEqual(scene.calls, ["launch b"]);
  scene.loop.restrict([]);
  await settle(scene);
  assert.deepEqual(scene.calls, ["launch b", "launch a"]);
});
