/** Retention from environment variables; the defaults are in limits.ts. */
import { type EnvRecord, positiveNumber } from "../../base/env.ts";
import { LIMITS, type Limits } from "../limits.ts";

const DAY = 24 * 3_600_000;
const MIB = 1024 * 1024;

/** Variable, limit, unit, largest value. */
export const RETENTION_VARIABLES = [
  ["VM_AGENT_KEEP_TASKS_DAYS", "taskRetention", DAY, 36_500],
  ["VM_AGENT_KEEP_TASKS", "maxTasksKept", 1, 10_000_000],
  ["VM_AGENT_KEEP_OUTPUT_DAYS", "outputRetention", DAY, 36_500],
  ["VM_AGENT_KEEP_AUDIT_DAYS", "auditRetention", DAY, 36_500],
  ["VM_AGENT_KEEP_AUDIT", "maxAuditKept", 1, 100_000_000],
  ["VM_AGENT_MAX_DATABASE_MB", "maxDatabaseBytes", MIB, 1_000_000],
] as const satisfies readonly (readonly [string, keyof Limits, number, number])[];

/** LIMITS with the values of the environment. Errors: `usage`, naming the variable. */
export function retentionLimits(env: EnvRecord): Partial<Limits> {
  const found = RETENTION_VARIABLES.flatMap(([name, limit, unit, most]) => {
    const text = env[name];
    if (text === undefined || text === "") return [];
    const value = positiveNumber(env, name, LIMITS[limit] / unit, most);
    return [[limit, Math.max(1, Math.round(value * unit))] as const];
  });
  return Object.fromEntries(found);
}
