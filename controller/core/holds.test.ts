/** The final plan: what the loop knows beyond its looks holds in every plan, and the counts say so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type KnownHold, withHolds, withoutInFlight } from "./holds.ts";
import { makePlan } from "./plan.ts";
import {
  NOW,
  agentOf,
  claimAsDeclared,
  desiredOf,
  instanceOf,
  observedOf,
  policyOf,
} from "./testing/build.ts";
import type { Held } from "./types.ts";

const known = (agent: string, kind: KnownHold["kind"]): KnownHold => ({
  agent,
  kind,
  message: `${kind} ${agent}`,
  release: "ask again",
});

/** a is to be stopped, b destroyed, c is foreign, d in sync, e new. */
const written = [{ name: "a", state: "stopped" as const }, { name: "c" }, { name: "d" }, { name: "e" }];
const claims = ["a", "b", "d"].map((name) => claimAsDeclared(agentOf({ name })));
const observed = observedOf(
  ["a", "b", "c", "d"].map((name) => instanceOf(name, "Running")),
  claims,
);
const plan = makePlan(desiredOf(written, [], { prune: true, maxDeletes: 5 }), observed, policyOf(), NOW);
const short = (held: readonly Held[]) => held.map((h) => `${h.reason} ${h.agent}`);

test("what would stop or remove an instance that was not proven is held, and counted so", () => {
  assert.deepEqual(plan.counts, { create: 1, change: 1, destroy: 1, snapshot: 0, held: 1 });
  const found = withHolds(plan, { beside: [], known: [known("a", "unproven"), known("b", "unproven")] });
  assert.deepEqual(found.counts, { create: 1, change: 0, destroy: 0, snapshot: 0, held: 3 });
  assert.deepEqual(short(found.held), ["unproven a", "unproven b", "foreign c"]);
  assert.deepEqual([found.held[0]?.would?.action, found.held[1]?.would?.action], ["stop", "destroy"]);
});

test("strangers say why, a silent one is held once, and targets restrict what is added", () => {
  const beside: Held[] = [{ ...known("d", "silent"), reason: "secret-missing", would: null }];
  const holds = { beside, known: [known("c", "stranger"), known("d", "silent"), known("a", "silent")] };
  const found = withHolds(plan, holds);
  assert.deepEqual(short(found.held), ["foreign c", "secret-missing d", "unproven d"]);
  assert.match(found.held[0]?.message ?? "", /; stranger c$/);
  assert.deepEqual(short(withHolds(plan, holds, ["a"]).held), ["foreign c"]);
});

test("what is in flight is no difference; a secret that cannot be read is one still", () => {
  const held: Held = { agent: "a", reason: "secret-missing", would: null, message: "", release: "" };
  const found = withoutInFlight(withHolds(plan, { beside: [held], known: [] }), new Set(["a", "c"]));
  assert.deepEqual(
    found.changes.map((c) => c.agent),
    ["b", "e"],
  );
  assert.deepEqual(short(found.held), ["secret-missing a"]);
  assert.deepEqual(found.counts, { create: 1, change: 0, destroy: 1, snapshot: 0, held: 1 });
});
