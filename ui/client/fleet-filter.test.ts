/** What the counts count, what the text finds, and which lines differ. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anAgent, drifted } from "../web/testing/fleet.ts";
import { compare, counts, matching } from "./fleet-filter.ts";

const G = 1024 ** 3;
const held = (reason: string) => [{ reason, message: "m", release: "r" }];
const agents = [
  anAgent("agent-a"),
  drifted("agent-b"),
  anAgent("agent-c", { held: held("protected"), type: "tester" }),
  anAgent("agent-d", {
    held: held("waiting"),
    failure: { message: "m", next: "n", count: 1, retryAt: null },
    labels: { team: "core" },
  }),
];

test("each count counts what its word says; waiting is not held", () => {
  assert.deepEqual(counts(agents), { all: 4, ready: 3, working: 1, drifted: 1, held: 1, failing: 1 });
});

test("text finds names, types, states and labels; every word must be found", () => {
  const found = (text: string) => matching(agents, "all", text).map((a) => a.name);
  assert.deepEqual(found("tester"), ["agent-c"]);
  assert.deepEqual(found("AGENT-B stopped"), ["agent-b"]);
  assert.deepEqual(found("team=core"), ["agent-d"]);
  assert.deepEqual(found("tester stopped"), []);
  assert.deepEqual(found("!tester agent"), ["agent-a", "agent-b", "agent-d"]);
  assert.deepEqual(found("drifted"), ["agent-b"]);
  assert.deepEqual(found("failing"), ["agent-d"]);
  assert.equal(found("!").length, 4, "the beginning of a word");
  assert.equal(found("  ").length, 4);
  assert.deepEqual(matching(agents, "failing", "agent-c"), []);
});

test("lines that differ are marked; what is not known is not called different", () => {
  const lines = (more: Parameters<typeof anAgent>[1]) =>
    Object.fromEntries(compare(anAgent("a", more)).map((r) => [r.what, r.differs]));
  assert.deepEqual(lines({}), { state: false, cpu: false, memory: false, disk: false, runtime: false });
  assert.equal(lines({ size: { cpu: 4, memory: 4 * G, disk: 20 * G } }).cpu, true);
  assert.equal(lines({ seen: "Stopped" }).state, true);
  assert.equal(lines({ seenSize: null }).memory, null);
  assert.equal(lines({ seen: "?" }).state, null);
  assert.equal(lines({ runtime: null }).runtime, true);
  assert.equal(lines({ runtime: null, wanted: "stopped", seen: "Stopped" }).runtime, null);
});
