/** Whether a task may be accepted at all: the schema's verdict, in words. */
import { validateTask } from "../../schemas/generated/task.js";
import type { RawError } from "../../schemas/validator.ts";
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
  if (validateTask(task)) return [];
  if (typeof task.type !== "string" || !(TASK_TYPES as readonly string[]).includes(task.type)) {
    const found = task.type === undefined ? "is missing" : `is ${JSON.stringify(task.type)}`;
    return [{ path: "/type", message: `${found}; allowed: ${TASK_TYPES.join(", ")}` }];
  }
  return (validateTask.errors ?? []).filter((e) => e.keyword !== "oneOf" && e.keyword !== "discriminator").map(problem);
}

function problem(error: RawError): TaskProblem {
  const path = error.instancePath || "/";
  const allowed = error.parentSchema?.["x-allowed"];
  switch (error.keyword) {
    case "required":
      return { path: join(path, error.params.missingProperty), message: "is missing" };
    case "additionalProperties":
      return { path: join(path, error.params.additionalProperty), message: "is not a field of this type of task" };
    default: {
      const what = error.message ?? "is not allowed";
      return { path, message: typeof allowed === "string" ? `must be ${allowed}` : what };
    }
  }
}

function join(path: string, name: unknown): string {
  return `${path === "/" ? "" : path}/${String(name)}`;
}
