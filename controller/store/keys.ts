/** Keys of what the controller notes down beside its claims, and the shape of what lies under them. */
import type { ImageReading, InstanceState, Mount, Size } from "../core/types.ts";

/** A configured size as it was read, and what it is valid for. */
export interface SizeRow {
  readonly size: Size;
  readonly nonce: string;
  readonly state: InstanceState;
  readonly bootId: string | null;
  /** When it was read. */
  readonly at: number;
}

export const sizeKey = (name: string): string => `size/${name}`;
/** Names whose instance disappeared behind our back. */
export const vanishedKey = (name: string): string => `vanished/${name}`;
/** The nonce of the claim for whose launch an instance has been listed. */
export const listedKey = (name: string): string => `listed/${name}`;
/** The nonce of a claim whose instance was seen to be gone while it was being removed: what has its name since is not ours. */
export const goneKey = (name: string): string => `gone/${name}`;
/** What people approved and is not carried out yet. */
export const APPROVALS_KEY = "approvals";
export const SNAPSHOTS_KEY = "snapshots";

/** Mounts as they were read, valid for the same instance in the same state and boot, for a while. */
export interface MountsRow {
  readonly mounts: readonly Mount[];
  readonly nonce: string;
  readonly state: InstanceState;
  readonly bootId: string | null;
  readonly at: number;
}

/** What is known of an image that a document names otherwise than the claim, and of which claim and name that is. */
export interface ImageRow {
  readonly nonce: string;
  /** As the claim had it. */
  readonly recorded: string | null;
  readonly reading: ImageReading;
  readonly at: number;
}

/** A mount that was begun: a daemon that was wedged may do it long after the client has given up. */
export interface MountingRow {
  readonly nonce: string;
  readonly at: number;
}

/** A snapshot that we made, noted before it is taken: what is not noted is never removed. */
export interface MadeRow {
  readonly nonce: string;
  /** Document; null: taken before a restore. */
  readonly of: string | null;
  readonly scheduled: boolean;
  readonly at: number;
}

/** Up to when a schedule is done with. A schedule that is new, or written anew, begins when it is first seen. */
export interface ScheduleRow {
  readonly nonce: string;
  readonly schedule: string;
  readonly since: number;
}

/** The agent port by which the runtime of this name last reached the hub: its instance knows that one. */
export const reachedKey = (name: string): string => `reached/${name}`;
export const imageKey = (name: string): string => `image/${name}`;
export const mountsKey = (name: string): string => `mounts/${name}`;
export const mountingKey = (name: string): string => `mounting/${name}`;
export const madeKey = (name: string, snapshot: string): string => `made/${name}/${snapshot}`;
export const scheduleKey = (name: string, document: string): string => `schedule/${name}/${document}`;
