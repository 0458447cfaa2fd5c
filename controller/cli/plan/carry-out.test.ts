/** The report of an apply that a person stopped halfway. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { interrupted } from "./carry-out.ts";

test("an apply that was stopped names what is done and what is not", () => {
  const changes = ["c", "a", "b"].map((agent) => ({ agent, action: "create" as const }));
  const reported = (over: readonly string[], targets: readonly string[] = [], given = changes) =>
    interrupted({ changes: given, targets, allowDelete: [] }, new Set(over)).message;
  assert.equal(reported(["b", "other"]), "stopped, as asked; done: b; not done, or not all of it: a, c");
  assert.equal(reported([]), "stopped, as asked; not done, or not all of it: a, b, c");
  assert.equal(reported(["a", "b", "c"]), "stopped, as asked; done: a, b, c");
  // Verbs name the agents that they are about, and no change.
  assert.equal(reported([], ["x"], []), "stopped, as asked; not done, or not all of it: x");
  assert.equal(reported([], [], []), "stopped, as asked");
});
