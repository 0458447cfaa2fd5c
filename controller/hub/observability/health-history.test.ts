/** A runtime's hour of heartbeats: bounded, thinned, in order, and careful with what runtimes send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readHealth } from "../runtimes/guest-input.ts";
import { HealthHistory, POINTS_KEPT } from "./health-history.ts";

test("the newest hour is kept, and what comes in a flood is thinned", () => {
  const history = new HealthHistory();
  for (let n = 0; n < 1000; n++) history.note({ cpu: n % 100 }, n * 5000);
  const points = history.latest(1000);
  assert.equal(points.length, POINTS_KEPT);
  assert.ok(points.every((p, i) => i === 0 || p.at - (points[i - 1]?.at ?? 0) === 20_000));
  assert.equal(points.at(-1)?.at, 996 * 5000);
  assert.deepEqual(history.latest(2), points.slice(-2));
});

test("figures, both spellings of a percentage, nonsense and too much of it", () => {
  const history = new HealthHistory();
  history.note(readHealth({ cpu: 12.345, memory: { usagePercent: 61, used: 5 }, disk: "full" }), 0);
  history.note(readHealth({ cpu: 700, memory: { percent: Number.NaN } }), 30_000);
  assert.deepEqual(history.latest(9), [
    { at: 0, cpu: 12.3, memory: 61, disk: null },
    { at: 30_000, cpu: 100, memory: null, disk: null },
  ]);
});

test("a clock that is set back starts a new history", () => {
  const history = new HealthHistory();
  history.note({ cpu: 1 }, 90_000);
  history.note({ cpu: 2 }, 10_000);
  assert.deepEqual(
    history.latest(9).map((p) => p.at),
    [10_000],
  );
});
