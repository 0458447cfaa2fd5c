/** apply.ts: looks again before each step, skips what is so already, never goes on with what moved, and stops between steps only. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VmAgentError } from "../base/errors.ts";
import { agentOf } from "../core/testing/build.ts";
import type { Change } from "../core/types.ts";
import { applyChange, detail } from "./execute.ts";
import { type Scene, changeOf, createScene } from "../loop/simulation/scene.ts";

const A = agentOf({ name: "a" });

/** Runs it on the scene's clock to its end; the error it rejected with, or null. */
async function apply(
  scene: Scene,
  change: Change,
  signal: AbortSignal = new AbortController().signal,
  seenAt?: number,
): Promise<VmAgentError | null> {
  const agent = scene.desired.agents.find((a) => a.name === change.agent) ?? null;
  let ended: { readonly error: VmAgentError | null } | null = null;
  void applyChange(scene.deps, change, agent, signal, undefined, seenAt).then(
    () => {
      ended = { error: null };
    },
    (error: VmAgentError) => {
      ended = { error };
    },
  );
  await scene.clock.until("the change is carried out", () => ended !== null);
  return (ended as { readonly error: VmAgentError | null } | null)?.error ?? null;
}

const started = (scene: Scene) =>
  scene.events.flatMap((e) => (e.name === "step.started" ? [e.data.step] : []));
const skipped = (scene: Scene) =>
  scene.events.flatMap((e) => (e.name === "step.done" && e.data.skipped ? [e.data.step] : []));

const resize = changeOf("restart-update", A, {
  before: { state: "running", cpu: 2 },
  after: { state: "running", cpu: 3 },
  seen: "Running",
});

describe("before each step the world is looked at again", () => {
  it("what is so already is skipped", async () => {
    const scene = await createScene([{ name: "a", state: "stopped" }]);
    const instance = await scene.running({ name: "a", state: "stopped" });
    scene.world.put(instance, "Stopped");
    const change = changeOf("stop", agentOf({ name: "a", state: "stopped" }), { seen: "Running" });
    assert.equal(await apply(scene, change), null);
    assert.deepEqual(scene.calls, []);
    assert.deepEqual(skipped(scene), ["stop"]);
  });

  it("what moved is not gone on with", async () => {
    const scene = await createScene([{ name: "a" }]);
    const instance = await scene.running({ name: "a" });
    scene.onCall = ({ kind }) => {
      if (kind === "stop") scene.clock.call(2010, () => void scene.world.put(instance, "Suspended"));
    };
    scene.faults.set("stop", [{ wedge: 0 }]);
    const error = await apply(scene, resize);
    assert.deepEqual([error?.code, error?.transient], ["world-moved", true]);
    assert.match(error?.message ?? "", /"a" is Suspended, and resize needs it Stopped/);
  });

  it("before a creation too, unless it was planned on a look that has just been", async () => {
    const create = changeOf("create", A, { before: null, seen: null });
    const scene = await createScene([{ name: "a" }]);
    assert.equal(await apply(scene, create, undefined, scene.clock.now() - 1000), null);
    const fresh = scene.lists;
    const other = await createScene([{ name: "a" }]);
    assert.equal(await apply(other, create, undefined, other.clock.now() - 5000), null);
    assert.equal(other.lists, fresh + 1);
    const taken = await createScene([{ name: "a" }]);
    const unowned = taken.world.add({ name: "a", maker: "stranger", nonce: "none", size: A.size });
    taken.world.boot(unowned);
    const error = await apply(taken, create, undefined, taken.clock.now() - 5000);
    assert.deepEqual([error?.code, taken.calls], ["world-moved", []]);
    assert.deepEqual(taken.deps.store.claims.list(), []);
  });

  it("what cannot be seen is not touched", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.running({ name: "a" });
    scene.faults.set("list", ["refuse"]);
    const error = await apply(scene, resize);
    assert.deepEqual([error?.code, error?.transient, scene.calls], ["unobservable", true, []]);
    assert.equal(scene.port.drained.size, 0);
  });
});

describe("drain and undrain go together", () => {
  const size = changeOf("restart-update", A, { ...resize });

  it("when all goes well", async () => {
    const scene = await createScene([{ name: "a", cpu: 3 }]);
    await scene.running({ name: "a" });
    assert.equal(await apply(scene, size), null);
    assert.deepEqual(scene.calls, ["stop a", "resize a", "start a"]);
    assert.equal(scene.port.drained.size, 0);
  });

  for (const state of ["stopped", "suspended"] as const)
    it(`after a restore of what is to be ${state}`, async () => {
      const agent = agentOf({ name: "a", state });
      const scene = await createScene([{ name: "a", state }]);
      const instance = await scene.running({ name: "a", state });
      scene.world.snapshot(instance, "clean", "", "fleet");
      const restore = { snapshot: "clean", token: "t", safety: "before-t" };
      const change = changeOf("restore", agent, { seen: "Running", restore });
      assert.equal(await apply(scene, change), null);
      assert.equal(instance.state, state === "stopped" ? "Stopped" : "Suspended");
      assert.deepEqual([...scene.port.drained], []);
    });

  for (const kind of ["stop", "resize", "start"])
    it(`when ${kind} fails`, async () => {
      const scene = await createScene([{ name: "a", cpu: 3 }]);
      await scene.running({ name: "a" });
      scene.faults.set(kind, ["fail"]);
      assert.equal((await apply(scene, size))?.code, "driver-failed");
      assert.equal(scene.port.drained.size, 0);
    });
});

describe("a stop is heard between two steps", () => {
  it("the step that runs is finished, and nothing more is begun", async () => {
    const scene = await createScene([{ name: "a", cpu: 3 }]);
    const instance = await scene.running({ name: "a" });
    const abort = new AbortController();
    scene.onCall = () => abort.abort();
    assert.equal((await apply(scene, resize, abort.signal))?.code, "stopped");
    assert.deepEqual([scene.calls, instance.state], [["stop a"], "Stopped"]);
  });

  it("waiting for tasks ends at once", async () => {
    const scene = await createScene([{ name: "a", cpu: 3 }], {}, { drainTakes: () => 50_000 });
    await scene.running({ name: "a" });
    const abort = new AbortController();
    const before = scene.clock.now();
    scene.clock.call(1000, () => abort.abort());
    assert.equal((await apply(scene, resize, abort.signal))?.code, "stopped");
    assert.deepEqual([scene.calls, scene.clock.now() - before], [[], 1000]);
  });
});

describe("a destroy", () => {
  const gone = changeOf("destroy", "a", { seen: "Running" });

  it("goes in its order: tasks, token, instance, claim", async () => {
    const scene = await createScene();
    await scene.running({ name: "a" });
    scene.onCall = () => {
      assert.equal(scene.claim("a")?.phase, "removing", "its intent is on disk before the effect");
      assert.equal(scene.port.memory.credentials.has("a"), false);
    };
    assert.equal(await apply(scene, gone), null);
    assert.deepEqual(started(scene), ["drain", "revoke", "remove", "forget"]);
    assert.deepEqual([scene.world.get("a"), scene.claim("a")], [undefined, undefined]);
  });

  for (const step of ["drain", "revoke", "remove", "forget"])
    for (const edge of ["before", "after"] as const)
      it(`is resumed after an end ${edge} ${step}`, async () => {
        let ends = true;
        const boundary = (_: string, kind: string, at: string) => {
          if (ends && kind === step && at === edge) throw new Error("ended here");
        };
        const scene = await createScene([], {}, { boundary });
        await scene.running({ name: "a" });
        assert.equal((await apply(scene, gone))?.message, "ended here");
        ends = false;
        if (scene.claim("a")) assert.equal(await apply(scene, gone), null);
        assert.deepEqual([scene.world.get("a"), scene.claim("a")], [undefined, undefined]);
        assert.deepEqual(scene.calls, ["remove a"], "and no instance is removed twice");
      });
});

describe("whoever's time is over", () => {
  for (const [kind, change, state] of [
    ["stop", resize, "Running"],
    [
      "suspend",
      changeOf("suspend", agentOf({ name: "a", state: "suspended" }), { seen: "Running" }),
      "Running",
    ],
    ["recover", changeOf("start", A, { seen: "Deleted" }), "Deleted"],
    ["start", changeOf("start", A, { seen: "Stopped" }), "Stopped"],
    ["remove", changeOf("destroy", "a", { seen: "Running" }), "Running"],
    ["launch", changeOf("create", A), null],
  ] as const)
    it(`does not ${kind}`, async () => {
      const scene = await createScene([{ name: "a" }]);
      if (state === null) scene.write([{ name: "a" }]);
      else scene.world.put(await scene.running({ name: "a" }), state);
      await scene.store.nextFence();
      assert.equal((await apply(scene, change))?.code, "fenced");
      assert.deepEqual(scene.calls, []);
    });

  it("nor does what has no claim any more", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.running({ name: "a" });
    await scene.store.claims.remove("a", scene.deps.fence);
    assert.equal((await apply(scene, resize))?.code, "not-ours");
    assert.deepEqual(scene.calls, []);
  });
});

describe("a creation", () => {
  it("looks again before it claims the name, however long the look was that it was planned on", async () => {
    const scene = await createScene([{ name: "a" }]);
    const unowned = scene.world.add({ name: "a", maker: "stranger", nonce: "x", size: A.size });
    assert.equal((await apply(scene, changeOf("create", A)))?.code, "world-moved");
    assert.deepEqual([scene.claim("a"), scene.calls], [undefined, []]);
    assert.equal(scene.world.get("a"), unowned);
  });

  it("that follows a removal looks again too: the name may be a stranger's by then", async () => {
    const scene = await createScene([{ name: "a" }]);
    await scene.running({ name: "a" });
    const taken = new Promise<void>((resolve) => {
      scene.world.onErase.add((name) => {
        scene.world.add({ name, maker: "stranger", nonce: "x", size: A.size });
        resolve();
      });
    });
    const change = changeOf("replace", A, { seen: "Running" });
    assert.equal((await apply(scene, change))?.code, "world-moved");
    await taken;
    assert.deepEqual([scene.claim("a"), scene.calls], [undefined, ["remove a"]]);
  });
});

it("says what a step is about", () => {
  const step = { agent: "a", requires: [], satisfied: [] } as const;
  assert.equal(detail({ ...step, kind: "resize", field: "cpu", value: 3 }), "cpu 3");
  assert.equal(detail({ ...step, kind: "resize", field: "memory", value: 2 ** 30 }), "memory 1G");
  assert.equal(detail({ ...step, kind: "snapshot", snapshot: { name: "s", comment: "" } }), "s");
  assert.equal(detail({ ...step, kind: "start" }), "");
});
