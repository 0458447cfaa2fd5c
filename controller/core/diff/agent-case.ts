/** One agent as it is judged: what is written and seen of it, and what was found. */
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
  /** Snapshots of this agent that we made. */
  readonly made: readonly MadeSnapshot[];
  readonly due: readonly DueSnapshot[];
  /** The absence of a document proves nothing, so nothing is removed. */
  readonly guarded: boolean;
  readonly unobservable: { readonly reason: string; readonly next?: string } | null;
  /** The instance was ours and disappeared behind our back. */
  readonly vanished: boolean;
  /** A boot that we began a short while ago: `Unknown` is normal. */
  readonly booting: boolean;
}

export interface AgentDiff {
  readonly change?: Change;
  readonly held: readonly Held[];
  readonly notes: readonly Note[];
  /** True: looked at, and as written. */
  readonly asWritten?: boolean;
}
