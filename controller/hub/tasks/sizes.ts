/** Sizes that no Linux guest can handle: arguments, variables, paths and input. Pure. */
import { isRecord, type Payload } from "../runtimes/frames.ts";
import type { TaskProblem } from "./problem.ts";

/** `MAX_ARG_STRLEN` without its zero byte: one argument, or one variable with its name. */
export const LONGEST_ARGUMENT = 131_071;
/** All arguments and variables of a task. Linux allows 2 MiB; the document's variables and secrets need room too. */
const MOST_ARGUMENTS = 1_048_576;
/** `PATH_MAX` without its zero byte. */
const LONGEST_PATH = 4095;
/** Standard input, decoded. */
export const MOST_STDIN = 2 * 1_048_576;

const PATHS = ["cwd", "filePath", "destination", "repoPath"] as const;
const WORDS = ["repo", "branch", "remote"] as const;

/** Commands, scripts and file contents are no arguments: they may use the whole request. */
export function sizeProblems(task: Payload): readonly TaskProblem[] {
  const problems: TaskProblem[] = [];
  let total = 0;
  const check = (path: string, size: number, most: number, what: string) => {
    if (size > most)
      problems.push({ path, message: `has ${size} bytes; allowed: at most ${most} (${what})` });
  };
  const argument = (path: string, text: string) => {
    const size = Buffer.byteLength(text);
    total += size + 1;
    check(path, size, LONGEST_ARGUMENT, "Linux's limit for an argument or a variable with its name");
  };
  for (const [name, value] of Object.entries(isRecord(task.env) ? task.env : {}))
    argument(`/env/${name}`, `${name}=${String(value)}`);
  for (const [n, value] of (Array.isArray(task.args) ? task.args : []).entries())
    argument(`/args/${n}`, String(value));
  for (const name of WORDS) if (typeof task[name] === "string") argument(`/${name}`, task[name]);
  for (const name of PATHS) {
    const value = task[name];
    if (typeof value === "string")
      check(`/${name}`, Buffer.byteLength(value), LONGEST_PATH, "Linux's limit for a path");
  }
  if (problems.length === 0)
    check(
      "the task",
      total,
      MOST_ARGUMENTS,
      "all arguments and variables together; write large values to files",
    );
  if (typeof task.stdin === "string") {
    const size = Buffer.byteLength(task.stdin, task.stdinEncoding === "base64" ? "base64" : "utf8");
    check("/stdin", size, MOST_STDIN, "write it to a file in the instance instead");
  }
  return problems;
}
