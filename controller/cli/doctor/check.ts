/** The checks of `vm-agent doctor` and their runner: concurrent, each with a deadline, isolated from each other. */
import { toVmAgentError } from "../../base/errors.ts";

/** `bad` blocks the hub, the loop or an agent; `warn` may do so later; `skip`: not checked, with the reason. */
export type Level = "good" | "warn" | "bad" | "skip";

export interface Finding {
  readonly level: Level;
  /** The finding, without a final period. */
  readonly found: string;
  /** The next step; always present with `warn` and `bad`. */
  readonly next?: string;
}

export interface Check<P> {
  /** One word for `--json`. */
  readonly name: string;
  /** Milliseconds; absent: the usual deadline. */
  readonly deadlineMs?: (context: P) => number;
  run(context: P, signal: AbortSignal): Promise<readonly Finding[]>;
}

export interface CheckResult {
  readonly check: string;
  readonly durationMs: number;
  readonly findings: readonly Finding[];
}

/** Longer than any check of a file or an interface takes on a healthy machine. */
export const USUAL_DEADLINE = 10_000;

export async function runChecks<P>(checks: readonly Check<P>[], context: P): Promise<readonly CheckResult[]> {
  return Promise.all(checks.map((check) => runOne(check, context)));
}

async function runOne<P>(check: Check<P>, context: P): Promise<CheckResult> {
  const begun = performance.now();
  const deadline = check.deadlineMs?.(context) ?? USUAL_DEADLINE;
  const aborting = new AbortController();
  const { promise: late, resolve } = Promise.withResolvers<readonly Finding[]>();
  const timer = setTimeout(() => {
    aborting.abort();
    resolve([
      {
        level: "bad",
        found: `the check "${check.name}" had no answer after ${Math.round(deadline / 100) / 10} s`,
        next: "something that it asks hangs; look at the load and the disks of this machine, then try again",
      },
    ]);
  }, deadline);
  const findings = await Promise.race([attempt(check, context, aborting.signal), late]);
  clearTimeout(timer);
  return { check: check.name, durationMs: Math.round(performance.now() - begun), findings };
}

async function attempt<P>(check: Check<P>, context: P, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    return await check.run(context, signal);
  } catch (error) {
    return [asFinding(error)];
  }
}

/** An error of ours has what a finding has. */
export function asFinding(error: unknown, level: "warn" | "bad" = "bad"): Finding {
  const { message, next } = toVmAgentError(error);
  return { level, found: message.split("\n", 1)[0] ?? message, next };
}
