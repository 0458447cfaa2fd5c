/** Columns: what fits, what is cut, what must never reach a terminal. */
import { textWidth, truncate } from "../../../controller/views/text-width.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { taskLine } from "./list-bodies.ts";
import { emptyOutput } from "../../client/output-text.ts";
import { taskBody } from "./output-body.ts";
import { initialUi, spotOf } from "../app/state.ts";
import { modelAt, tasks, worldAt } from "../testing/scene.ts";
import { block, gauge, spark } from "./bars.ts";
import {
  clean,
  cutLine,
  cutName,
  fit,
  fitLine,
  fitName,
  highlighted,
  lineColumns,
  sameLine,
  spread,
  textOf,
  wrap,
} from "./line.ts";

test("letters that are two columns wide, and those that are none", () => {
  assert.equal(textWidth("abc"), 3);
  assert.equal(textWidth("日本"), 4);
  assert.equal(textWidth("e\u0301"), 1);
  assert.equal(textWidth("🚀"), 2);
  assert.equal(fit("日本語", 4), "日… ");
  assert.equal(truncate("abc", 0), "");
});

test("nothing that moves the cursor, rings or turns the writing is left", () => {
  assert.equal(clean("a\x1b[31mb\x1b[0m\x07c\rd\x1b]0;title\x07e\u202ef\tg"), "abc def    g");
});

test("a line is cut at the last column and padded to it, whatever it holds", () => {
  const spans = fc.array(fc.record({ text: fc.string({ unit: "grapheme", maxLength: 12 }) }), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(spans, fc.integer({ min: 1, max: 40 }), (line, width) => {
      assert.ok(lineColumns(cutLine(line, width)) <= width);
      assert.equal(lineColumns(fitLine(line, width)), width);
      assert.equal(lineColumns(highlighted(line, width)), width);
      assert.doesNotMatch(textOf(fitLine(line, width)), /[\0-\x1f\x7f-\x9f]/);
    }),
  );
});

test("a name that is too long is cut in the middle, so that replicas stay distinguishable", () => {
  assert.equal(cutName("agent-of-a-long-branch-12", 14), "agent-of-…h-12");
  assert.equal(cutName("agent-one", 9), "agent-one");
  assert.equal(cutName("agent-one", 5), "agen…");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 30 }), (name, width) =>
      assert.equal(textWidth(fitName(name, width)), width),
    ),
  );
});

test("wrapped text loses no word and exceeds no line", () => {
  const text = fc.array(fc.string({ unit: fc.constantFrom(..."abcé日"), minLength: 1, maxLength: 14 }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(text, fc.integer({ min: 8, max: 30 }), (words, width) => {
      const lines = wrap(words.join(" "), width);
      for (const l of lines) assert.ok(textWidth(l) <= width);
      assert.equal(lines.join("").replaceAll(" ", ""), words.join(""));
    }),
  );
});

test("two ends of a line; the right one gives way", () => {
  assert.equal(textOf(spread([{ text: "ab" }], [{ text: "cd" }], 7)), "ab   cd");
  assert.equal(textOf(spread([{ text: "abcd" }], [{ text: "efgh" }], 6)), "abcd  ");
});

test("lines are the same when letters and looks are", () => {
  assert.ok(sameLine([{ text: "a", bold: false }], [{ text: "a" }]));
  assert.ok(!sameLine([{ text: "a" }], [{ text: "a", tone: "bad" }]));
  assert.ok(!sameLine([{ text: "a" }], [{ text: "a" }, { text: "" }]));
});

test("figures as blocks", () => {
  assert.deepEqual([0, 12.5, 50, 99, 100, 140].map(block).join(""), "▁▂▅███");
  assert.equal(spark([0, null, 100], 5), "  ▁·█");
  assert.deepEqual([null, 4, 38, 100].map(gauge), [" – ", "▁ 4", "▄38", "100"]);
});

test("the row and the page of a queued task say why it waits", () => {
  const [task] = tasks;
  if (!task) throw new Error("the scene has a task");
  const waits = "a is stopped by its document, and the task waits until it runs: vm-agent start a";
  const row = taskLine({ ...task, state: "queued", waits }, 10, false, task.createdAt);
  assert.ok(textOf(row).includes(waits));
  assert.ok(!textOf(taskLine(task, 10, false, task.createdAt)).includes("waits"));
  const model = { ...modelAt(), tasks: [{ ...task, state: "queued", waits }] };
  const world = worldAt({ model, output: { id: task.id, text: emptyOutput, lost: "" } });
  const page = taskBody(world, task.id, { width: 200, spot: spotOf(initialUi(80, 24)) });
  assert.ok(textOf(page.head ?? []).includes(waits));
});
