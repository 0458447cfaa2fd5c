/** report.ts: the fleet as one value, before the first look, at work, failing, and when nothing can be seen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ShortAgent, snapshotOf } from "../../core/testing/build.ts";
import { Loop } from "../loop.ts";
import { createReporter } from "./report.ts";
import { BOOT_GRACE, createScene } from "../simulation/scene.ts";

async function reported(agents: readonly ShortAgent[]) {
  const scene = await createScene(agents);
  const loop = new Loop(scene.deps);
  const report = createReporter({
    loop,
    fleet: () => ({ desired: scene.desired, errors: [], warnings: [], stale: false }),
    readings: scene.port.readings,
    alerts: () => [],
    now: scene.clock.now,
    bootGrace: BOOT_GRACE,
    about: { version: "1", fleet: "/f", driver: { name: "multipass", version: "1.16", sandbox: false } },
  });
  return { scene, loop, report, one: () => report().agents[0] };
}

test("before the first look every agent is there, and nothing is claimed of it", async () => {
  const { report, one } = await reported([{ name: "a" }]);
  assert.deepEqual([report().settled, report().turns, report().foreign], [false, 0, null]);
  assert.deepEqual([one()?.name, one()?.seen, one()?.health, one()?.work], ["a", "?", "Unknown", null]);
});

test("work in flight shows with its step; afterwards the agent is in sync, since when it became so", async () => {
  const { scene, loop, one, report } = await reported([{ name: "a" }]);
  loop.start();
  await scene.clock.until("it launches", () => loop.inFlight.get("a")?.step === "launch");
  loop.progress("a", "41 %");
  assert.deepEqual(
    [one()?.work?.action, one()?.work?.step, one()?.work?.progress, one()?.sync],
    ["create", "launch", "41 %", "OutOfSync"],
  );
  await scene.clock.until("it is settled", () => loop.isSettled);
  const first = one();
  assert.deepEqual(
    [first?.sync, first?.health, first?.seen, first?.work],
    ["Synced", "Healthy", "Running", null],
  );
  const since = first?.conditions.map((c) => c.since);
  await scene.clock.advance(300_000);
  assert.deepEqual(
    one()?.conditions.map((c) => c.since),
    since,
    "a condition that stays keeps its since",
  );
  assert.deepEqual([report().settled, report().held, report().failures], [true, 0, {}]);
});

test("a failure says what, what next, how often and when again; one for good has no instant", async () => {
  const { scene, loop, report, one } = await reported([{ name: "a", image: "missing" }]);
  loop.start();
  await scene.clock.until("it failed", () => loop.queue.failure("a") !== undefined);
  await scene.clock.until("it is settled", () => loop.isSettled);
  const failure = one()?.failure;
  assert.deepEqual([failure?.count, failure?.retryAt], [1, null]);
  assert.match(failure?.message ?? "", /Unable to find an image/);
  assert.deepEqual(Object.keys(report().failures), ["a"]);
  assert.equal(one()?.conditions.find((c) => c.type === "Stalled")?.status, "True");
  assert.doesNotThrow(() => JSON.stringify(report()));
});

test("when nothing can be seen it says so, and what is not ours is only counted", async () => {
  const { scene, loop, report, one } = await reported([{ name: "a" }]);
  await scene.running({ name: "a" });
  scene.world.add({ name: "z", maker: "stranger", nonce: "", size: { cpu: 1, memory: 1, disk: 1 } });
  loop.start();
  await scene.clock.until("a look", () => loop.turns === 1);
  assert.deepEqual([report().foreign, report().agents.length], [1, 1]);
  scene.faults.set("list", ["refuse"]);
  loop.wake();
  await scene.clock.until("another", () => loop.turns === 2);
  assert.match(report().unobservable ?? "", /socket closed/);
  assert.deepEqual([one()?.sync, one()?.seen, report().foreign], ["Unknown", "?", null]);
});

test("between an edit and the next refresh no agent is reported in sync that is not", async () => {
  const { scene, loop, one } = await reported([{ name: "a" }]);
  loop.start();
  await scene.clock.until("it is settled", () => loop.isSettled);
  const brief = () => `${one()?.wanted} ${one()?.seen} ${one()?.sync} ${one()?.health}`;
  assert.equal(brief(), "running Running Synced Healthy");
  const edited = (state: "running" | "stopped", hash: string) => {
    const agents = scene.desired.agents.map((a) => ({ ...a, state }));
    scene.desired = { ...scene.desired, hash, agents };
  };
  edited("stopped", "d1");
  assert.equal(brief(), "stopped Running OutOfSync Healthy");
  assert.equal(one()?.conditions.find((c) => c.type === "Reconciling")?.reason, "Edited");
  loop.wake();
  await scene.clock.until("it is stopped", () => loop.isSettled);
  assert.equal(brief(), "stopped Stopped Synced Healthy");
  edited("running", "d2");
  assert.equal(brief(), "running Stopped OutOfSync Progressing");
  loop.wake();
  await scene.clock.until("it runs", () => loop.isSettled);
  assert.equal(brief(), "running Running Synced Healthy");
});

test("what the loop itself has stopped is on its way, at every moment until it was looked at again", async () => {
  const { scene, loop, one } = await reported([{ name: "a" }]);
  await scene.running({ name: "a" });
  scene.desired = { ...scene.desired, snapshots: [snapshotOf({ name: "clean", agent: "a" })] };
  const seen: string[] = [];
  scene.bus.onAny(({ name }) => {
    const a = one();
    seen.push(`${name}: ${a?.seen} ${a?.health} ${a?.conditions.find((c) => c.type === "Ready")?.reason}`);
  });
  loop.start();
  await scene.clock.until("we have stopped it", () => scene.world.get("a")?.state === "Stopped");
  loop.wake();
  await scene.clock.until("it is settled", () => loop.isSettled);
  const worked = seen.filter((t) => /Progressing InWork/.test(t));
  assert.ok(worked.length > 0, seen.join("\n"));
  assert.deepEqual(
    seen.filter((t) => /Degraded|Offline|Missing/.test(t)),
    [],
  );
  assert.equal(one()?.health, "Healthy");
});

test("an instance stopped by the loop has not drifted; one stopped from outside has", async () => {
  const { scene, loop, report, one } = await reported([{ name: "a" }]);
  scene.bus.on("planned", () => void report());
  const drifted = () => one()?.conditions.find((c) => c.type === "Drifted")?.status;
  const seen: (string | undefined)[] = [];
  await scene.running({ name: "a" });
  scene.desired = { ...scene.desired, snapshots: [snapshotOf({ name: "clean", agent: "a" })] };
  loop.start();
  await scene.clock.until("we have stopped it", () => scene.world.get("a")?.state === "Stopped");
  const { turns } = loop;
  scene.bus.on("reconciled", () => void seen.push(`${one()?.seen} ${drifted()}`));
  loop.wake();
  await scene.clock.until("a look at it", () => loop.turns > turns);
  await scene.clock.until("it is settled", () => loop.isSettled);
  assert.ok(seen.includes("Stopped False"), seen.join());
  assert.ok(!seen.some((s) => s?.endsWith("True")), seen.join());

  const instance = scene.world.get("a");
  assert.ok(instance);
  scene.faults.set("start", ["refuse"]);
  instance.state = "Stopped";
  loop.wake();
  await scene.clock.until("it is corrected", () => loop.inFlight.has("a"));
  assert.equal(drifted(), "True", "it stays so while it is corrected");
  await scene.clock.until("the correction failed", () => loop.queue.failure("a") !== undefined);
  assert.equal(drifted(), "True");
});
