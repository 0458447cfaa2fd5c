/** An unfinished task in the engine's memory, and the changes of its record. */
import type { OutputChunk, TaskRecord, TaskState } from "../../store/store.ts";
import { isRecord, number, type Payload, word } from "../runtimes/frames.ts";
import { readError, readExitCode, readResult } from "../runtimes/guest-input.ts";
import type { Limits } from "../limits.ts";
import { after, BEGIN, bytesOf, type Place } from "./output-places.ts";
import type { TaskEvent } from "./states.ts";

export interface LiveTask {
  record: TaskRecord;
  /** Sent on an open connection; null: not yet, or that connection is closed. */
  deliveredAt: number | null;
  /** When the connected runtime was asked to cancel it. */
  cancelledAt: number | null;
  /** An answer is being stored: no other change is allowed. */
  settling: boolean;
  /** Set while an answer is being stored: true once it is on disk. */
  ending: Promise<boolean> | null;
  /** Output on its way to the disk, oldest first: sent to watchers, and not yet readable from the store. */
  readonly unwritten: Set<OutputChunk>;
  /** Output of the current run so far; null: to be read from the store first. */
  printed: Printed | null;
}

/** The head of a run's output is stored as it comes; of the rest the tail waits in memory for the end. */
export interface Printed {
  /** Behind the last chunk. */
  place: Place;
  /** Where the run began in the output of all runs. */
  readonly begin: Place;
  headBytes: number;
  /** The head accepts no more. */
  headIsFull: boolean;
  /** Bytes of the first chunk of `tail` that are stored with the head once the chunk leaves the tail. */
  fitting: number;
  tail: OutputChunk[];
  tailBytes: number;
  /** Paced output that its reader has not acknowledged; null: not paced. */
  readonly window: OutputChunk[] | null;
  windowBytes: number;
  /** The discarded part before `tail` ended in the middle of a line. */
  tailIsMidLine: boolean;
}

export function liveTask(record: TaskRecord): LiveTask {
  return {
    record,
    deliveredAt: null,
    cancelledAt: null,
    settling: false,
    ending: null,
    unwritten: new Set(),
    printed: null,
  };
}

export interface NewTask {
  readonly id: string;
  readonly agent: string;
  readonly spec: Payload;
  readonly now: number;
  /** There is room: it is delivered as soon as it is on disk. */
  readonly direct: boolean;
  readonly idempotencyKey: string | null;
  readonly bodyHash: string;
}

export function newRecord({ id, agent, spec, now, direct, idempotencyKey, bodyHash }: NewTask): TaskRecord {
  return {
    id,
    agent,
    type: String(spec.type),
    spec,
    state: direct ? "sent" : "queued",
    epoch: 1,
    createdAt: now,
    sentAt: direct ? now : null,
    acceptedAt: null,
    startedAt: null,
    finishedAt: null,
    exitCode: null,
    result: null,
    error: null,
    cancelReason: null,
    droppedBytes: 0,
    idempotencyKey,
    bodyHash,
  };
}

export interface Timeouts {
  readonly queue: number;
  readonly start: number;
  readonly run: number;
}

export function timeouts(spec: Payload, limits: Limits): Timeouts {
  const given = isRecord(spec.timeouts) ? spec.timeouts : {};
  return {
    queue: number(given.queue) || limits.queueTimeout,
    start: number(given.start) || limits.startTimeout,
    run: number(given.run) || number(spec.timeout) || limits.runTimeout,
  };
}

/** Epochs count runs from 1. */
export function mayRetry(record: TaskRecord): boolean {
  return record.cancelReason === null && record.epoch <= number(record.spec.retries);
}

/**
 * Chunks are numbered from 1 in each run; here they get one sequence over all runs, so that a reader's last event id
 * stays valid after a retry.
 */
export function chunkSeq(epoch: number, seq: number): number {
  return (epoch - 1) * 1_000_000_000 + seq;
}

/** Output of a run so far, from the stored chunks. */
export function printedSoFar(chunks: readonly OutputChunk[], { epoch, spec }: TaskRecord): Printed {
  let place = BEGIN;
  let begin = BEGIN;
  let headBytes = 0;
  for (const chunk of chunks) {
    place = after(chunk, place);
    if (chunk.seq <= chunkSeq(epoch, 0)) begin = place;
    else headBytes += bytesOf(chunk);
  }
  const window = spec.output === "paced" ? [] : null;
  const tail = { fitting: 0, tail: [], tailBytes: 0, tailIsMidLine: false, window, windowBytes: 0 };
  return { place, begin, headBytes, headIsFull: false, ...tail };
}

/** A runtime's answer as an event of the table, with its fields for the record. */
export interface Answer {
  readonly event: TaskEvent;
  readonly exitCode: number | null;
  readonly result: Payload | null;
  readonly error: string | null;
}

export function readAnswer(payload: Payload): Answer {
  const result = isRecord(payload.result) ? readResult(payload.result) : null;
  const code = isRecord(payload.error) ? word(payload.error.code) : "";
  const message = readError(isRecord(payload.error) ? payload.error.message : payload.error);
  const exitCode = readExitCode(result?.exitCode);
  const event = answerEvent(payload, result, code);
  const error = event === "succeeded" ? null : message || code || null;
  return { event, exitCode, result, error };
}

function answerEvent(payload: Payload, result: Payload | null, code: string): TaskEvent {
  if (code === "lost" || code === "interrupted") return "forgotten";
  if (result?.cancelled === true || code === "cancelled") return "cancelled";
  if (result?.timedOut === true || code === "timed-out" || code === "timeout") return "timed-out";
  return payload.success === true ? "succeeded" : "failed";
}

/** The record in `state`. */
export function moved(
  record: TaskRecord,
  state: TaskState,
  now: number,
  more: Partial<TaskRecord> = {},
): TaskRecord {
  switch (state) {
    case "queued":
      return { ...record, state, sentAt: null, acceptedAt: null, startedAt: null, ...more };
    case "sent":
      return { ...record, state, sentAt: record.sentAt ?? now, ...more };
    case "running":
      return {
        ...record,
        state,
        sentAt: record.sentAt ?? now,
        acceptedAt: record.acceptedAt ?? now,
        startedAt: record.startedAt ?? now,
        ...more,
      };
    case "succeeded":
    case "failed":
    case "timed-out":
    case "cancelled":
    case "expired":
    case "lost":
      return { ...record, state, finishedAt: now, ...more };
    default: {
      const never: never = state;
      return never;
    }
  }
}
