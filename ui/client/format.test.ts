/** What people read: sizes, ages, revisions, a task in its own words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, ahead, clock, count, dateTime, duration, percent, revision, size, taskText } from "./format.ts";

const table = <I extends readonly unknown[]>(
  name: string,
  call: (...input: I) => string,
  rows: readonly (readonly [input: I, said: string])[],
) =>
  test(name, () => {
    for (const [input, said] of rows) assert.equal(call(...input), said, JSON.stringify(input));
  });

table("sizes are as fleet files write them", size, [
  [[4 * 1024 ** 3], "4G"],
  [[1.5 * 1024 ** 3], "1.5G"],
  [[512 * 1024 ** 2], "512M"],
  [[1024], "1K"],
  [[100], "100"],
  [[0], "0"],
]);

table("lengths of time have at most two units", duration, [
  [[0], "0ms"],
  [[412], "412ms"],
  [[999.6], "999ms"],
  [[4000], "4s"],
  [[59_999], "59s"],
  [[60_000], "1m"],
  [[200_000], "3m 20s"],
  [[7_500_000], "2h 5m"],
  [[86_400_000 * 3 + 4 * 3_600_000], "3d 4h"],
  [[-5], "0ms"],
]);

table("the past, and what a wrong clock makes of it", ago, [
  [[1000, 1500], "just now"],
  [[1000, 13_000], "12s ago"],
  [[5000, 1000], "just now"],
]);

table("the future", ahead, [
  [[5000, 1000], "in 4s"],
  [[1000, 1000], "now"],
  [[0, 1000], "now"],
]);

table("percentages", percent, [
  [[38.4], "38 %"],
  [[null], "–"],
  [[0], "0 %"],
]);

table("counts", count, [
  [[1, "agent"], "1 agent"],
  [[2, "agent"], "2 agents"],
  [[0, "agent is", "agents are"], "0 agents are"],
]);

table("revisions", revision, [
  [["3f2c1ab9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f"], "3f2c1ab"],
  [["main"], "main"],
  [[null], "working tree"],
]);

table("a task in its own words", taskText, [
  [[{ command: "npm", args: ["run", "build"] }], "npm run build"],
  [[{ script: "set -e\nmake" }], "set -e"],
  [[{ path: "/etc/hosts" }], "/etc/hosts"],
  [[{ command: "x".repeat(200) }], `${"x".repeat(119)}…`],
  [[{}], ""],
  [[{ command: 7 }], ""],
]);

test("clock times are local and padded", () => {
  const at = new Date(2026, 0, 2, 3, 4, 5).getTime();
  assert.equal(clock(at), "03:04:05");
  assert.equal(dateTime(at), "2026-01-02 03:04:05");
});
