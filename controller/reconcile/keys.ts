/** Keys of what the controller notes down beside its claims, and the shape of what lies under them. */
import type { InstanceState, Size } from "../core/types.ts";

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
export const SNAPSHOTS_KEY = "snapshots";
