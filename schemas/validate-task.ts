/** Checks a task. */
import { type Problem, problemsOf } from "./explain.ts";
import { validateTask } from "./generated/task.js";

/** Everything that is wrong with it; empty: the value is a Task of types.ts. */
export function checkTask(value: unknown): readonly Problem[] {
  return problemsOf(validateTask, value);
}
