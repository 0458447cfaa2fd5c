/** The life of a task as one total table, state × event; the hub does nothing to a task that this table does not say. */
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
  /** Written to the runtime's connection, the first time or again. */
  "deliver",
  /** The runtime's journal has it. */
  "accepted",
  /** The runtime began to run it. */
  "started",
  /** The four ways in which a runtime's answer ends. */
  "succeeded",
  "failed",
  "timed-out",
  "cancelled",
  /** Somebody asked to end it; in the runtime only the runtime's answer ends it. */
  "cancel",
  "queue-timeout",
  "start-timeout",
  "run-timeout",
  /** The runtime took it once and knows nothing of it any more. */
  "forgotten",
  /** It was asked to end it, is there, and does not say that it did: nobody knows what still runs. */
  "unconfirmed",
  /** It ended badly and its `retries` allow another run: a new epoch. */
  "retry",
  /** The agent is gone for good. */
  "revoked",
] as const;
export type TaskEvent = (typeof TASK_EVENTS)[number];

/** `ignore`: nothing to do. `late`: an answer to a question that is settled; recorded, not applied. */
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
  // A runtime may know more of a queued task than the record: the hub died between the delivery and writing it down.
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
