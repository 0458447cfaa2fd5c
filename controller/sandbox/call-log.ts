// A line for each finished call, for tests and for people who wonder what was asked.
import { appendFileSync, renameSync, statSync } from "node:fs";
import { inState } from "./paths.ts";

const MAX_BYTES = 4 * 1024 * 1024;

/** One line of `calls.jsonl`. */
export interface LoggedCall {
  readonly argv: readonly string[];
  readonly code: number;
  readonly ms: number;
  /** ISO 8601. */
  readonly start: string;
  readonly pid: number;
}

/** The older half is kept as `calls.1.jsonl`, what is older still is forgotten. */
export function logCall(argv: readonly string[], started: number, code: number): void {
  const path = inState("calls.jsonl");
  const call: LoggedCall = {
    argv,
    code,
    ms: Date.now() - started,
    start: new Date(started).toISOString(),
    pid: process.pid,
  };
  try {
    appendFileSync(path, `${JSON.stringify(call)}\n`);
    if (statSync(path).size > MAX_BYTES) renameSync(path, inState("calls.1.jsonl"));
  } catch {
    // No state folder yet, or a full disk: the log is not worth a failure.
  }
}
