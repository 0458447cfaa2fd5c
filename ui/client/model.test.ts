/** The reducer: what each thing that the hub says makes of what is known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { aFleet, anAgent, drifted } from "../web/testing/fleet.ts";
import { type Action, EVENTS_KEPT, emptyModel, findAgent, type Model, reduce, TASKS_KEPT } from "./model.ts";
import type { TaskView } from "./types.ts";

const after = (...actions: readonly Action[]): Model => actions.reduce(reduce, emptyModel(0));
const event = (id: string, name: string, data: Readonly<Record<string, unknown>> = {}): Action => ({
  type: "event",
  event: { id, event: name, data },
  now: 5,
});
const task = (id: string, more: Partial<TaskView> = {}): TaskView => ({
  id,
  agent: "a",
  type: "exec",
  state: "running",
  spec: { command: "true" },
  createdAt: Number(id),
  startedAt: null,
  finishedAt: null,
  exitCode: null,
  error: null,
  droppedBytes: 0,
  ...more,
});

test("a snapshot of the fleet replaces the former, and agents that did not change stay the same objects", () => {
  const [same, other] = [anAgent("same"), anAgent("other")];
  const first = after({ type: "fleet", fleet: aFleet([same, other], { at: 1500 }), now: 1000 });
  assert.equal(first.offset, 500);
  const second = reduce(first, {
    type: "fleet",
    fleet: aFleet([structuredClone(same), drifted("other"), anAgent("new")]),
    now: 1000,
  });
  assert.equal(findAgent(second, "same"), findAgent(first, "same"));
  assert.notEqual(findAgent(second, "other"), findAgent(first, "other"));
  assert.deepEqual(
    second.fleet?.agents.map((a) => a.name),
    ["same", "other", "new"],
  );
});

test("a fleet that could not be read leaves the former one, and says so until the next", () => {
  const fleet = aFleet([anAgent("a")]);
  const failed = after({ type: "fleet", fleet, now: 0 }, { type: "fleet-failed", message: "no" });
  assert.equal(failed.fleet?.agents.length, 1);
  assert.equal(failed.fleetError, "no");
  assert.equal(reduce(failed, { type: "fleet", fleet, now: 0 }).fleetError, null);
});

test("events are kept in order, bounded, and a repeated one counts once", () => {
  const model = after(
    event("r-1", "agent.converged", { agent: "a", at: 7 }),
    event("r-1", "agent.converged"),
  );
  assert.equal(model.events.length, 1);
  assert.deepEqual(
    { agent: model.events[0]?.agent, at: model.events[0]?.at, text: model.events[0]?.text },
    { agent: "a", at: 7, text: "is in sync" },
  );
  let many = model;
  for (let i = 0; i < EVENTS_KEPT + 20; i += 1) many = reduce(many, event(`s-${i}`, "runtime.suspect"));
  assert.equal(many.events.length, EVENTS_KEPT);
  assert.equal(many.events.at(-1)?.id, `s-${EVENTS_KEPT + 19}`);
});

test("what is said again, and notes of our own, are routine; the end of a destroyed agent is no agreement with its document", () => {
  const model = after(
    event("r-1", "planned", { create: 1, held: 0 }),
    event("r-2", "step.started", { agent: "a", step: "claim", detail: "" }),
    event("r-3", "step.done", { agent: "a", step: "launch", durationMs: 1 }),
    event("r-4", "planned", { create: 1, held: 0 }),
    event("r-5", "planned", { create: 0, held: 0 }),
    event("r-6", "planned", { create: 1, held: 0 }),
    event("r-7", "agent.converged", { agent: "a", action: "destroy" }),
  );
  assert.deepEqual(
    model.events.map((e) => e.routine),
    [false, true, false, true, false, false, false],
  );
  assert.equal(model.events.at(-1)?.text, "is gone, as its document is");
});

test("a runtime that falls silent is a warning, unless its instance is stopped by us or meant to be down", () => {
  for (const name of ["runtime.suspect", "runtime.offline"]) {
    const model = after(
      event("r-1", name, { agent: "a", expected: true }),
      event("r-2", name, { agent: "a", expected: false }),
    );
    assert.deepEqual(
      model.events.map((e) => [e.routine, e.tone]),
      [
        [true, "dim"],
        [false, name === "runtime.suspect" ? "warn" : "bad"],
      ],
    );
  }
});

test("after a reset: known events stay, the gap is reported, duplicates are shown once", () => {
  const model = after(
    { type: "fleet", fleet: aFleet([anAgent("a")]), now: 0 },
    { type: "task", task: task("1") },
    event("r-1", "agent.converged", { agent: "a" }),
    event("r-1", "reset"),
    event("r-1", "agent.converged", { agent: "a" }),
    event("q-1", "agent.converged", { agent: "a" }),
  );
  assert.deepEqual(
    model.events.map((e) => e.name),
    ["agent.converged", "gap", "agent.converged"],
  );
  assert.deepEqual(after(event("r-1", "reset")).events, []);
  assert.equal(model.tasks.length, 1);
  assert.ok(model.fleet);
});

test("an unknown event is a line, not an error", () => {
  const model = after(event("r-1", "something.new", { agent: "a" }), {
    ...event("r-2", "odd"),
    event: { id: "r-2", event: "odd", data: "text" },
  } as Action);
  assert.deepEqual(
    model.events.map((e) => [e.text, e.routine]),
    [
      ["something.new", true],
      ["odd", true],
    ],
  );
});

test("a task that changes is changed in place; an unknown one appears", () => {
  const change = (id: string, state: string) =>
    event(`e${id}${state}`, "task.changed", { taskId: id, agent: "a", state, type: "exec", at: 9 });
  const model = after({ type: "tasks", tasks: [task("1")] }, change("1", "succeeded"), change("2", "queued"));
  assert.deepEqual(
    model.tasks.map((t) => [t.id, t.state]),
    [
      ["2", "queued"],
      ["1", "succeeded"],
    ],
  );
  assert.deepEqual(model.tasks[1]?.spec, { command: "true" });
});

test("tasks are newest first, once each, and bounded", () => {
  const all = Array.from({ length: TASKS_KEPT + 5 }, (_, i) => task(String(i)));
  const model = after({ type: "tasks", tasks: all }, { type: "task", task: task("7", { state: "failed" }) });
  assert.equal(model.tasks.length, TASKS_KEPT);
  assert.equal(model.tasks[0]?.id, String(TASKS_KEPT + 4));
  assert.equal(model.tasks.find((t) => t.id === "7")?.state, "failed");
});

test("heartbeats add to the history once each; nothing new is the same model", () => {
  const beat = (at: number): Action => ({
    type: "health",
    agents: [
      { id: "a", lastHealthCheck: at, health: { cpu: 10, memory: { percent: 20 }, disk: 30 } },
      { id: "silent", lastHealthCheck: 0, health: {} },
    ],
  });
  const one = after(beat(1));
  assert.equal(reduce(one, beat(1)), one);
  const two = reduce(one, beat(2));
  assert.deepEqual(
    two.health.a?.map((s) => [s.at, s.cpu, s.memory, s.disk]),
    [
      [1, 10, 20, 30],
      [2, 10, 20, 30],
    ],
  );
  assert.equal(two.health.silent, undefined);
});

test("the link: lost since the first failure, found again once, with what was wrong in between", () => {
  const live = after({ type: "connecting", now: 1 }, { type: "live", now: 2 });
  assert.deepEqual([live.link.status, live.link.foundAt], ["live", null]);
  const lost = reduce(live, { type: "lost", now: 3, message: "gone", retryAt: 4 });
  const trying = reduce(lost, { type: "connecting", now: 4 });
  assert.deepEqual([trying.link.status, trying.link.since, trying.link.retryAt], ["lost", 3, null]);
  const again = reduce(trying, { type: "lost", now: 5, message: "still gone", retryAt: 9 });
  assert.deepEqual([again.link.since, again.link.message], [3, "still gone"]);
  const found = reduce(again, { type: "live", now: 10 });
  assert.deepEqual([found.link.status, found.link.foundAt, found.link.message], ["live", 10, ""]);
});
