/** A wrong clock removes nothing and ends nothing; real time still does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "../../base/events.ts";
import { aTask } from "../../store/testing/contract.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import type { Store } from "../../store/store.ts";
import { createClockWatch } from "./clock-watch.ts";
import { startHub, type TestClock, testClock, until } from "../testing/hub.ts";

const DAY = 24 * 3_600_000;
const START = 1_800_000_000_000;

/** A wall clock that can jump, and the time since the boot, which cannot. */
function jumpingClock(wall = START, since = 1_000_000) {
  let up = since;
  let offset = wall - since;
  const clock: TestClock & { jump(ms: number): void } = {
    now: () => up + offset,
    uptime: () => up,
    advance: (ms) => {
      up += ms;
    },
    jump: (ms) => {
      offset += ms;
    },
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
  return clock;
}

function watchOf(store: Store, clock: TestClock, boot: string | null = "boot") {
  const jumps: number[] = [];
  const bus = createBus(clock.now);
  bus.on("clock.jumped", ({ by }) => void jumps.push(by));
  return { watch: createClockWatch({ store, clock, bus, boot }), jumps };
}

test("a jump is no time that passed; the way back ends the doubt", () => {
  const clock = jumpingClock();
  const { watch, jumps } = watchOf(createMemoryStore(), clock);
  const before = clock.now();
  clock.advance(5000);
  watch.tick();
  clock.jump(400 * DAY);
  watch.tick();
  assert.equal(watch.age(before), 5000);
  assert.equal(watch.distrusted(), 400 * DAY);
  // What is stored after the jump has the clock's own time.
  const after = clock.now();
  clock.advance(2000);
  watch.tick();
  assert.deepEqual([watch.age(before), watch.age(after)], [7000, 2000]);
  clock.jump(-400 * DAY);
  watch.tick();
  assert.deepEqual([watch.age(before), watch.distrusted()], [7000, null]);
  assert.deepEqual(jumps, [400 * DAY, -400 * DAY]);
});

test("a clock that was set back makes nothing older, and nothing endless", () => {
  const clock = jumpingClock();
  const { watch } = watchOf(createMemoryStore(), clock);
  const before = clock.now();
  clock.jump(-400 * DAY);
  watch.tick();
  const after = clock.now();
  clock.advance(3000);
  watch.tick();
  assert.deepEqual([watch.age(before), watch.age(after)], [3000, 3000]);
});

test("sleep within a boot and days without power are time; weeks without power are in doubt until they are confirmed", async () => {
  const store = createMemoryStore();
  const clock = jumpingClock();
  const first = watchOf(store, clock);
  clock.advance(30 * DAY);
  first.watch.tick();
  assert.equal(first.watch.distrusted(), null);
  await first.watch.save();

  const weekend = watchOf(store, jumpingClock(clock.now() + 3 * DAY, 1000), "another boot");
  assert.equal(weekend.watch.distrusted(), null);
  const later = jumpingClock(clock.now() + 400 * DAY, 1000);
  const { watch } = watchOf(store, later, "another boot");
  assert.equal(watch.distrusted(), 400 * DAY);
  assert.ok(watch.age(clock.now()) < DAY);
  await watch.trust();
  assert.equal(watch.distrusted(), null);
  assert.equal(watchOf(store, later, "another boot").watch.distrusted(), null);
});

test("a hub that starts 400 days ahead, or jumps there: history, queued tasks and join tokens stay", async () => {
  for (const how of ["at the start", "while it runs"] as const) {
    const store = createMemoryStore();
    const clock = jumpingClock();
    // As fast as the test looks.
    const limits = { pruneInterval: 5 };
    const at = clock.now();
    await store.tasks.insert(aTask("waiting", { createdAt: at }));
    let world = await startHub(store, limits, clock);
    await store.tasks.insert(aTask("done", { state: "succeeded", createdAt: at, finishedAt: at }));
    for (const subject of ["one", "two"])
      await store.audit.append({ at, actor: "operator", action: "task.submit", subject, detail: {} });
    const token = await world.hub.auth.enrol("agent-1", "nonce");
    if (how === "at the start") {
      await world.stop();
      clock.jump(400 * DAY);
      world = await startHub(store, limits, clock);
    } else clock.jump(400 * DAY);
    await until("it is noticed", () => world.hub.clockJumped());
    clock.advance(10);
    const pruned = world.hub.clock.now();
    await until("a pruning after it", () => {
      clock.advance(1);
      return world.hub.clock.now() - pruned > 50;
    });
    assert.equal(store.tasks.get("done")?.state, "succeeded", how);
    assert.ok(
      store.audit.list(0, 10).some(({ subject }) => subject === "one"),
      how,
    );
    assert.equal(world.hub.auth.admit("agent-1", token).ok, true, how);
    assert.equal(store.tasks.get("waiting")?.state, "queued", how);

    // The operator says that the clock is right: then that much did pass.
    await world.hub.acknowledgeLosses();
    await until("old tasks go", () => {
      clock.advance(10);
      return store.tasks.get("done") === null;
    });
    assert.equal(store.tasks.get("waiting")?.state, "expired", how);
    assert.equal(world.hub.auth.admit("agent-1", token).ok, false, how);
    await world.stop();
  }
});

test("a lockout ends when its time is over, whatever the clock says", async () => {
  const clock = jumpingClock();
  const world = await startHub(createMemoryStore(), { authFailures: 1, lockout: 1000 }, clock);
  world.hub.lockout.fail("address");
  assert.ok(world.hub.lockout.locked("address") > 0);
  clock.jump(-400 * DAY);
  clock.advance(1001);
  assert.equal(world.hub.lockout.locked("address"), 0);
  await world.stop();
});

test("a clock without jumps is believed", () => {
  const clock = testClock();
  const { watch } = watchOf(createMemoryStore(), clock);
  clock.advance(90 * DAY);
  watch.tick();
  assert.deepEqual([watch.distrusted(), watch.age(clock.now() - DAY)], [null, DAY]);
});
