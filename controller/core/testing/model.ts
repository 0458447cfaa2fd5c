/** The values of the model of Multipass, the store and the hub that plans are carried out on in tests. */
import type {
  Claim,
  DueSnapshot,
  InstanceState,
  MadeSnapshot,
  Mount,
  RuntimeReading,
  Size,
} from "../types.ts";

export interface ModelSnapshot {
  readonly name: string;
  readonly comment: string;
  /** What a restore brings back; absent: nothing but the disk. */
  readonly size?: Size;
  readonly mounts?: readonly Mount[];
  readonly disk?: string;
}

export interface ModelInstance {
  readonly state: InstanceState;
  /** What was set, in bytes; Multipass prints it with one decimal. */
  readonly size: Size;
  readonly snapshots: readonly ModelSnapshot[];
  /** The nonce in the guest. */
  readonly nonce: string;
  readonly mounts?: readonly Mount[];
  /** What is written on it, as one word. */
  readonly disk?: string;
  /** How often it was started. */
  readonly starts?: number;
}

/** The only mutable value of the tests of the core. */
export interface World {
  now: number;
  readonly instances: Map<string, ModelInstance>;
  readonly claims: Map<string, Claim>;
  readonly runtimes: Map<string, RuntimeReading>;
  readonly vanished: Set<string>;
  /** What we noted of the snapshots that we made, by `agent/name`. */
  readonly made?: Map<string, MadeSnapshot>;
  /** Runs of schedules that have come. */
  readonly due?: readonly DueSnapshot[];
  /** Every restore that Multipass carried out: of which agent, for which token, after how many starts. */
  readonly restores?: { readonly agent: string; readonly token: string; readonly starts: number }[];
  /** Every run of the provision block in a guest that is there. */
  readonly reruns?: { readonly agent: string; readonly hash: string }[];
}

/**
 * `illegal`: Multipass would refuse, or the instance is unowned: a bug. `moved`: `apply` observes first and plans
 * again. `failed`: a transient failure.
 */
export class StepError extends Error {
  readonly kind: "illegal" | "moved" | "failed";
  constructor(kind: StepError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** CONTRACT section 7: the largest unit that leaves at least 1, one decimal. */
export function printed(bytes: number): number {
  let unit = 1;
  while (bytes >= unit * 1024 && unit < 1024 ** 3) unit *= 1024;
  return Math.round(Number((bytes / unit).toFixed(1)) * unit);
}
