/** Golden cases: each file under testdata/plans says what is written, what is seen, and what the plan and its text are then. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { parse, parseDocument } from "yaml";
import { explain, toText } from "../views/explain.ts";
import { makePlan } from "./plan.ts";
import { NOW } from "./testing/build.ts";
import { type GoldenCase, inputs, shortPlan } from "./testing/golden.ts";
import { ACTIONS, HOLD_REASONS, type Plan } from "./types.ts";

const folder = new URL("../../../controller/core/testdata/plans/", import.meta.url);
const files = readdirSync(folder).filter((f) => f.endsWith(".yaml"));
/** `VM_AGENT_UPDATE_GOLDEN=1 node --test …` writes what is, to be read before it is committed. */
const update = process.env.VM_AGENT_UPDATE_GOLDEN === "1";

const plans: Plan[] = [];

for (const file of files) {
  const url = new URL(file, folder);
  const source = readFileSync(url, "utf8");
  const golden = parse(source) as GoldenCase;
  test(`${file.replace(".yaml", "")}: ${golden.reason}`, () => {
    const { desired, observed, policy } = inputs(golden);
    const plan = makePlan(desired, observed, policy, NOW);
    plans.push(plan);
    const text = `${toText(explain(plan, { width: 100, agents: desired.agents.length }))}\n`;
    const actual = { ...shortPlan(plan), text };
    if (update) {
      const document = parseDocument(source);
      document.set("expect", actual);
      writeFileSync(url, document.toString({ lineWidth: 0 }));
      return;
    }
    assert.deepEqual(actual, golden.expect);
  });
}

test("the cases show every action and every reason to hold that this version knows", () => {
  const actions = new Set(plans.flatMap((p) => p.changes.map((c) => c.action)));
  const reasons = new Set(plans.flatMap((p) => p.held.map((h) => h.reason)));
  assert.deepEqual(
    ACTIONS.filter((a) => !actions.has(a)),
    [],
  );
  // What depends on another waits in the plan and is not held; secrets are read by those who push them.
  assert.deepEqual(
    HOLD_REASONS.filter((r) => !reasons.has(r)),
    ["dependency", "secret-missing"],
  );
});
