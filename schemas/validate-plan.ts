/** Checks a plan. */
import { type Problem, problemsOf } from "./explain.ts";
import { validatePlan } from "./generated/plan.js";

/** Everything that is wrong with it; empty: the value is a Plan of types.ts. */
export function checkPlan(value: unknown): readonly Problem[] {
  return problemsOf(validatePlan, value);
}
