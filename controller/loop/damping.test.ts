/** Repeated drift is corrected less and less often, and at once again after a quiet period. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DAMPING, KEPT_CORRECTIONS, nextCorrection, recent } from "./damping.ts";

test("immediate, then 10 s, 30 s, 90 s, 270 s, and 15 min from then on", () => {
  let now = 1_000_000;
  const past: number[] = [];
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    const { attempt, at } = nextCorrection(past, now);
    assert.ok(attempt >= Math.min(i + 1, KEPT_CORRECTIONS + 1));
    waits.push((at - now) / 1000);
    now = at;
    past.push(at);
  }
  assert.deepEqual(waits, [0, 10, 30, 90, 270, 810, ...Array.from({ length: 6 }, () => 900)]);
});

test("half an hour without a correction makes the next one immediate", () => {
  const past = [1000, 2000, 3000];
  const quiet = 3000 + DAMPING.quietMs;
  assert.equal(nextCorrection(past, quiet).attempt, 4);
  assert.deepEqual(nextCorrection(past, quiet + 1), { attempt: 1, at: quiet + 1 });
  assert.deepEqual(recent([1000, 1000 + DAMPING.quietMs + 1], 1000 + DAMPING.quietMs + 2), [
    1000 + DAMPING.quietMs + 1,
  ]);
});

test("a clock that was set back delays nothing for longer than the longest delay", () => {
  const { at } = nextCorrection([9e12, 9e12, 9e12, 9e12, 9e12, 9e12, 9e12], 1000);
  assert.ok(at - 1000 <= DAMPING.lastMs);
});
