/** Which timeout of a task has passed, if any. Pure. */
import type { LiveTask } from "./live-task.ts";
import { timeouts } from "./live-task.ts";
import type { Limits } from "../limits.ts";
import type { TaskEvent } from "./states.ts";

export interface Passed {
  readonly event: TaskEvent;
  readonly error: string;
}

/**
 * `age`: milliseconds since an instant, without clock jumps. `silentFor`: how long the agent has been disconnected, 0
 * while connected. A disconnected runtime may still be working and keeps its result, so no accepted task is given up
 * before `vanishedRuntime`.
 */
export function passed(
  task: LiveTask,
  silentFor: number,
  age: (at: number) => number,
  limits: Limits,
): Passed | null {
  const { record } = task;
  const limit = timeouts(record.spec, limits);
  const waited = age(record.createdAt);
  const taken = record.acceptedAt !== null || record.state === "running";
  if (!taken && waited > limit.queue && (record.state === "queued" || silentFor > 0)) {
    return { event: "queue-timeout", error: `not delivered within ${limit.queue} ms` };
  }
  if (record.state === "queued") return null;
  if (silentFor > 0) {
    if (!taken || silentFor <= limits.vanishedRuntime) return null;
    return { event: "forgotten", error: `its runtime has been away for ${limits.vanishedRuntime} ms` };
  }
  if (task.cancelledAt !== null && age(task.cancelledAt) > limits.cancelConfirm) {
    const error = `cancelled (${record.cancelReason}), but its runtime did not confirm within ${limits.cancelConfirm} ms that it ended`;
    return { event: "unconfirmed", error };
  }
  if (record.state === "sent" && !taken) {
    const late = task.deliveredAt !== null && age(task.deliveredAt) > limit.start;
    return late
      ? { event: "start-timeout", error: `not begun within ${limit.start} ms of its delivery` }
      : null;
  }
  const begun = record.startedAt ?? record.acceptedAt ?? record.sentAt ?? record.createdAt;
  if (age(begun) <= limit.run + limits.runTimeoutGrace) return null;
  return {
    event: "run-timeout",
    error: `no answer ${limits.runTimeoutGrace} ms after its run timeout of ${limit.run} ms`,
  };
}

/** By agent: until when its accepted tasks may still run there, connected or not. */
export function tasksUntil(tasks: Iterable<LiveTask>, limits: Limits): ReadonlyMap<string, number> {
  const until = new Map<string, number>();
  for (const { record } of tasks) {
    if (record.state === "queued") continue;
    const begun = record.startedAt ?? record.acceptedAt ?? record.sentAt ?? record.createdAt;
    const end = begun + timeouts(record.spec, limits).run + limits.runTimeoutGrace;
    until.set(record.agent, Math.max(until.get(record.agent) ?? 0, end));
  }
  return until;
}
