/** progress.ts: one line for each thing that a person would wait for, and none for what is over at once. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { AnyEvent, EventMap, EventName } from "../../base/events.ts";
import { createProgress } from "./progress.ts";
import { captured } from "../testing/captured.ts";

function progressOf(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const output = captured();
  const progress = createProgress(output);
  t.after(() => progress.close());
  const tell = <K extends EventName>(name: K, data: EventMap[K], at = 0) =>
    progress.event({ name, at, data } as AnyEvent);
  const begin = (step: string, detail = "", at = 0) => tell("step.started", { agent: "a", step, detail }, at);
  const end = (step: string) => tell("step.done", { agent: "a", step, durationMs: 1, skipped: false });
  const { lines } = output;
  return { lines, progress, tell, begin, end, tick: (ms: number) => t.mock.timers.tick(ms) };
}

test("a creation from begin to end, and how long it took", (t) => {
  const { lines, begin, end, tell } = progressOf(t);
  begin("claim", "", 1000);
  end("claim");
  begin("launch", "", 2000);
  end("launch");
  tell("agent.converged", { agent: "a" }, 43_000);
  assert.deepEqual(lines, ["a: launching …", "a: ✓ done (42 s)"]);
});

test("details are shown: the new size, the snapshot's name", (t) => {
  const { lines, begin } = progressOf(t);
  begin("resize", "cpu 3");
  begin("snapshot", "clean");
  assert.deepEqual(lines, ["a: resizing cpu 3 …", "a: taking snapshot clean …"]);
});

for (const [step, text] of [
  ["drain", "a: waiting for its tasks to end …"],
  ["await-ready", "a: waiting for its runtime …"],
] as const)
  test(`${step} is shown only when it takes a while`, (t) => {
    const { lines, begin, end, tick } = progressOf(t);
    begin(step);
    tick(999);
    end(step);
    tick(5000);
    assert.deepEqual(lines, []);
    begin(step);
    tick(1000);
    assert.deepEqual(lines, [text]);
  });

test("a failure says when it is tried again, or that it is not, and what to do", (t) => {
  const { lines, begin, tell, tick } = progressOf(t);
  const failed = { agent: "a", step: "launch", message: "no room", next: "make some" };
  begin("await-ready");
  tell("step.failed", { ...failed, retryInMs: 4000 });
  tell("step.failed", { ...failed, retryInMs: null, next: "" });
  tell("step.failed", { ...failed, agent: "", step: "turn", retryInMs: 30_000 });
  tick(5000);
  assert.deepEqual(lines, [
    "a: ✗ launch failed: no room (again in 4 s)",
    "    make some",
    "a: ✗ launch failed: no room (not tried again by itself)",
    "fleet: ✗ turn failed: no room (again in 30 s)",
    "    make some",
  ]);
});

test("drift and holds are shown; nothing else is", (t) => {
  const { lines, tell } = progressOf(t);
  tell("agent.drifted", { agent: "a", message: "its instance is gone" });
  tell("agent.held", { agent: "a", reason: "foreign", message: "it is not ours", release: "rename it" });
  tell("observed", { instances: 1, durationMs: 1, reason: null });
  tell("planned", { create: 1, change: 0, destroy: 0, held: 0, drifted: 0 });
  assert.deepEqual(lines, ["a: drifted: its instance is gone", "a: ? held: it is not ours", "    rename it"]);
});

test("closed, it tells nothing more of what it waited to tell", (t) => {
  const { lines, begin, progress, tick } = progressOf(t);
  begin("drain");
  progress.close();
  tick(5000);
  assert.deepEqual(lines, []);
});
