/** The note of `list`: what it says first, and where it has its place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentView } from "../../../ui/client/types.ts";
import type { AgentStatus, Condition } from "../../views/status.ts";
import { textWidth } from "../../views/text-width.ts";
import { noteOf, withoutRuntimeHealth, withNotes } from "./list.ts";

const view = (more: Partial<AgentView>): AgentView =>
  ({
    sync: "Synced",
    health: "Healthy",
    held: [],
    conditions: [],
    failure: null,
    notes: [],
    ...more,
  }) as AgentView;
const held = [{ reason: "protected", message: "it is protected", release: "name it" }] as const;
const condition = (type: string, reason: string, message: string, status = "False") =>
  ({ type, reason, message, status, since: 0 }) as AgentView["conditions"][number];

test("a failure comes before what is held, and that before what is on its way", () => {
  const failure = { message: "no such image", next: "", count: 1, retryAt: null };
  assert.equal(noteOf(view({ failure, held, sync: "Held" })), "no such image");
  assert.equal(noteOf(view({ held, sync: "Held" })), "it is protected");
  assert.equal(noteOf(view({ held, sync: "Paused" })), "it is paused");
  const conditions = [
    condition("Ready", "NoRuntime", "none inside"),
    condition("Reconciling", "Start", "it is stopped", "True"),
  ];
  assert.equal(noteOf(view({ sync: "OutOfSync", conditions })), "it is stopped");
  assert.equal(noteOf(view({ conditions })), "none inside");
  assert.equal(noteOf(view({})), null);
});

test("what is wrong inside an agent that is Ready is said, before a mere note", () => {
  const trouble = condition("Ready", "RuntimeProblems", "its runtime says: its disk is full", "True");
  const degraded = view({ health: "Degraded", conditions: [trouble], notes: ["a clone was refused"] });
  assert.equal(noteOf(degraded), "its runtime says: its disk is full");
  assert.equal(noteOf({ ...degraded, health: "Healthy" }), "a clone was refused");
});

test("the column is there when there is something to say and room to say it, and never wider than the terminal", () => {
  const rows = [
    ["NAME", "SYNC"],
    ["a", "Held"],
    ["b", "Synced"],
  ];
  const shown = (width: number, notes = ["it is protected,\nand stays as it is", null]) =>
    withNotes(rows, notes, { width, paint: (_, text) => text });
  assert.equal(shown(20), rows);
  assert.equal(shown(200, []), rows);
  assert.deepEqual(
    shown(200).map((r) => r[2]),
    ["NOTE", "it is protected, and stays as it is", ""],
  );
  assert.equal(shown(40)[1]?.[2]?.length, 40 - "NAME  Synced  ".length);
  const wide = shown(40, ["受け付けられませんでした、もう一度試してください", null])[1]?.[2] ?? "";
  assert.match(wide, /…$/);
  assert.ok(textWidth(wide) <= 40 - "NAME  Synced  ".length);
});

test("without a hub, a running instance is neither healthy nor booting: its health is unknown", () => {
  const ready = condition("Ready", "Booting", "it runs; its runtime has not said hello yet") as Condition;
  const running = {
    ...view({ conditions: [ready] }),
    seen: "Running",
    wanted: "running",
  } as unknown as AgentStatus;
  const { health, conditions } = withoutRuntimeHealth(running);
  const found = conditions.map(({ status, reason, message }) => [status, reason, message]);
  assert.deepEqual(
    [health, found],
    ["Unknown", [["Unknown", "NoHub", "it runs; no hub runs, so its runtime is not heard"]]],
  );
  assert.equal(noteOf(withoutRuntimeHealth(running)), null);
  const empty = { ...running, conditions: [condition("Ready", "NoRuntime", "none inside") as Condition] };
  assert.equal(noteOf(withoutRuntimeHealth(empty)), "none inside");
  assert.equal(
    withoutRuntimeHealth({ ...running, seen: "Stopped", conditions: [ready] }).conditions[0],
    ready,
  );
});
