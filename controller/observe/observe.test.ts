/** observe.ts and bury.ts: what a look costs, what it writes down, and when a claim dies. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { claimOf, desiredOf } from "../core/testing/build.ts";
import { SNAPSHOTS_KEY, listedKey, sizeKey, vanishedKey } from "../store/keys.ts";
import { type ObserveOptions, STOPPED_SIZE_MAX_AGE_MS, observe } from "./observe.ts";
import { type Scene, createScene } from "../loop/simulation/scene.ts";

const look = async (scene: Scene, more: Partial<ObserveOptions> = {}) => {
  const options = { fence: scene.deps.fence, busy: new Set<string>(), snapshotsMaxAge: 60_000, ...more };
  const pending = observe(scene.deps, scene.desired, options);
  let done = false;
  const end = () => {
    done = true;
  };
  void pending.then(end, end);
  await scene.clock.until("the look is over", () => done);
  return pending;
};

/** Counts reads of sizes from now on. */
function sizesRead(scene: Scene): { count: number } {
  const read = { count: 0 };
  const { size } = scene.driver;
  scene.driver.size = (name, signal) => {
    read.count++;
    return size(name, signal);
  };
  return read;
}

describe("a claim dies", () => {
  it("when a trustworthy list does not show its instance any more", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.running({ name: "a" });
    await look(scene);
    scene.world.erase("a");
    const observed = await look(scene);
    assert.deepEqual([observed.claims, observed.vanished], [[], ["a"]]);
    assert.equal(scene.claim("a"), undefined);
    assert.ok(scene.store.kv.get(vanishedKey("a")));
    assert.equal(scene.store.kv.get(sizeKey("a")), undefined);
    assert.equal(scene.events.filter((e) => e.name === "agent.drifted").length, 1);
  });

  it("not on an unobservable reading, and nothing is written then", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.running({ name: "a" });
    scene.world.erase("a");
    scene.faults.set("list", ["refuse"]);
    const observed = await look(scene);
    assert.equal(observed.instances.kind, "unobservable");
    assert.equal(observed.claims.length, 1);
    assert.ok(scene.claim("a"));
    assert.deepEqual(observed.vanished, []);
  });

  it("not for one that is newer than the list", async () => {
    const scene = await createScene([{ name: "a" }]);
    const pending = look(scene);
    await scene.store.claims.put(claimOf("a", null), scene.deps.fence);
    const observed = await pending;
    assert.deepEqual(observed.claims, []);
    assert.ok(scene.claim("a"));
  });

  it("not for one that changed while the list was asked for: it is in motion", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.store.claims.put(claimOf("a", null), scene.deps.fence);
    const pending = look(scene);
    await scene.store.claims.put(claimOf("a", null, { phase: "removing" }), scene.deps.fence);
    await pending;
    assert.equal(scene.claim("a")?.phase, "removing");
  });

  it("not for one that we are removing, or are launching and was never listed", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.store.claims.put(claimOf("a", null, { phase: "removing" }), scene.deps.fence);
    await scene.store.claims.put(claimOf("b", null, { phase: "launching" }), scene.deps.fence);
    await look(scene, { busy: new Set(["a"]) });
    assert.ok(scene.claim("a") && scene.claim("b"));
  });

  it("when its removal was interrupted and finished by others: the next instance of that name is unowned", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.store.claims.put(claimOf("a", null, { phase: "removing" }), scene.deps.fence);
    const observed = await look(scene);
    assert.equal(scene.claim("a"), undefined);
    assert.deepEqual(observed.vanished, [], "we removed it ourselves: nothing is missed");
  });

  it("when what came of its launch was listed and is gone, even while it is worked on", async () => {
    const scene = await createScene([{ name: "a" }]);
    const claim = claimOf("a", null, { phase: "launching" });
    await scene.store.claims.put(claim, scene.deps.fence);
    scene.world.add({ name: "a", maker: "fleet", nonce: claim.nonce, size: scene.desired.agents[0]!.size });
    const busy = new Set(["a"]);
    await look(scene, { busy });
    assert.equal(scene.store.kv.get(listedKey("a")), claim.nonce);
    scene.world.erase("a");
    await look(scene, { busy });
    assert.equal(scene.claim("a"), undefined);
    assert.equal(scene.store.kv.get(listedKey("a")), undefined);
  });

  it("by the hand of the current writer only: one whose time is over notes nothing", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.running({ name: "a" });
    scene.world.erase("a");
    await scene.store.nextFence();
    await assert.rejects(look(scene), { code: "fenced" });
    assert.ok(scene.claim("a"));
    assert.equal(scene.store.kv.get(vanishedKey("a")), undefined);
  });
});

describe("a reader", () => {
  it("sees the same and writes nothing", async () => {
    const scene = await createScene([{ name: "a" }, { name: "b" }]);
    await scene.running({ name: "a" });
    await scene.running({ name: "b" });
    scene.world.erase("b");
    scene.desired = desiredOf([{ name: "a" }, { name: "b" }], [{ name: "s", agent: "a" }]);
    const claims = scene.store.claims.list();
    const notes = scene.store.kv.all("");
    const observed = await look(scene, { fence: null });
    assert.deepEqual([observed.claims.map((c) => c.name), observed.vanished], [["a"], ["b"]]);
    assert.deepEqual(scene.store.claims.list(), claims);
    assert.deepEqual(scene.store.kv.all(""), notes);
  });
});

describe("a size that was read", () => {
  it("is kept for as long as state and boot are the same", async () => {
    const scene = await createScene([{ name: "a" }]);
    const instance = await scene.running({ name: "a" });
    const read = sizesRead(scene);
    await look(scene);
    await look(scene);
    assert.equal(read.count, 1);
    scene.world.put(instance, "Stopped");
    const stopped = await look(scene);
    assert.equal(read.count, 2);
    assert.ok(stopped.instances.kind === "seen" && stopped.instances.list[0]?.size);
    scene.world.boot(instance);
    await look(scene);
    assert.equal(read.count, 2, "nothing is read of what is Starting");
    await scene.clock.advance(60_000);
    await look(scene);
    assert.equal(read.count, 3);
    scene.world.boot(instance);
    await scene.clock.advance(60_000);
    await look(scene);
    assert.equal(read.count, 4, "another boot, though the state is the same in both looks");
  });

  it("of a stopped instance is read again after a while, one instance in a look", async () => {
    const scene = await createScene([{ name: "a" }, { name: "b" }]);
    for (const name of ["a", "b"]) scene.world.put(await scene.running({ name }), "Stopped");
    await look(scene);
    const read = sizesRead(scene);
    await look(scene);
    assert.equal(read.count, 0);
    const instance = scene.world.get("a");
    assert.ok(instance);
    instance.size = { ...instance.size, cpu: 7 };
    await scene.clock.advance(STOPPED_SIZE_MAX_AGE_MS);
    const observed = await look(scene);
    assert.equal(read.count, 1);
    const list = observed.instances.kind === "seen" ? observed.instances.list : [];
    assert.equal(list.find((i) => i.name === "a")?.size?.cpu, 7);
    await look(scene);
    await look(scene);
    assert.equal(read.count, 2);
  });

  it("that cannot be read is left out, and nothing else suffers", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.running({ name: "a" });
    scene.faults.set("size", ["refuse"]);
    const observed = await look(scene);
    assert.ok(observed.instances.kind === "seen");
    assert.deepEqual(
      observed.instances.list.map((i) => [i.name, i.size]),
      [["a", undefined]],
    );
    assert.equal(scene.store.kv.get(sizeKey("a")), undefined);
  });

  it("is never asked for of what is not ours", async () => {
    const scene = await createScene();
    scene.world.add({ name: "z", maker: "stranger", nonce: "", size: { cpu: 1, memory: 1, disk: 1 } });
    const read = sizesRead(scene);
    await look(scene);
    assert.equal(read.count, 0);
  });
});

describe("snapshots", () => {
  it("are asked for only where one is declared, and then once in a while", async () => {
    const scene = await createScene();
    await scene.running({ name: "a" });
    let asked = 0;
    const { snapshots } = scene.driver;
    scene.driver.snapshots = (signal) => {
      asked++;
      return snapshots(signal);
    };
    scene.desired = desiredOf([{ name: "a" }]);
    await look(scene);
    assert.equal(asked, 0);
    scene.desired = desiredOf([{ name: "a" }], [{ name: "s", agent: "a" }]);
    await look(scene);
    await look(scene);
    assert.equal(asked, 1);
    await scene.clock.advance(60_000);
    scene.faults.set("snapshots", ["refuse"]);
    const observed = await look(scene);
    const list = observed.instances.kind === "seen" ? observed.instances.list : [];
    assert.equal(list[0]?.snapshots, undefined, "not read: nothing is decided about them");
    assert.ok(scene.store.kv.get(SNAPSHOTS_KEY));
  });
});

it("a look with nothing to do asks for one list", async () => {
  const scene = await createScene([{ name: "a" }]);
  await scene.running({ name: "a" });
  await look(scene);
  const read = sizesRead(scene);
  scene.lists = 0;
  for (let i = 0; i < 5; i++) await look(scene);
  assert.deepEqual([scene.lists, read.count, scene.calls], [5, 0, []]);
});
