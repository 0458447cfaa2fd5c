/** Keys of the controller's records beside its claims, and their types. */
import type { ImageReading, InstanceState, Mount, Size } from "../core/types.ts";

/** A cached configured size, and what it is valid for. */
export interface SizeRow {
  readonly size: Size;
  readonly nonce: string;
  readonly state: InstanceState;
  readonly bootId: string | null;
  /** When it was read. */
  readonly at: number;
}

export const sizeKey = (name: string): string => `size/${name}`;
/** Names whose instance disappeared without a request of ours. */
export const vanishedKey = (name: string): string => `vanished/${name}`;
/** The nonce of the claim for whose launch an instance has been listed. */
export const listedKey = (name: string): string => `listed/${name}`;
/** The nonce of a claim whose instance vanished during its removal: a later instance of its name is unowned. */
export const goneKey = (name: string): string => `gone/${name}`;
/** Approvals that are not used yet. */
export const APPROVALS_KEY = "approvals";
export const SNAPSHOTS_KEY = "snapshots";

/** Cached mounts, valid for the same instance in the same state and boot, for a while. */
export interface MountsRow {
  readonly mounts: readonly Mount[];
  readonly nonce: string;
  readonly state: InstanceState;
  readonly bootId: string | null;
  readonly at: number;
}

/** The comparison of a document's image with the claim's, and the claim and name it is valid for. */
export interface ImageRow {
  readonly nonce: string;
  /** From the claim. */
  readonly recorded: string | null;
  readonly reading: ImageReading;
  readonly at: number;
}

/** A mount that was begun: a wedged daemon may do it long after the client has given up. */
export interface MountingRow {
  readonly nonce: string;
  readonly at: number;
}

/** An owned snapshot, recorded before it is taken: a snapshot without a record is never removed. */
export interface MadeRow {
  readonly nonce: string;
  /** Document; null: taken before a restore. */
  readonly of: string | null;
  readonly scheduled: boolean;
  readonly at: number;
}

/** Instant up to which a schedule is done. A new or rewritten schedule starts when it is first observed. */
export interface ScheduleRow {
  readonly nonce: string;
  readonly schedule: string;
  readonly since: number;
}

/** The agent port by which this runtime last reached the hub: its settings name that one. */
export const reachedKey = (name: string): string => `reached/${name}`;
export const imageKey = (name: string): string => `image/${name}`;
export const mountsKey = (name: string): string => `mounts/${name}`;
export const mountingKey = (name: string): string => `mounting/${name}`;
export const madeKey = (name: string, snapshot: string): string => `made/${name}/${snapshot}`;
export const scheduleKey = (name: string, document: string): string => `schedule/${name}/${document}`;
