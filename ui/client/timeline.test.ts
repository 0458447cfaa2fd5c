/** One agent's time on one axis. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventLine, eventLine } from "./event-lines.ts";
import { timeline } from "./timeline.ts";
import type { TaskView } from "./types.ts";

const event = (id: number, name: string, at: number, more: object = {}): EventLine =>
  eventLine({ id: `r-${id}`, event: name, data: { agent: "a", at, ...more } }, at);

const task = (id: string, startedAt: number | null, finishedAt: number | null): TaskView => ({
  id,
  agent: "a",
  type: "exec",
  spec: { command: "npm test" },
  state: finishedAt === null ? "running" : "succeeded",
  createdAt: startedAt ?? 500,
  startedAt,
  finishedAt,
  exitCode: null,
  error: null,
  droppedBytes: 0,
});

test("steps begin and end, tasks run on, what is older than the axis is cut, what is another's is left out", () => {
  const rows = timeline("a", {
    now: 1000,
    span: 1000,
    heartbeats: [-5, 250, 500],
    events: [
      event(1, "agent.drifted", 100, { message: "stopped" }),
      event(2, "step.started", 200, { step: "start" }),
      event(3, "step.done", 400, { step: "start", durationMs: 200 }),
      event(4, "step.started", 900, { step: "install" }),
      { ...event(5, "agent.converged", 450), agent: "b" },
    ],
    tasks: [task("1", -500, 300), task("2", 600, null), task("3", -500, -400)],
  });
  const of = (word: string) =>
    rows.find((r) => r.word === word)?.marks.map(({ left, width, tone }) => [left, width, tone]);
  assert.deepEqual(of("noticed"), [[10, 0, "warn"]]);
  assert.deepEqual(of("steps"), [
    [20, 20, "good"],
    [90, 10, "accent"],
  ]);
  assert.deepEqual(of("tasks"), [
    [0, 30, "good"],
    [60, 40, "accent"],
  ]);
  assert.deepEqual(of("heartbeats"), [
    [25, 0, "dim"],
    [50, 0, "dim"],
  ]);
});
