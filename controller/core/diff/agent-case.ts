/** The input for one agent: its desired and observed state, and what was derived from them. */
import type { Is, Ownership } from "../actions.ts";
import type {
  Change,
  Claim,
  DesiredAgent,
  DesiredSnapshot,
  DueSnapshot,
  Held,
  MadeSnapshot,
  ObservedInstance,
  RuntimeReading,
} from "../types.ts";

export interface Note {
  readonly agent: string | null;
  readonly message: string;
}

export interface AgentCase {
  readonly agent: DesiredAgent;
  readonly is: Is;
  readonly ownership: Ownership;
  readonly instance?: ObservedInstance;
  readonly claim?: Claim;
  readonly runtime?: RuntimeReading;
  readonly snapshots: readonly DesiredSnapshot[];
  /** Owned snapshots of this agent. */
  readonly made: readonly MadeSnapshot[];
  readonly due: readonly DueSnapshot[];
  /** The absence of a document proves nothing, so nothing is removed. */
  readonly guarded: boolean;
  readonly unobservable: { readonly reason: string; readonly next?: string } | null;
  /** An owned instance that disappeared without a request of ours. */
  readonly vanished: boolean;
  /** A boot that we began recently: `Unknown` is normal. */
  readonly booting: boolean;
}

export interface AgentDiff {
  readonly change?: Change;
  readonly held: readonly Held[];
  readonly notes: readonly Note[];
  /** True: observed and in sync. */
  readonly asWritten?: boolean;
}
