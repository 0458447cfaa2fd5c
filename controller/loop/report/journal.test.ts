/** The journal keeps what was done to each agent and why, on disk, and no more than it may. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "../../base/events.ts";
import { agentOf } from "../../core/testing/build.ts";
import type { Change } from "../../core/types.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { JOURNAL_LENGTH, keepJournal, readJournal } from "./journal.ts";

const change: Change = {
  agent: "a",
  action: "start",
  patch: [],
  before: null,
  after: null,
  cause: "drift",
  why: ["it is Stopped"],
  consequences: [],
  snapshots: [],
  waitsFor: [],
  seen: "Stopped",
  source: agentOf({ name: "a" }).source,
};

function setup() {
  let now = 1000;
  const store = createMemoryStore();
  const bus = createBus(() => now);
  const errors: unknown[] = [];
  const journal = keepJournal({
    bus,
    kv: store.kv,
    changeOf: (agent) => (agent === "a" ? { change, since: 1000 } : undefined),
    onError: (error) => errors.push(error),
  });
  return { store, bus, journal, errors, at: (t: number) => (now = t) };
}

test("steps, ends, failures and drift are kept with the change that they belong to", async () => {
  const { store, bus, journal, at } = setup();
  bus.emit("step.done", { agent: "a", step: "claim", durationMs: 0, skipped: true });
  bus.emit("step.done", { agent: "a", step: "start", durationMs: 700, skipped: false });
  at(5000);
  bus.emit("step.failed", { agent: "a", step: "await-ready", message: "silent", next: "look", retryInMs: 1 });
  bus.emit("agent.converged", { agent: "a" });
  bus.emit("agent.drifted", { agent: "b", message: "its instance is gone" });
  bus.emit("step.failed", { agent: "", step: "turn", message: "away", next: "", retryInMs: 1 });
  await journal.close();
  const known = { action: "start", cause: "drift", why: ["it is Stopped"] };
  assert.deepEqual(readJournal(store.kv, "a"), [
    { at: 1000, ...known, kind: "step", step: "start", message: "", durationMs: 700 },
    { at: 5000, ...known, kind: "failed", step: "await-ready", message: "silent", durationMs: null },
    { at: 5000, ...known, kind: "converged", step: "", message: "", durationMs: 4000 },
  ]);
  assert.deepEqual(readJournal(store.kv, "b"), [
    {
      at: 5000,
      action: null,
      cause: null,
      why: [],
      kind: "drifted",
      step: "",
      message: "its instance is gone",
      durationMs: null,
    },
  ]);
  assert.deepEqual([...store.kv.all("last/").keys()].sort(), ["last/a", "last/b"]);
});

test("it goes on after a restart, and the oldest entries are dropped", async () => {
  const { store, bus, journal, errors } = setup();
  for (let i = 0; i < JOURNAL_LENGTH; i++)
    bus.emit("step.done", { agent: "a", step: `step-${i}`, durationMs: 0, skipped: false });
  await journal.close();
  const next = keepJournal({ bus, kv: store.kv, changeOf: () => undefined, onError: (e) => errors.push(e) });
  bus.emit("agent.converged", { agent: "a" });
  await next.close();
  bus.emit("agent.converged", { agent: "a" });
  const kept = readJournal(store.kv, "a");
  assert.equal(kept.length, JOURNAL_LENGTH);
  assert.equal(kept[0]?.step, "step-1");
  assert.equal(kept.at(-1)?.kind, "converged");
  assert.deepEqual(errors, []);
});

test("a disk that refuses is reported, and the next entry is written again", async () => {
  const { store, bus, errors } = setup();
  let refuse = true;
  const kv = {
    ...store.kv,
    put: (key: string, value: unknown) =>
      refuse ? Promise.reject(new Error("the disk is full")) : store.kv.put(key, value),
  };
  const journal = keepJournal({ bus, kv, changeOf: () => undefined, onError: (e) => errors.push(e) });
  bus.emit("agent.drifted", { agent: "c", message: "one" });
  await journal.close();
  assert.match(String(errors[0]), /the disk is full/);
  refuse = false;
  const again = keepJournal({ bus, kv, changeOf: () => undefined, onError: (e) => errors.push(e) });
  bus.emit("agent.drifted", { agent: "c", message: "two" });
  await again.close();
  assert.equal(readJournal(store.kv, "c").at(-1)?.message, "two");
  assert.equal(errors.length, 1);
});
