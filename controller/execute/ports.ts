/** The port through which the loop uses the hub. `hub` implements it, `cli/system` joins the two. */
import type { PowerState, RuntimeReading } from "../core/types.ts";

/**
 * The configuration pushed to a runtime. `hash`: of the document's part, then, with secrets, `.` and a seal of their
 * values.
 */
export interface RuntimeConfig {
  readonly hash: string;
  /** The declared name, where its instance has a former name. */
  readonly calledAs?: string;
  readonly type: string;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Secrets that cannot be read now: the runtime keeps its values of them. */
  readonly keepSecrets?: readonly string[];
  readonly tasks: { readonly concurrency: number; readonly sudo: boolean; readonly user: string };
  /** Milliseconds without a heartbeat after which the agent is offline. */
  readonly offlineAfter: number;
  /** The desired power state. */
  readonly state?: PowerState;
  /** It is meant to be down: being offline is no event. */
  readonly down?: boolean;
  /** Its runtime is not upgraded. */
  readonly paused?: boolean;
  /** For the agent object of the first-generation API. */
  readonly size: { readonly cpu: number; readonly memory: number; readonly disk: number };
}

export type LetInAgain = () => Promise<void>;

export interface RuntimePort {
  readings(): readonly RuntimeReading[];
  /** Addresses (`host:port`, best first) at which instances can reach the agent port. */
  addresses(): readonly string[];
  /**
   * A fresh single-use join token for this name and nonce; revokes the former one. The plain text exists only in the
   * answer.
   */
  enrol(agent: string, nonce: string): Promise<string>;
  /** The desired configuration; sent when the runtime's acknowledged hash differs. Unknown names are remembered. */
  configure(agent: string, config: RuntimeConfig): void;
  /** No new task starts; resolves when none runs, or after `ms`. */
  drain(agent: string, ms: number, signal?: AbortSignal): Promise<void>;
  /** Ends a drain. */
  undrain(agent: string): void;
  /** Names from documents and claims; never self-registered clients. */
  enrolled(): readonly string[];
  /**
   * Forgets the agent: its credentials, its connection; its open tasks end as `expired` with the reason. The returned
   * function restores access with the former credential, for a removal that is no longer desired; null: it had none.
   */
  revoke(agent: string): Promise<LetInAgain | null>;
}

/** Why a runtime is offline, as far as the guest shows. */
export interface Diagnosis {
  /** Findings, the likeliest cause first; bounded, and without secrets. */
  readonly found: string;
  readonly next: string;
  /** True: it will not come online by itself. */
  readonly conclusive: boolean;
}

/** A runtime says hello within seconds of its start; after this long without one, a diagnosis is worthwhile. */
export const LOOK_AFTER_MS = 60_000;
