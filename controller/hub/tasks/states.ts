/** The life cycle of a task as one total table, state × event; the hub makes no transition outside of it. */
import type { TaskState } from "../../store/store.ts";

export const TASK_STATES = [
  "queued",
  "sent",
  "running",
  "succeeded",
  "failed",
  "timed-out",
  "cancelled",
  "expired",
  "lost",
] as const satisfies readonly TaskState[];

export const TASK_EVENTS = [
  /** Sent on the runtime's connection, the first time or again. */
  "deliver",
  /** The runtime's journal has it. */
  "accepted",
  /** The runtime has started it. */
  "started",
  /** The four results of a runtime's answer. */
  "succeeded",
  "failed",
  "timed-out",
  "cancelled",
  /** Cancel was requested; while the runtime has the task, only its answer ends it. */
  "cancel",
  "queue-timeout",
  "start-timeout",
  "run-timeout",
  /** The runtime had accepted it and no longer knows it. */
  "forgotten",
  /** The runtime was asked to end the task, is online, and does not confirm: the state of its processes is unknown. */
  "unconfirmed",
  /** It failed and its `retries` allow another run: a new epoch. */
  "retry",
  /** The agent was removed. */
  "revoked",
] as const;
export type TaskEvent = (typeof TASK_EVENTS)[number];

/** `ignore`: no change. `late`: an answer to a settled task; recorded, not applied. */
export type Cell = TaskState | "ignore" | "late";

type Row = { readonly [E in TaskEvent]: Cell };

const FINAL: Row = {
  deliver: "ignore",
  accepted: "ignore",
  started: "ignore",
  succeeded: "late",
  failed: "late",
  "timed-out": "late",
  cancelled: "late",
  cancel: "ignore",
  "queue-timeout": "ignore",
  "start-timeout": "ignore",
  "run-timeout": "ignore",
  forgotten: "ignore",
  unconfirmed: "ignore",
  retry: "ignore",
  revoked: "ignore",
};

const TABLE: { readonly [S in TaskState]: Row } = {
  // A runtime may know more of a queued task than the record: the hub died between delivery and write.
  queued: {
    deliver: "sent",
    accepted: "sent",
    started: "running",
    succeeded: "succeeded",
    failed: "failed",
    "timed-out": "timed-out",
    cancelled: "cancelled",
    cancel: "cancelled",
    "queue-timeout": "expired",
    "start-timeout": "ignore",
    "run-timeout": "ignore",
    forgotten: "ignore",
    unconfirmed: "ignore",
    retry: "ignore",
    revoked: "expired",
  },
  sent: {
    deliver: "sent",
    accepted: "sent",
    started: "running",
    succeeded: "succeeded",
    failed: "failed",
    "timed-out": "timed-out",
    cancelled: "cancelled",
    cancel: "sent",
    "queue-timeout": "expired",
    "start-timeout": "expired",
    "run-timeout": "timed-out",
    forgotten: "lost",
    unconfirmed: "lost",
    retry: "queued",
    revoked: "expired",
  },
  running: {
    deliver: "ignore",
    accepted: "ignore",
    started: "running",
    succeeded: "succeeded",
    failed: "failed",
    "timed-out": "timed-out",
    cancelled: "cancelled",
    cancel: "running",
    "queue-timeout": "ignore",
    "start-timeout": "ignore",
    "run-timeout": "timed-out",
    forgotten: "lost",
    unconfirmed: "lost",
    retry: "queued",
    revoked: "expired",
  },
  succeeded: FINAL,
  failed: FINAL,
  "timed-out": FINAL,
  cancelled: FINAL,
  expired: FINAL,
  lost: FINAL,
};

export function next(state: TaskState, event: TaskEvent): Cell {
  return TABLE[state][event];
}

export function isFinal(state: TaskState): boolean {
  return TABLE[state] === FINAL;
}
