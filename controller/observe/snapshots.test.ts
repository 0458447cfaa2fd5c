/** snapshots.ts, snapshot-effects.ts and observe-mounts.ts: what is noted, taken, removed and gone back to, and what a look at mounts costs. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { snapshotOf } from "../core/testing/build.ts";
import type { DesiredSnapshot, MadeSnapshot, Mount, Step } from "../core/types.ts";
import { SNAPSHOTS_KEY, type MadeRow, madeKey, scheduleKey } from "../store/keys.ts";
import { Loop } from "../loop/loop.ts";
import { observe } from "./observe.ts";
import { MOUNTS_MAX_AGE_MS } from "./mounts.ts";
import { changeMount } from "../execute/guest-effects.ts";
import { removeSnapshot, restore, takeSnapshot } from "../execute/snapshot-effects.ts";
import { forgetGone, madeSnapshots } from "./snapshots.ts";
import { type Scene, createScene } from "../loop/simulation/scene.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Ends what waits on the fake clock, and resolves as it does. */
async function done<T>(scene: Scene, work: Promise<T>): Promise<T> {
  let over = false;
  const end = () => {
    over = true;
  };
  void work.then(end, end);
  await scene.clock.until("it is done", () => over);
  return work;
}

const step = (kind: Step["kind"], more: Partial<Step>): Step => ({
  kind,
  agent: "a",
  requires: [],
  satisfied: [],
  ...more,
});

async function stopped(snapshots: readonly string[] = []): Promise<Scene> {
  const scene = await createScene([{ name: "a" }]);
  const instance = await scene.running({ name: "a" });
  scene.world.put(instance, "Stopped");
  instance.snapshots = snapshots.map((name) => ({ name, parent: "", comment: "" }));
  return scene;
}

const names = (scene: Scene): readonly string[] => (scene.world.get("a")?.snapshots ?? []).map((s) => s.name);

describe("a schedule", () => {
  const schedule = (more: Partial<DesiredSnapshot> = {}) =>
    snapshotOf({ name: "nightly", agent: "a", schedule: "0 3 * * *", keep: 2, ...more });

  async function live(snapshots: readonly DesiredSnapshot[]): Promise<Scene & { readonly loop: Loop }> {
    const scene = await createScene([{ name: "a" }], { interval: HOUR / 6 });
    scene.desired = { ...scene.desired, snapshots };
    await scene.running({ name: "a" });
    const loop = new Loop({ ...scene.deps, timeZone: "UTC" });
    loop.start();
    await scene.clock.advance(60_000);
    return Object.assign(scene, { loop });
  }

  it("begins when it is first seen, is taken each time, keeps the newest, and leaves the instance as it was", async () => {
    const scene = await live([schedule()]);
    assert.deepEqual(names(scene), [], "what was due before anybody wrote it is not");
    const instance = scene.world.get("a");
    if (instance) instance.snapshots = [{ name: "unowned-nightly", parent: "", comment: "" }];
    for (let day = 0; day < 4; day++) await scene.clock.advance(DAY);
    const taken = names(scene);
    assert.equal(taken.length, 3, taken.join(" "));
    assert.equal(taken[0], "unowned-nightly");
    assert.match(taken[1] ?? "", /^nightly-\d{8}-0300$/);
    assert.equal(scene.calls.filter((c) => c === "snapshot a").length, 4);
    assert.equal(scene.calls.filter((c) => c === "removeSnapshot a").length, 2);
    assert.equal(scene.world.get("a")?.state, "Running");
    assert.equal(madeSnapshots(scene.store, new Map([["a", scene.claim("a") as never]])).length, 2);
    await scene.loop.stop();
  });

  it("that was missed is taken once", async () => {
    const scene = await live([schedule()]);
    await scene.clock.advance(DAY);
    await scene.loop.stop();
    assert.equal(scene.calls.filter((c) => c === "snapshot a").length, 1);
    // No refresh for ten days.
    await scene.clock.advance(10 * DAY);
    const loop = new Loop({ ...scene.deps, timeZone: "UTC" });
    loop.start();
    await scene.clock.advance(HOUR / 2);
    assert.equal(scene.calls.filter((c) => c === "snapshot a").length, 2);
    await loop.stop();
  });

  it("that is declared again starts again, and snapshots of the former document are held for approval", async () => {
    const scene = await live([schedule()]);
    await scene.clock.advance(DAY);
    scene.desired = { ...scene.desired, hash: "edited", snapshots: [] };
    scene.loop.wake();
    await scene.clock.advance(HOUR);
    assert.deepEqual(
      scene.loop.last?.plan.held.map((h) => [h.reason, h.would?.action]),
      [["prune-off", "prune"]],
    );
    assert.equal(names(scene).length, 1);
    scene.loop.approve([{ agent: "a", action: "prune" }], []);
    await scene.clock.advance(HOUR);
    assert.deepEqual(names(scene), []);
    assert.equal(scene.world.get("a")?.state, "Running");
    await scene.loop.stop();
  });

  it("whose run was taken just before a crash is not taken again, and the instance not stopped for it", async () => {
    const scene = await live([schedule()]);
    const row = scene.store.kv.get(scheduleKey("a", "nightly"));
    await scene.clock.advance(DAY);
    await scene.store.kv.put(scheduleKey("a", "nightly"), row);
    const before = scene.calls.length;
    await scene.clock.advance(HOUR);
    assert.equal(scene.calls.length, before);
    assert.notDeepEqual(scene.store.kv.get(scheduleKey("a", "nightly")), row);
    await scene.loop.stop();
  });
});

describe("taking and removing", () => {
  it("is recorded before it is taken; an existing snapshot belongs to its maker", async () => {
    const scene = await stopped(["theirs"]);
    let noted: unknown;
    scene.onCall = ({ kind }) => {
      if (kind === "snapshot") noted = scene.store.kv.get(madeKey("a", "clean"));
    };
    await done(
      scene,
      takeSnapshot(scene.deps, step("snapshot", { snapshot: { name: "clean", comment: "" } })),
    );
    await done(
      scene,
      takeSnapshot(scene.deps, step("snapshot", { snapshot: { name: "theirs", comment: "" } })),
    );
    assert.equal((noted as MadeRow).of, "clean");
    assert.equal(scene.store.kv.get(madeKey("a", "theirs")), undefined);
    for (const name of ["theirs", "clean", "none"])
      await done(
        scene,
        removeSnapshot(scene.deps, step("remove-snapshot", { snapshot: { name, comment: "" } })),
      );
    assert.deepEqual(names(scene), ["theirs"]);
    assert.deepEqual(
      scene.calls.filter((c) => c.startsWith("removeSnapshot")),
      ["removeSnapshot a"],
    );
  });

  it("an old one stays where a person has dropped, since the list was read, what is kept instead", async () => {
    const scene = await stopped([]);
    const take = (name: string, at: number) =>
      done(
        scene,
        takeSnapshot(scene.deps, step("snapshot", { snapshot: { name, comment: "", of: "tick", at } })),
      );
    for (const at of [1, 2, 3]) await take(`tick-${at}`, at);
    const prune = (name: string) => {
      const snapshot = { name, comment: "", keeps: ["tick-2", "tick-3"] };
      return done(scene, removeSnapshot(scene.deps, step("remove-snapshot", { snapshot })));
    };
    const instance = scene.world.get("a");
    assert.ok(instance);
    const all = instance.snapshots;
    instance.snapshots = all.filter((s) => s.name !== "tick-3");
    await scene.store.kv.put(SNAPSHOTS_KEY, { at: scene.clock.now(), all: { a: all } });
    await assert.rejects(prune("tick-1"), { code: "world-moved" });
    assert.deepEqual(names(scene), ["tick-1", "tick-2"]);
    assert.equal(scene.store.kv.get(SNAPSHOTS_KEY), undefined, "the next look reads the list again");
    instance.snapshots = all;
    await prune("tick-1");
    assert.deepEqual(names(scene), ["tick-2", "tick-3"]);
  });

  it("notes of another instance that had the name mean nothing", async () => {
    const scene = await stopped(["clean"]);
    const row: MadeRow = { nonce: "another", of: "clean", scheduled: false, at: 0 };
    await scene.store.kv.put(madeKey("a", "clean"), row);
    await done(
      scene,
      removeSnapshot(scene.deps, step("remove-snapshot", { snapshot: { name: "clean", comment: "" } })),
    );
    assert.deepEqual(names(scene), ["clean"]);
  });

  it("a note of what is not there any more is dropped, but not at once", async () => {
    const scene = await stopped();
    const row: MadeRow = { nonce: scene.claim("a")?.nonce ?? "", of: "clean", scheduled: false, at: 1000 };
    await scene.store.kv.put(madeKey("a", "clean"), row);
    const made: readonly MadeSnapshot[] = [{ agent: "a", name: "clean", ...row }];
    await forgetGone(scene.store, made, {}, new Set(), 1000 + HOUR);
    await forgetGone(scene.store, made, {}, new Set(["a"]), 1000 + DAY);
    await forgetGone(
      scene.store,
      made,
      { a: [{ name: "clean", parent: "", comment: "" }] },
      new Set(),
      1000 + DAY,
    );
    assert.ok(scene.store.kv.get(madeKey("a", "clean")));
    await forgetGone(scene.store, made, {}, new Set(), 1000 + DAY);
    assert.equal(scene.store.kv.get(madeKey("a", "clean")), undefined);
  });
});

describe("a restore", () => {
  const request = { snapshot: "clean", token: "t" };

  it("has its intent on disk before, and its token with what it brought back after", async () => {
    const scene = await stopped(["clean"]);
    const instance = scene.world.get("a");
    let during: unknown;
    scene.onCall = ({ kind }) => {
      if (kind !== "restore") return;
      during = scene.claim("a")?.restoring;
      if (instance) instance.size = { ...instance.size, cpu: 7 };
    };
    await done(scene, restore(scene.deps, step("restore", { restore: request })));
    const claim = scene.claim("a");
    assert.deepEqual(during, request);
    assert.deepEqual([claim?.restoreToken, claim?.restoring, claim?.converged?.cpu], ["t", null, 7]);
    await done(scene, restore(scene.deps, step("restore", { restore: request })));
    assert.equal(scene.calls.filter((c) => c === "restore a").length, 1);
  });

  it("is done once for a token, whatever was restored in between", async () => {
    const scene = await stopped(["clean"]);
    for (const token of ["t", "u", "t", "v", "u"])
      await done(scene, restore(scene.deps, step("restore", { restore: { ...request, token } })));
    assert.equal(scene.calls.filter((c) => c === "restore a").length, 3);
    assert.deepEqual([scene.claim("a")?.restoreToken, scene.claim("a")?.formerTokens], ["v", ["t", "u"]]);
  });

  it("that fails leaves the intent, and no token", async () => {
    const scene = await stopped(["clean"]);
    scene.faults.set("restore", ["lie"]);
    await assert.rejects(done(scene, restore(scene.deps, step("restore", { restore: request }))));
    assert.deepEqual([scene.claim("a")?.restoreToken, scene.claim("a")?.restoring], [null, request]);
    await done(scene, restore(scene.deps, step("restore", { restore: request })));
    assert.equal(scene.claim("a")?.restoreToken, "t");
  });

  it("to what is not there does nothing", async () => {
    const scene = await stopped(["other"]);
    await assert.rejects(done(scene, restore(scene.deps, step("restore", { restore: request }))), {
      code: "world-moved",
    });
    assert.equal(scene.claim("a")?.restoring, undefined);
  });
});

describe("mounts", () => {
  const MOUNTS: readonly Mount[] = [{ source: "/work", target: "/srv/work" }];

  async function mounted(more: object = {}): Promise<Scene & { readonly asked: string[] }> {
    const scene = await createScene([{ name: "a", mounts: MOUNTS }, { name: "b" }]);
    await scene.running({ name: "a", mounts: MOUNTS, ...more });
    await scene.running({ name: "b" });
    const asked: string[] = [];
    scene.driver.mounts = async (name) => {
      asked.push(name);
      return MOUNTS;
    };
    return Object.assign(scene, { asked });
  }
  const look = async (scene: Scene): Promise<readonly Mount[] | undefined> => {
    const options = { fence: scene.deps.fence, busy: new Set<string>(), snapshotsMaxAge: 60_000 };
    const { instances } = await done(scene, observe(scene.deps, scene.desired, options));
    return instances.kind === "seen" ? instances.list.find((i) => i.name === "a")?.mounts : undefined;
  };

  it("are read where there should be some, once, and again when they have aged or the state is another", async () => {
    const scene = await mounted();
    for (let i = 0; i < 3; i++) assert.deepEqual(await look(scene), MOUNTS);
    assert.deepEqual(scene.asked, ["a"]);
    await scene.clock.advance(MOUNTS_MAX_AGE_MS);
    await look(scene);
    assert.equal(scene.asked.length, 2);
    const instance = scene.world.get("a");
    if (instance) scene.world.put(instance, "Stopped");
    await look(scene);
    assert.deepEqual(scene.asked, ["a", "a", "a"]);
  });

  it("are read after one was begun and never heard of again, though none is written any more", async () => {
    const scene = await createScene([{ name: "a" }]);
    const instance = await scene.running({ name: "a" }, { converged: null });
    assert.equal(await look(scene), undefined, "no snapshots are declared, so none are listed");
    scene.faults.set("mount", ["lie"]);
    const [mount] = MOUNTS;
    assert.ok(mount);
    await assert.rejects(done(scene, changeMount(scene.deps, step("mount", { mount }))));
    assert.deepEqual([await look(scene), instance.mounts], [MOUNTS, MOUNTS]);
  });

  it("of a running instance whose runtime is silent are not asked for: that wedges the daemon", async () => {
    const scene = await mounted();
    const instance = scene.world.get("a");
    if (instance) instance.helloAt = Number.POSITIVE_INFINITY;
    const silent = scene.deps.readings().map((r) => ({ ...r, status: "offline" as const }));
    const options = { fence: scene.deps.fence, busy: new Set<string>(), snapshotsMaxAge: 60_000 };
    await done(scene, observe({ ...scene.deps, readings: () => silent }, scene.desired, options));
    assert.deepEqual(scene.asked, []);
  });
});
