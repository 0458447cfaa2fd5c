/** Pruning: tasks, output and audit by age and number, and by the size of the database. */
import type { Instant } from "../../core/types.ts";
import type { Store } from "../../store/store.ts";
import type { Limits } from "../limits.ts";

export type RetentionLimits = Pick<
  Limits,
  | "taskRetention"
  | "maxTasksKept"
  | "outputRetention"
  | "auditRetention"
  | "maxAuditKept"
  | "maxDatabaseBytes"
>;

export interface Pruned {
  readonly tasks: number;
  /** Tasks whose output was removed. */
  readonly outputs: number;
  readonly audit: number;
}

/** Tasks or entries in one transaction; bounds how long others wait. */
const BATCH = 1000;
/** When space is short the audit is pruned last, and never below this. */
const AUDIT_AT_LEAST = 10_000;

/**
 * `now`: the wall clock without jumps, so that a wrong clock expires nothing. Space is taken from the least valuable
 * first: output of the oldest tasks, then those tasks, then the oldest audit entries.
 */
export async function prune(store: Store, now: Instant, limits: RetentionLimits): Promise<Pruned> {
  const all = (step: () => Promise<number>): Promise<number> => repeat(step, BATCH, () => true);
  let tasks = await store.tasks.prune(now - limits.taskRetention, limits.maxTasksKept);
  let outputs = await all(() => store.tasks.pruneOutput(now - limits.outputRetention, BATCH));
  const byAge = () => store.audit.prune(now - limits.auditRetention, limits.maxAuditKept, BATCH);
  let audit = await all(byAge);

  const tooLarge = () => store.usedBytes() > limits.maxDatabaseBytes;
  outputs += await repeat(() => store.tasks.pruneOutput(Number.MAX_SAFE_INTEGER, 50), 50, tooLarge);
  if (tooLarge()) tasks += await store.tasks.prune(0, Math.floor(limits.maxTasksKept / 10));
  if (tooLarge()) tasks += await store.tasks.prune(0, 0);
  audit += await repeat(() => store.audit.prune(0, AUDIT_AT_LEAST, BATCH), BATCH, tooLarge);
  return { tasks, outputs, audit };
}

/** Repeats steps until one does less than it could, or enough is free. */
async function repeat(step: () => Promise<number>, full: number, needed: () => boolean): Promise<number> {
  let sum = 0;
  while (needed()) {
    const done = await step();
    sum += done;
    if (done < full) break;
  }
  return sum;
}
