/** What a simulation may do to a simulated driver, and see of it. */
import type { SimulatedInstance } from "./simulated-multipass.ts";

/**
 * What goes wrong with one call. `refuse`: nothing happens. `fail`: the same, for good. `lie`: it happens and is reported as
 * failed. `wedge`: the daemon takes this many milliseconds longer; what it was asked for happens then, whoever still waits.
 */
export type Fault = "none" | "refuse" | "fail" | "lie" | { readonly wedge: number };

export interface Call {
  readonly kind: string;
  readonly name: string;
  /** Null: there was none. */
  readonly instance: SimulatedInstance | null;
  /** Name of the snapshot, or what is run inside. */
  readonly detail?: string;
  /** In `onEffect`: what `onCall` returned for this call. */
  readonly tag?: unknown;
}

export interface SimulatedDriverOptions {
  readonly fault?: (kind: string, name: string) => Fault;
  /** Called when a call that changes something is made, before anything happens. */
  readonly onCall?: (call: Call) => unknown;
  /** Called when the daemon does it, maybe long after. */
  readonly onEffect?: (call: Call) => void;
  /** Called when the client has its answer, or has given up. */
  readonly onAnswer?: (name: string) => void;
  readonly onList?: (seen: boolean) => void;
  /** Called when the snapshots were read, with the instant of which they are. */
  readonly onSnapshots?: (at: number) => void;
}
