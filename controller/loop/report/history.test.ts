/** history.ts: one entry for each fleet that was worked on, whatever became of it; bounded, and going on after a restart. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { createBus } from "../../base/events.ts";
import type { Desired, Plan } from "../../core/types.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import type { Store } from "../../store/store.ts";
import { HISTORY_KEPT, type History, readHistory, recordHistory } from "./history.ts";
import type { Loop } from "../loop.ts";

const NO_COUNTS = { create: 0, change: 0, destroy: 0, snapshot: 0, held: 0 };

interface Stage {
  readonly history: History;
  /** The loop takes a turn on this fleet. */
  turn(
    hash: string,
    how?: { settled?: boolean; failed?: string; held?: string; create?: number },
  ): Promise<void>;
  converged(agent: string): Promise<void>;
}

/** A scripted loop, on a folder that is in no repository. */
function stage(store: Store, clock = { at: 1000 }): Stage {
  const bus = createBus(() => clock.at);
  let desired: Desired | null = null;
  let last: unknown = null;
  let settled = false;
  const failures = new Map<string, unknown>();
  const loop = {
    get last() {
      return last;
    },
    get isSettled() {
      return settled;
    },
    queue: { failures: () => failures },
  } as unknown as Loop;
  const fleet = () => ({ desired, errors: [], warnings: [], stale: false });
  const history = recordHistory({
    store,
    bus,
    loop,
    fleet,
    folder: "/nowhere",
    clock: { now: () => clock.at, sleep: async () => {} },
    onError: (error) => assert.fail(error as Error),
  });
  return {
    history,
    async turn(hash, how = {}) {
      clock.at += 1000;
      desired = { hash, revision: null, agents: [{ name: "a" }] } as unknown as Desired;
      failures.clear();
      if (how.failed) failures.set(how.failed, {});
      settled = how.settled ?? true;
      const held = how.held ? [{ agent: how.held }] : [];
      const counts = { ...NO_COUNTS, create: how.create ?? 0, held: held.length };
      const plan = { desiredHash: hash, revision: null, held, counts } as unknown as Plan;
      last = { plan, observed: { instances: { kind: "seen", list: [] } } };
      bus.emit("planned", { ...counts, drifted: 0 });
      await setImmediate();
      await setImmediate();
    },
    async converged(agent) {
      bus.emit("agent.converged", { agent });
      await setImmediate();
    },
  };
}

const reported = (store: Store) => readHistory(store.kv).map((e) => `${e.seq} ${e.hash} ${e.result}`);

test("converged, held, failed and superseded; the later result of a held change updates the same entry", async () => {
  const store = createMemoryStore();
  const s = stage(store);
  await s.turn("one", { settled: false, create: 2 });
  assert.deepEqual(reported(store), []);
  await s.turn("one");
  await s.turn("one");
  await s.turn("two", { held: "a" });
  await s.turn("two", { failed: "a" });
  await s.turn("two");
  await s.turn("three", { settled: false });
  await s.turn("four", { failed: "b" });
  await s.history.close();
  assert.deepEqual(reported(store), [
    "4 four failed",
    "3 three superseded",
    "2 two converged",
    "1 one converged",
  ]);
  const [four, , , one] = readHistory(store.kv);
  assert.deepEqual(four?.left, ["b"]);
  assert.equal(one?.plan.create, 2);
  assert.deepEqual([one?.at, one?.endedAt], [2000, 3000]);
  assert.equal(one?.revision, null);
  assert.notEqual(one?.who, "");
});

test("a restart goes on with the entry of what is in force, and a return to an older fleet is a new one", async () => {
  const store = createMemoryStore();
  const first = stage(store);
  await first.turn("one");
  await first.turn("two", { held: "a" });
  await first.history.close();
  const second = stage(store, { at: 50_000 });
  await second.turn("two");
  await second.turn("one");
  await second.history.close();
  assert.deepEqual(reported(store), ["3 one converged", "2 two converged", "1 one converged"]);
});

test("what is unsettled at the end is not recorded as converged, what is settled is recorded at once", async () => {
  const store = createMemoryStore();
  const s = stage(store);
  await s.turn("one", { settled: false });
  await s.history.close();
  assert.deepEqual(reported(store), []);
});

test("the oldest entries are forgotten", async () => {
  const store = createMemoryStore();
  const s = stage(store);
  for (let i = 1; i <= HISTORY_KEPT + 3; i++) await s.turn(`h${i}`);
  await s.history.close();
  const all = readHistory(store.kv);
  assert.equal(all.length, HISTORY_KEPT);
  assert.equal(all[0]?.hash, `h${HISTORY_KEPT + 3}`);
  assert.equal(readHistory(store.kv, 2).length, 2);
});

test("each agent remembers what was applied to it, until it is gone", async () => {
  const store = createMemoryStore();
  const s = stage(store);
  await s.turn("one");
  await s.converged("a");
  await s.converged("gone");
  assert.deepEqual([...s.history.applied().keys()], ["a"]);
  await s.history.close();
  const again = stage(store);
  assert.deepEqual([...again.history.applied().keys()], ["a"]);
  await again.history.close();
});
