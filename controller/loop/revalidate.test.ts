/** Work that was begun and waits, while what is written changes: nothing that cannot be undone is done for a fleet that is not in force any more. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ShortAgent } from "../core/testing/build.ts";
import type { DriftMode, FleetSettings } from "../core/types.ts";
import type { SceneOptions } from "./simulation/scene.ts";
import { type Running, edit, failures, settle, start } from "./simulation/running-loop.ts";

const A = { name: "a" };
const B = { name: "b" };

/** Two running agents in sync; a drain takes 20 s. */
async function fleet(settings: Partial<FleetSettings>, options: SceneOptions = {}): Promise<Running> {
  const scene = await start([A, B], settings, { drainTakes: () => 20_000, ...options });
  await scene.running(A);
  await scene.running(B);
  scene.loop.start();
  await settle(scene);
  return scene;
}

const draining = (scene: Running) =>
  scene.clock.until("it waits for its tasks", () => scene.port.drained.has("a"));

/** It is there as it was, lets its runtime in, and gets tasks. */
async function isAsBefore(scene: Running, calls: readonly string[] = []): Promise<void> {
  await settle(scene);
  assert.deepEqual(scene.calls, calls);
  assert.equal(scene.world.get("a")?.state, "Running");
  assert.equal(scene.claim("a")?.phase, "launched");
  assert.equal(scene.port.drained.has("a"), false);
  assert.equal(scene.port.memory.credentials.get("a"), scene.claim("a")?.nonce);
  assert.equal(scene.port.submit("a", 1000, 1000), true, "it takes a task");
  assert.deepEqual(failures(scene), []);
}

describe("a removal that waits for tasks", () => {
  it("is not carried out when the document is back", async () => {
    const scene = await fleet({ prune: true });
    edit(scene, [B], { prune: true });
    await draining(scene);
    edit(scene, [A, B], { prune: true });
    await isAsBefore(scene);
  });

  for (const [what, agents, settings] of [
    ["prune is off by now", [B], { prune: false }],
    ["more are gone by now than may go at once", [], { prune: true, maxDeletes: 1 }],
  ] as const)
    it(`is not carried out when ${what}`, async () => {
      const scene = await fleet({ prune: true });
      edit(scene, [B], { prune: true });
      await draining(scene);
      edit(scene, agents, settings);
      await isAsBefore(scene);
    });

  it("is not carried out when the files are not in order by now", async () => {
    const scene = await fleet({ prune: true });
    edit(scene, [B], { prune: true });
    await draining(scene);
    edit(scene, [B], { prune: true });
    scene.desired = { ...scene.desired, guard: { reason: "invalid", message: "b.yaml cannot be read" } };
    await isAsBefore(scene);
  });

  it("goes on when something else was edited", async () => {
    const scene = await fleet({ prune: true });
    edit(scene, [B], { prune: true });
    await draining(scene);
    edit(scene, [{ ...B, cpu: 3 }], { prune: true });
    await settle(scene);
    assert.deepEqual(
      scene.calls.filter((c) => c.endsWith(" a")),
      ["remove a"],
    );
    assert.deepEqual([scene.world.get("a"), scene.claim("a")], [undefined, undefined]);
  });

  it("that a person named is not carried out when the document is back, and its yes is void", async () => {
    const scene = await fleet({ prune: false });
    edit(scene, [B]);
    await settle(scene);
    scene.loop.approve([{ agent: "a", action: "destroy" }], ["a"]);
    await draining(scene);
    edit(scene, [A, B]);
    await scene.clock.until("it gets tasks again", () => !scene.port.drained.has("a"));
    // Gone again before the next refresh: another case, which was not approved.
    edit(scene, [B]);
    await isAsBefore(scene);
    assert.deepEqual(
      scene.loop.last?.plan.held.map((h) => [h.agent, h.reason]),
      [["a", "prune-off"]],
    );
  });

  it("that has taken its token gives it back when the document is back", async () => {
    const written: { scene?: Running } = {};
    const boundary = (_: string, step: string, edge: string) => {
      if (step === "revoke" && edge === "after" && written.scene)
        edit(written.scene, [A, B], { prune: true });
    };
    const scene = await fleet({ prune: true }, { boundary });
    written.scene = scene;
    edit(scene, [B], { prune: true });
    await draining(scene);
    await scene.clock.until("its claim is as before", () => scene.claim("a")?.phase === "removing");
    await isAsBefore(scene);
  });
});

describe("what stops, replaces or takes back and waits", () => {
  it("a replacement is not carried out when the edit is taken back", async () => {
    const before: ShortAgent = { ...A, provision: "p1", onChange: "replace" };
    const scene = await start([before], {}, { drainTakes: () => 20_000 });
    await scene.running(before);
    scene.loop.start();
    await settle(scene);
    edit(scene, [{ ...before, provision: "p2" }]);
    await draining(scene);
    edit(scene, [before]);
    await isAsBefore(scene);
  });

  it("a stop is not carried out when the edit is taken back", async () => {
    const scene = await fleet({});
    edit(scene, [{ ...A, state: "stopped" }, B]);
    await draining(scene);
    edit(scene, [A, B]);
    await isAsBefore(scene);
  });

  it("a creation that ends in a stop is finished, and what was edited meanwhile comes after it", async () => {
    const mounts = [{ source: "/host/work", target: "/work" }];
    const scene = await start([{ ...A, state: "stopped", mounts }]);
    scene.onCall = ({ kind }) => {
      if (kind === "launch") edit(scene, [{ ...A, state: "stopped" }]);
    };
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(scene.calls, ["launch a", "mount a", "stop a", "unmount a"]);
    assert.deepEqual(scene.world.get("a")?.mounts, []);
    const steps = scene.events.flatMap((e) => (e.name === "step.started" ? [e.data.step] : []));
    assert.deepEqual(steps.slice(0, 7), [
      "claim",
      "launch",
      "await-ready",
      "mount",
      "drain",
      "stop",
      "converged",
    ]);
  });

  /** Going back to `older` is begun, and written is something else when its disk has been kept and is about to be lost. */
  async function takenBack(drift: DriftMode, after: Partial<ShortAgent>): Promise<Running> {
    const scene = await start([{ ...A, drift }], {}, { drainTakes: () => 20_000 });
    const instance = await scene.running({ ...A, drift });
    const kept = (name: string, disk: number) => ({ name, parent: "", comment: "", createdAt: 0, disk });
    instance.snapshots = [kept("old", 4711), kept("older", 4712)];
    scene.loop.start();
    await settle(scene);
    scene.onCall = ({ kind }) => {
      scene.onCall = kind === "snapshot" ? () => {} : scene.onCall;
      if (kind === "snapshot") edit(scene, [{ ...A, drift, ...after }]);
    };
    edit(scene, [{ ...A, drift, restore: { snapshot: "older", token: "1" } }]);
    await draining(scene);
    return scene;
  }

  for (const drift of ["correct", "warn"] as const)
    it(`a restore is not carried out when it is not written any more, and what was stopped for it runs again (drift: ${drift})`, async () => {
      const scene = await takenBack(drift, {});
      await scene.clock.until("it was kept before", () => scene.calls.includes("snapshot a"));
      await isAsBefore(scene, ["stop a", "snapshot a", "start a"]);
    });

  it("a restore goes back to what is written when it is done", async () => {
    const scene = await takenBack("correct", { restore: { snapshot: "old", token: "1" } });
    await scene.clock.until("it went back", () => scene.world.get("a")?.disk === 4711);
    await settle(scene);
    assert.equal(scene.calls.filter((c) => c === "restore a").length, 1);
  });
});
