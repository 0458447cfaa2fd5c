/** What the loop needs of the hub. `hub` implements it, `cli/up-run.ts` joins the two. */
import type { PowerState, RuntimeReading } from "../core/types.ts";

/** What is pushed live to a runtime. `hash`: that of the document's part, then, with secrets, `.` and a seal of their values. */
export interface RuntimeConfig {
  readonly hash: string;
  /** What people call it, where its instance has a former name. */
  readonly calledAs?: string;
  readonly type: string;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Secrets that cannot be read now: the runtime keeps what it has of them. */
  readonly keepSecrets?: readonly string[];
  readonly tasks: { readonly concurrency: number; readonly sudo: boolean; readonly user: string };
  /** Milliseconds without a heartbeat after which the agent is offline. */
  readonly offlineAfter: number;
  /** Its power state by its document. */
  readonly state?: PowerState;
  /** It is not meant to run: that nothing is heard of it is no news. */
  readonly down?: boolean;
  /** Its runtime is left as it is. */
  readonly paused?: boolean;
  /** For the agent object of the seed's API. */
  readonly size: { readonly cpu: number; readonly memory: number; readonly disk: number };
}

export type LetInAgain = () => Promise<void>;

export interface RuntimePort {
  readings(): readonly RuntimeReading[];
  /** Addresses (`host:port`, first is best) at which instances can reach the agent port. */
  addresses(): readonly string[];
  /** A fresh single-use join token for this name and nonce; the former one dies. The plain text exists only in the answer. */
  enrol(agent: string, nonce: string): Promise<string>;
  /** What the agent should have; the hub sends it when the runtime's acknowledged hash differs. Unknown names are remembered. */
  configure(agent: string, config: RuntimeConfig): void;
  /** No new task starts; resolves when none runs, or after `ms`. */
  drain(agent: string, ms: number, signal?: AbortSignal): Promise<void>;
  /** Ends a drain. */
  undrain(agent: string): void;
  /** Names that documents or claims have brought in; never those of clients that registered themselves. */
  enrolled(): readonly string[];
  /**
   * Forgets the agent: its credentials, its connection; its open tasks end as `expired` with the reason. What it answers lets
   * the runtime in again with the credential that it has, for a removal that is not wanted any more; null: it had none.
   */
  revoke(agent: string): Promise<LetInAgain | null>;
}

/** Why a runtime is silent, as far as a look into its instance tells. */
export interface SilenceWords {
  /** What was found, the likeliest cause first; bounded, and without secrets. */
  readonly found: string;
  readonly next: string;
  /** True: it will not come by itself, however long it is waited for. */
  readonly conclusive: boolean;
}

/** A runtime says hello within seconds of its start; after this much of silence it is worth a look. */
export const LOOK_AFTER_MS = 60_000;
