/** What a turn tells: drift of agents that nobody works on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change } from "../core/types.ts";
import type { Turn } from "./reconcile.ts";
import { driftOf } from "./turn-events.ts";

test("an instance that we stopped ourselves has not drifted", () => {
  const change = { agent: "a", cause: "drift", why: ["drift: it is Stopped"] } as unknown as Change;
  const plan = { changes: [change], held: [] } as unknown as Turn["plan"];
  assert.deepEqual([...driftOf({ plan })], [["a", "drift: it is Stopped"]]);
  assert.deepEqual([...driftOf({ plan, busy: new Set(["b"]) })], [["a", "drift: it is Stopped"]]);
  assert.deepEqual([...driftOf({ plan, busy: new Set(["a"]) })], []);
});
