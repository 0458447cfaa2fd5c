/** What is said of snapshots: wanted, seen, made, due, and gone back to. All are plain JSON. */
import type { Instant, SourceRef } from "./types.ts";

/** Go back to a snapshot, once for each new token. */
export interface RestoreWish {
  readonly snapshot: string;
  readonly token: string;
}

/** One snapshot wanted of one instance (selectors expanded). */
export interface DesiredSnapshot {
  readonly name: string;
  readonly agent: string;
  readonly comment: string;
  readonly schedule?: string;
  readonly keep?: number;
  readonly whenRunning: "stop" | "wait";
  readonly source: SourceRef;
}

export interface ObservedSnapshot {
  readonly name: string;
  readonly parent: string;
  readonly comment: string;
}

/** A snapshot that we made: the only kind that is ever removed. */
export interface MadeSnapshot {
  readonly agent: string;
  readonly name: string;
  /** Document that it was made for; null: taken before a restore, and kept until a person removes it. */
  readonly of: string | null;
  /** True: by the document's schedule, at `at`. */
  readonly scheduled: boolean;
  readonly at: Instant;
}

/** A run of a schedule that is due and not taken: however many were missed, one. */
export interface DueSnapshot {
  readonly agent: string;
  /** Name of the document. */
  readonly of: string;
  /** Name of the snapshot to take, such as `clean-20261122-0300`. */
  readonly name: string;
  readonly at: Instant;
}
