/** A task that is not finished, as the engine holds it in memory, and how its record changes. */
import type { OutputChunk, TaskRecord, TaskState } from "../../store/store.ts";
import { isRecord, number, type Payload, word } from "../runtimes/frames.ts";
import { readError, readExitCode, readResult } from "../runtimes/guest-input.ts";
import type { Limits } from "../limits.ts";
import { after, BEGIN, bytesOf, type Place } from "./output-places.ts";
import type { TaskEvent } from "./states.ts";

export interface LiveTask {
  record: TaskRecord;
  /** Written on a connection that is still there; null: not yet, or that connection is gone. */
  deliveredAt: number | null;
  /** When the runtime that is there now was asked to end it. */
  cancelledAt: number | null;
  /** An answer is on its way to the disk: nothing else may change the task. */
  settling: boolean;
  /** Set while an answer is on its way: true once it is on disk. */
  ending: Promise<boolean> | null;
  /** Output on its way to the disk, oldest first: told to those who watch, and not yet to be read back. */
  readonly unwritten: Set<OutputChunk>;
  /** What the current run printed, as far as it is here; null: to be read from the store first. */
  printed: Printed | null;
}

/** The head of a run's output is on disk as it comes; of what is beyond it the last part waits in memory for the end. */
export interface Printed {
  /** Behind the last chunk that came. */
  place: Place;
  /** Where the run began in the output of all runs. */
  readonly begin: Place;
  headBytes: number;
  /** Nothing goes into the head any more. */
  headIsFull: boolean;
  /** Bytes of the first chunk of `tail` that belong to the head, once the chunk is pushed out of the tail. */
  fitting: number;
  tail: OutputChunk[];
  tailBytes: number;
  /** Paced output that its reader has not taken yet; null: the output is not paced. */
  readonly window: OutputChunk[] | null;
  windowBytes: number;
  /** What was discarded before the first of `tail` ended within a line. */
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
  /** There is room: it is written to the runtime as soon as it is on disk. */
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
 * stays meaningful when a task is run again.
 */
export function chunkSeq(epoch: number, seq: number): number {
  return (epoch - 1) * 1_000_000_000 + seq;
}

/** What a run has printed so far, from the chunks that are on disk. */
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

/** A runtime's answer as the table's event, and what of it goes into the record. */
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

/** The record after it reached `state`. */
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
