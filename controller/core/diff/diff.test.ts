/** What the differences say beside changes: what is to be remembered and forgotten, and what counts as an edit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { diff } from "./diff.ts";
import { desiredView } from "./fields.ts";
import { GRACE, MINUTE, NOW, agentOf, claimAsDeclared, claimOf, desiredOf } from "../testing/build.ts";
import { type ShortAgent, instanceOf, observedOf, runtimeOf } from "../testing/build.ts";
import type { Claim, ConvergedView, InstanceState } from "../types.ts";

const was = agentOf({ name: "a" });
const G = 1024 ** 3;

/** One agent, running as it was before the document became `now`. */
function edited(
  now: ShortAgent,
  more: Partial<Claim> = {},
  state: InstanceState = "Running",
  memory = was.size.memory,
) {
  const desired = desiredOf([now]);
  const instance = instanceOf("a", state, { size: { ...was.size, memory } });
  const runtime = runtimeOf("a", { configHash: desired.agents[0]?.configHash ?? "" });
  const observed = observedOf([instance], [claimAsDeclared(was, more)], state === "Running" ? [runtime] : []);
  return diff(desired, observed, NOW, GRACE);
}

test("an agent as it was leaves nothing to remember", () => {
  const found = edited({ name: "a" });
  assert.deepEqual([found.changes, found.held, found.remember, found.forget], [[], [], [], []]);
});

test("protect is remembered as soon as it is written, also while something else is held or to be done", () => {
  for (const now of [
    { name: "a", protect: true },
    { name: "a", protect: true, cpu: 4 },
    { name: "a", protect: true, disk: "10G" },
    { name: "a", protect: true, paused: true, state: "stopped" as const },
  ]) {
    const [fact] = edited(now).remember;
    assert.deepEqual(fact, {
      agent: "a",
      protect: true,
      document: "a",
      converged: desiredView(was),
      image: null,
    });
  }
});

test("an edit that needed no change is remembered as converged, one that is held or to be done is not", () => {
  const now = { name: "a", config: "c2" };
  const [fact] = edited(now).remember;
  assert.deepEqual(fact?.converged, desiredView(agentOf(now)));
  assert.deepEqual(edited({ name: "a", cpu: 4 }).remember, []);
  assert.deepEqual(edited({ name: "a", disk: "10G" }).remember, []);
  assert.deepEqual(edited(now, {}, "Unknown").remember, []);
});

test("an ignored field may drift; an edit of it is carried out", () => {
  const ignore = ["/memory"];
  assert.deepEqual(edited({ name: "a", ignore }, {}, "Running", 2 * G).changes, []);
  const [change] = edited({ name: "a", ignore, memory: "8G" }, {}, "Running", 2 * G).changes;
  assert.deepEqual(
    [change?.action, change?.cause, change?.after?.memory],
    ["restart-update", "edited", 8 * G],
  );
});

test("drift is a difference without an edit; with an edit beside it, it is part of the edit", () => {
  const causes = (now: ShortAgent, converged: ConvergedView | null) =>
    edited(now, { converged }, "Stopped").changes.map((c) => c.cause);
  assert.deepEqual(causes({ name: "a" }, desiredView(was)), ["drift"]);
  assert.deepEqual(causes({ name: "a", cpu: 4 }, desiredView(was)), ["edited"]);
  assert.deepEqual(causes({ name: "a", disk: "10G" }, desiredView(was)), ["drift"]);
  assert.deepEqual(causes({ name: "a" }, null), ["interrupted"]);
});

test("a claim without document and instance is forgotten, a launch that may be on its way only after its grace", () => {
  const forget = (claim: Claim) => diff(desiredOf([]), observedOf([], [claim]), NOW, GRACE).forget;
  assert.deepEqual(forget(claimOf("a", null)), ["a"]);
  assert.deepEqual(forget(claimOf("a", null, { phase: "removing" })), ["a"]);
  assert.deepEqual(forget(claimOf("a", null, { phase: "launching" })), ["a"]);
  assert.deepEqual(forget(claimOf("a", null, { phase: "launching", bootAt: NOW - MINUTE })), []);
});
