/** Walks the whole product of the task table. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isFinal, next, TASK_EVENTS, TASK_STATES } from "./states.ts";

const ANSWERS = ["succeeded", "failed", "timed-out", "cancelled"] as const;
const OPEN = ["queued", "sent", "running"] as const;

describe("the table of task states", () => {
  it("has every cell filled with something known", () => {
    for (const state of TASK_STATES) {
      for (const event of TASK_EVENTS) {
        const cell = next(state, event);
        assert.ok(
          cell === "ignore" || cell === "late" || TASK_STATES.includes(cell),
          `${state} × ${event}: ${cell}`,
        );
      }
    }
  });

  it("never leaves a final state, and records every answer that comes after it", () => {
    for (const state of TASK_STATES.filter(isFinal)) {
      for (const event of TASK_EVENTS) {
        const expected = (ANSWERS as readonly string[]).includes(event) ? "late" : "ignore";
        assert.equal(next(state, event), expected, `${state} × ${event}`);
      }
    }
  });

  it("lets an answer of the current epoch end an open task in exactly that state", () => {
    for (const state of OPEN) for (const answer of ANSWERS) assert.equal(next(state, answer), answer);
  });

  it("never runs again what began, but by an explicit retry", () => {
    for (const event of TASK_EVENTS) {
      if (event === "retry") continue;
      const to = next("running", event);
      assert.ok(to !== "queued" && to !== "sent", `running × ${event}: ${to}`);
    }
  });

  it("ends a queued task at once on a cancel, and leaves the others to the runtime's answer", () => {
    assert.equal(next("queued", "cancel"), "cancelled");
    assert.equal(next("sent", "cancel"), "sent");
    assert.equal(next("running", "cancel"), "running");
  });

  it("ends everything open when the agent is revoked", () => {
    for (const state of OPEN) assert.equal(next(state, "revoked"), "expired");
  });
});
