/** Which types of task there are, and whether a task may be accepted at all: the schema's verdict, in words. */
import { checkTask } from "../../schemas/validate-task.ts";
import type { Payload } from "./frames.ts";

export interface TaskProblem {
  /** JSON pointer into the task. */
  readonly path: string;
  readonly message: string;
}

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

/** What every runtime of ours runs; the rest only where the runtime's hello lists it. */
export const BASIC_TYPES: readonly string[] = ["exec", "build", "test", "deploy"];

/** Everything that is wrong with it; empty: it is a task. */
export function taskProblems(task: Payload): readonly TaskProblem[] {
  return checkTask(task).map(({ pointer, message }) => ({ path: pointer || "the task", message }));
}
