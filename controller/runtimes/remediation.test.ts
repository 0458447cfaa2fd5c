/** The ladder of remedies as a state machine: which rung, when, and when never; and the rungs themselves on a modelled guest. */
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { agentOf } from "../core/testing/build.ts";
import { Loop } from "../loop/loop.ts";
import { LADDER, type LadderFacts, episodeAfter, pause, remedyOf, tried } from "./remediation.ts";
import { createScene } from "../loop/simulation/scene.ts";

const NOW = 10_000_000_000;
const MINUTE = 60_000;

const facts = (more: Partial<LadderFacts> = {}): LadderFacts => ({
  now: NOW,
  agent: agentOf({ name: "a" }),
  episode: null,
  running: true,
  occupied: false,
  runtime: "offline",
  offlineSince: NOW - 5 * MINUTE,
  bootUntil: 0,
  tasksUntil: null,
  allOffline: false,
  guarded: false,
  ...more,
});
const short = (f: LadderFacts) => {
  const remedy = remedyOf(f);
  return remedy.kind === "none" ? "none" : `${remedy.kind} ${remedy.rung} ${remedy.attempt}`;
};
const agent = (more: Parameters<typeof agentOf>[0] extends infer T ? Partial<T> : never) =>
  agentOf({ name: "a", ...more });

describe("the ladder", () => {
  it("goes up one rung in each window, and stays on the last", () => {
    let episode = null;
    let now = NOW;
    const seen: string[] = [];
    for (let i = 0; i < 8; i++) {
      seen.push(short(facts({ now, episode })));
      episode = tried(episode, i === 0 ? "restart-runtime" : "restart-instance", now);
      assert.match(short(facts({ now: now + pause(i + 1) - 1, episode })), /^wait/);
      now += pause(i + 1);
    }
    assert.deepEqual(seen.slice(0, 3), [
      "try restart-runtime 1",
      "try restart-instance 2",
      "try restart-instance 3",
    ]);
    assert.equal(seen.at(-1), "try restart-instance 8");
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6, 7, 99].map((n) => pause(n) / MINUTE),
      [2, 4, 8, 16, 32, 60, 60, 60],
    );
  });

  it("nothing where it does not run, is not meant to, is heard of, or no ladder is written", () => {
    for (const more of [
      { running: false },
      { agent: agent({ state: "stopped" as const }) },
      { runtime: "online" as const },
      { runtime: "suspect" as const },
      { agent: agent({ remediate: [] }) },
      { agent: agent({ drift: "ignore" as const }) },
    ])
      assert.equal(short(facts(more)), "none", JSON.stringify(more));
  });

  it("waits for offlineAfter, a boot, tasks that may be running, and other work", () => {
    for (const more of [
      { offlineSince: NOW - 89_000 },
      { bootUntil: NOW + 1 },
      { tasksUntil: NOW + 1 },
      { occupied: true },
    ])
      assert.match(short(facts(more)), /^wait/, JSON.stringify(more));
    assert.equal(short(facts({ tasksUntil: NOW })), "try restart-runtime 1");
  });

  it("is held while paused, in drift mode warn, and where the hub itself is the likelier cause", () => {
    assert.match(short(facts({ agent: agent({ paused: true }) })), /^hold/);
    assert.match(short(facts({ agent: agent({ drift: "warn" }) })), /^hold/);
    const up = tried(null, "restart-runtime", NOW - 60 * MINUTE);
    assert.match(short(facts({ allOffline: true, episode: up })), /^hold restart-instance/);
    assert.match(short(facts({ allOffline: true })), /^try restart-runtime/);
  });

  it("replaces where that is written, once, and never what is protected or while the files are not in order", () => {
    const ladder = ["replace"] as const;
    assert.equal(short(facts({ agent: agent({ remediate: ladder }) })), "try replace 1");
    assert.match(short(facts({ agent: agent({ remediate: ladder, protect: true }) })), /^hold/);
    assert.match(short(facts({ agent: agent({ remediate: ladder }), guarded: true })), /^hold/);
    const episode = tried(null, "replace", NOW - 600 * MINUTE);
    assert.match(short(facts({ agent: agent({ remediate: ladder }), episode })), /^hold/);
  });

  it("begins at the bottom after ten minutes online, and not before", () => {
    const episode = tried(null, "restart-runtime", NOW);
    const healthy = episodeAfter(episode, "online", NOW + MINUTE);
    assert.equal(healthy?.healthySince, NOW + MINUTE);
    assert.equal(episodeAfter(healthy, "suspect", NOW + 2 * MINUTE)?.healthySince, null);
    assert.equal(episodeAfter(healthy, "online", NOW + MINUTE + LADDER.healthyMs - 1), healthy);
    assert.equal(episodeAfter(healthy, "online", NOW + MINUTE + LADDER.healthyMs), null);
  });
});

test("a silent runtime: its restart, then the instance's, and nothing twice after a restart of the controller", async () => {
  const scene = await createScene([{ name: "a" }]);
  const instance = await scene.running({ name: "a" });
  const execs: string[] = [];
  const driver = {
    ...scene.driver,
    exec: async (_name: string, _state: unknown, argv: readonly string[]) => {
      execs.push(argv.join(" "));
      return { exitCode: 0, stdout: "", stderr: "" };
    },
  };
  const deps = { ...scene.deps, driver, bootGrace: 10_000 };
  const first = new Loop(deps);
  first.start();
  await scene.clock.advance(MINUTE);
  instance.helloAt = Number.POSITIVE_INFINITY;
  await scene.clock.until("its runtime is restarted", () =>
    execs.some((e) => e.includes("restart vm-agent")),
  );
  assert.deepEqual(scene.calls, []);
  await scene.clock.advance(1000);
  await first.stop();
  const second = new Loop(deps);
  second.start();
  await scene.clock.until("the instance is restarted", () => scene.calls.includes("start a"));
  assert.deepEqual(scene.calls, ["stop a", "start a"]);
  assert.equal(execs.filter((e) => e.includes("restart vm-agent")).length, 1);
  await scene.clock.until("its runtime is back", () => scene.port.readings()[0]?.status === "online");
  await second.stop();
});

for (const [what, state, after] of [
  ["suspended", "Suspended", ["stop a"]],
  ["started", "Running", ["stop a"]],
  ["left alone", null, ["stop a", "start a"]],
] as const)
  test(`a restart looks again before the start: the instance was ${what} meanwhile`, async () => {
    const scene = await createScene([{ name: "a", remediate: ["restart-instance"] }]);
    const instance = await scene.running({ name: "a", remediate: ["restart-instance"] });
    let seenAfter = "";
    const driver = {
      ...scene.driver,
      exec: async () => ({ exitCode: 0, stdout: "", stderr: "" }),
      async stop(name: string, options: { readonly force: boolean }) {
        await scene.driver.stop(name, options);
        if (state) instance.state = state;
        seenAfter = instance.state;
      },
    };
    const loop = new Loop({ ...scene.deps, driver, bootGrace: 10_000 });
    loop.start();
    await scene.clock.advance(MINUTE);
    instance.helloAt = Number.POSITIVE_INFINITY;
    const lists = () => scene.lists;
    await scene.clock.until("it was stopped", () => seenAfter !== "");
    const before = lists();
    await scene.clock.until("the remedy has ended", () => loop.inFlight.size === 0);
    assert.ok(lists() > before, "observed after the stop");
    assert.deepEqual(scene.calls, after);
    await loop.stop();
  });

test("repeated stops from outside: each correction is delayed longer, and says so; a request corrects at once", async () => {
  const scene = await createScene([{ name: "a" }]);
  const instance = await scene.running({ name: "a" });
  const loop = new Loop(scene.deps);
  loop.start();
  const stop = async () => {
    await scene.clock.until(
      "it runs and is settled",
      () => scene.world.get("a")?.state === "Running" && loop.isSettled,
    );
    scene.world.put(instance, "Stopped");
    loop.wake();
    const from = scene.clock.now();
    const starts = scene.calls.length;
    await scene.clock.until("it is started", () => scene.calls.length > starts);
    return scene.clock.now() - from;
  };
  const took = [await stop(), await stop(), await stop(), await stop()];
  assert.ok((took[0] ?? 0) < 2000, String(took));
  assert.ok((took[2] ?? 0) > (took[0] ?? 0) && (took[3] ?? 0) > 30_000, String(took));
  await scene.clock.until("it runs", () => scene.world.get("a")?.state === "Running" && loop.isSettled);
  scene.world.put(instance, "Stopped");
  loop.wake();
  await scene.clock.until("it is put off", () => loop.next.length > 0);
  assert.deepEqual([loop.next[0]?.kind, loop.next[0]?.attempt], ["drift", 5]);
  const starts = scene.calls.length;
  loop.requeue(["a"]);
  await scene.clock.until("it is started", () => scene.calls.length > starts, 2000);
  await scene.clock.until("it is done", () => loop.isSettled);
  await loop.stop();
});

test("what is taken out of the fleet while silent runtimes are judged is not begun", async () => {
  const scene = await createScene([{ name: "a" }, { name: "b" }]);
  await scene.running({ name: "a" });
  let edited = false;
  const { kv } = scene.store;
  const plain = kv.put.bind(kv);
  const put: typeof kv.put = async (key, value) => {
    if (key.startsWith("episode/") && !edited) {
      edited = true;
      scene.write([{ name: "a" }]);
    }
    return plain(key, value);
  };
  // An episode that ends is noted at the first look.
  await plain("episode/a", tried(null, "restart-runtime", scene.clock.now()));
  Object.assign(kv, { put });
  const loop = new Loop(scene.deps);
  loop.start();
  await scene.clock.advance(MINUTE);
  assert.ok(edited, "the fleet was edited between look and begin");
  assert.deepEqual(scene.calls, []);
  await loop.stop();
});
