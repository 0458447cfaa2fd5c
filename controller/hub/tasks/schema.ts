/** Task types, and validation of a task by its schema, in words. */
import { parseDuration } from "../../core/desired-values.ts";
import { checkTask } from "../../../schemas/validate-task.ts";
import type { Payload } from "../runtimes/frames.ts";
import type { TaskProblem } from "./problem.ts";
import { sizeProblems } from "./sizes.ts";

export const TASK_TYPES = [
  "exec",
  "script",
  "file:read",
  "file:write",
  "git:clone",
  "git:pull",
  "git:push",
  "build",
  "test",
  "deploy",
] as const;

/** Supported by every current runtime; the rest only where the runtime's hello lists it. */
export const BASIC_TYPES: readonly string[] = ["exec", "build", "test", "deploy"];

/** All validation errors; empty: valid. */
export function taskProblems(task: Payload): readonly TaskProblem[] {
  const problems = checkTask(task).map(({ pointer, message }) => ({ path: pointer || "the task", message }));
  return problems.length > 0 ? problems : [...otherInterpreter(task), ...sizeProblems(task)];
}

/** A `#!` line that names another program than the one that runs the script. */
function otherInterpreter({ type, script, interpreter }: Payload): readonly TaskProblem[] {
  const line = type === "script" && interpreter === undefined ? /^#!.*/.exec(String(script))?.[0] : undefined;
  if (line === undefined || /\bnode(?:js)?\b/.test(line)) return [];
  const named = /\b(?:bash|python3|sh)\b/.exec(line)?.[0] ?? "bash";
  const message = `begins with ${JSON.stringify(line.slice(0, 60))}, and a script runs in Node.js unless it says otherwise; allowed: "interpreter": "${named}" beside it`;
  return [{ path: "/script", message }];
}

/** The same task with all durations in milliseconds, as in runtime and store. */
export function inMilliseconds(task: Payload): Payload {
  const { timeout, timeouts } = task;
  const ms = (value: unknown) => (typeof value === "string" ? parseDuration(value) : value);
  return {
    ...task,
    ...(timeout !== undefined && { timeout: ms(timeout) }),
    ...(timeouts !== undefined && {
      timeouts: Object.fromEntries(
        Object.entries(timeouts as object).map(([name, value]) => [name, ms(value)]),
      ),
    }),
  };
}
