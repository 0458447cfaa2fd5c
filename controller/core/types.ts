/** The values that the core computes with: what is wanted, what is seen, what would be done. All are plain JSON. */
import type {
  DesiredSnapshot,
  DueSnapshot,
  MadeSnapshot,
  ObservedSnapshot,
  RestoreWish,
} from "./snapshot-types.ts";

export { ACTIONS, HOLD_REASONS } from "./plan-types.ts";
export type {
  Action,
  Cause,
  Change,
  Counts,
  Held,
  HoldReason,
  Inside,
  Plan,
  PlannedSnapshot,
  Policy,
  Restore,
  SavedScope,
  Step,
  StepKind,
} from "./plan-types.ts";
export type {
  DesiredSnapshot,
  DueSnapshot,
  MadeSnapshot,
  ObservedSnapshot,
  RestoreWish,
} from "./snapshot-types.ts";

/** Milliseconds since the Unix epoch. The core never reads a clock: every instant is an argument. */
export type Instant = number;

export type PowerState = "running" | "stopped" | "suspended";
export type DriftMode = "correct" | "warn" | "ignore";

/** Where a document was written: file relative to the fleet folder, 1-based line and column. */
export interface SourceRef {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Size {
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes. */
  readonly disk: number;
}

export interface Mount {
  /** Absolute path on the host. */
  readonly source: string;
  /** Absolute path in the guest. */
  readonly target: string;
}

export type SecretRef = { readonly fromEnv: string } | { readonly fromFile: string };

export interface Provision {
  readonly packages: readonly string[];
  readonly files: readonly { readonly path: string; readonly content: string; readonly mode?: string }[];
  readonly run: readonly string[];
  /** The author's own cloud-init, parsed from the file that the document names. */
  readonly cloudInit?: Readonly<Record<string, unknown>>;
  readonly onChange: "hold" | "rerun" | "replace";
  /** SHA-256 (hex) of packages, files, run and cloudInit. */
  readonly hash: string;
}

/** One instance that should exist: profile merged, replicas expanded, defaults filled, sizes in bytes. */
export interface DesiredAgent {
  readonly name: string;
  /** Name of the document; differs from `name` only for replicas. */
  readonly document: string;
  readonly type: string;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly profile?: string;
  readonly image?: string;
  readonly size: Size;
  readonly state: PowerState;
  readonly mounts: readonly Mount[];
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, SecretRef>>;
  readonly provision: Provision;
  readonly tasks: { readonly concurrency: number; readonly sudo: boolean; readonly user: string };
  readonly health: {
    /** Milliseconds without a heartbeat after which the runtime counts as offline. */
    readonly offlineAfter: number;
    readonly remediate: readonly ("restart-runtime" | "restart-instance" | "replace")[];
  };
  /** Instance names (replicas expanded). */
  readonly dependsOn: readonly string[];
  readonly protect: boolean;
  readonly paused: boolean;
  readonly drift: { readonly mode: DriftMode; readonly ignore: readonly string[] };
  readonly restore?: RestoreWish;
  /** Hash of type, capabilities, labels, env, names of secrets and tasks: what is pushed live to the runtime. */
  readonly configHash: string;
  readonly previousName?: string;
  readonly source: SourceRef;
}

export interface FleetSettings {
  readonly driver: "auto" | "multipass" | "sandbox";
  readonly parallelism: number;
  /** Milliseconds. */
  readonly interval: number;
  readonly prune: boolean;
  readonly maxDeletes: number;
  readonly drift: { readonly mode: DriftMode };
  readonly limits: { readonly cpu?: number; readonly memory?: number; readonly disk?: number };
  readonly git: {
    readonly follow: boolean;
    readonly remote?: string;
    readonly branch?: string;
    /** Milliseconds. */
    readonly interval: number;
  };
  readonly hub: {
    /** `auto`, or host[:port] that instances reach. */
    readonly advertise: string;
    /** null: not written, so the usual one or, where that is busy, a free one that is remembered. 0: any. */
    readonly agentPort: number | null;
    readonly httpPort: number | null;
    readonly dashboardPort: number | null;
  };
  readonly notify: readonly { readonly url: string; readonly on: readonly string[] }[];
}

/** What the fleet folder says, or the last good version of it. */
export interface Desired {
  /** Content hash of everything below, hex; changes if and only if the meaning changed. */
  readonly hash: string;
  /** Git revision when the folder is in a repository, else null. */
  readonly revision: string | null;
  /** True: what counts is the working tree, and not all of it is in that revision. */
  readonly dirty?: boolean;
  /** Read from a followed remote: what it uses of the host is bounded by its operator. */
  readonly restricted?: boolean;
  readonly settings: FleetSettings;
  readonly agents: readonly DesiredAgent[];
  readonly snapshots: readonly DesiredSnapshot[];
  /**
   * Present when the absence of a document proves nothing: the folder is empty or missing, or files are invalid and
   * this is the last good state. Every deletion is held while it is.
   */
  readonly guard?: {
    readonly reason: "empty" | "invalid" | "unreadable";
    readonly message: string;
    /** What ends it, where that is not to mend the files. */
    readonly release?: string;
  };
}

/** CONTRACT section 5: the complete set of state words, plus `Unavailable` of 1.17. */
export const INSTANCE_STATES = [
  "Running",
  "Stopped",
  "Deleted",
  "Starting",
  "Restarting",
  "Delayed Shutdown",
  "Suspending",
  "Suspended",
  "Unknown",
  "Unavailable",
] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

export interface ObservedInstance {
  readonly name: string;
  readonly state: InstanceState;
  readonly release: string;
  readonly ipv4: readonly string[];
  /** Configured size; absent: not read yet, so nothing is decided about it. */
  readonly size?: Size;
  /** Absent: not read. */
  readonly snapshots?: readonly ObservedSnapshot[];
  /** Absent: not read. */
  readonly mounts?: readonly Mount[];
  /** Absent: the name of the image is the recorded one, or was not resolved yet. */
  readonly image?: ImageReading;
}

/**
 * The image that a document names, compared with the one that the instance was made from. Only where the name is another than
 * the claim recorded. `unknown`: `why` it is, and what ends it (`next`).
 */
export interface ImageReading {
  /** As the document names it; null: Multipass's default. */
  readonly wanted: string | null;
  readonly is: "same" | "other" | "unknown";
  readonly why: string;
  readonly next: string;
}

/** What the store remembers of an instance that we created or adopted. The proof of ownership together with the nonce. */
export interface Claim {
  readonly name: string;
  readonly nonce: string;
  /** `launching`: the intent is recorded, the launch may or may not have happened. */
  readonly phase: "launching" | "launched" | "removing";
  /** With `removing`: it is made anew afterwards, as somebody wrote or said yes to. */
  readonly replacing?: boolean;
  readonly claimedAt: Instant;
  /** When the launch was last begun; Unknown is normal for a while after it. */
  readonly bootAt: Instant;
  readonly image: string | null;
  /** Of the provisioning that the instance has been through; empty while one is being run again. */
  readonly provisionHash: string;
  /** Hash of the runtime bundle that the instance was launched with. */
  readonly runtimeHash: string;
  /** The last restore token that was carried out, or that was there when the instance was made. */
  readonly restoreToken: string | null;
  /** Those before it, oldest first: a commit that is reverted writes an old one again, and nothing is done for it. */
  readonly formerTokens?: readonly string[];
  /**
   * A restore that was begun. While the instance stays Stopped it may be done again; once it has run it is not known whether
   * it was done, and nobody but a person decides.
   */
  readonly restoring?: RestoreWish | null;
  readonly document: string;
  /** What was last converged, to tell drift from an edit of the fleet; null: never converged. */
  readonly converged: ConvergedView | null;
  /**
   * Phase `launching`: the daemon just said that the launch failed, and a list right after that showed the name, which was
   * absent before it. What a failed launch left is ours where it cannot be asked, and where no document wants it.
   */
  readonly leftover?: true;
  /** True once a runtime with this nonce and this name said hello. */
  readonly proven: boolean;
  /** Remembered from the document, so that deleting a protected agent's document does not delete it. */
  readonly protect: boolean;
  /** A person imported the instance: the claim alone is the proof, because nothing of ours was ever put inside. */
  readonly adopted?: true;
}

/** The part of an agent that shows on the instance; the same shape for desired, observed and converged. */
export interface ConvergedView {
  readonly state: PowerState;
  readonly image?: string | null;
  readonly cpu?: number;
  readonly memory?: number;
  readonly disk?: number;
  readonly provision?: string;
  /** Hash of what is pushed live to the runtime: type, capabilities, labels, env, names of secrets, tasks. */
  readonly config?: string;
  /** By target; absent: none. */
  readonly mounts?: readonly Mount[];
}

/** What the hub knows of the runtime in an instance. */
export interface RuntimeReading {
  readonly agent: string;
  readonly status: "online" | "suspect" | "offline";
  readonly lastSeen: Instant;
  readonly nonce: string;
  readonly instanceId: string;
  readonly version: string;
  readonly bundleHash: string;
  readonly bootId: string;
  readonly runningTasks: number;
  readonly queuedTasks: number;
  /** Hash of the configuration (env, labels, capabilities, tasks, secrets) that the runtime acknowledged. */
  readonly configHash: string | null;
  /** What went wrong inside, by its last heartbeat: provisioning, cloud-init, its disk. */
  readonly problems?: readonly string[];
  /** What cloud-init went on after. */
  readonly warnings?: readonly string[];
  /** The provisioning of its first boot is not over. */
  readonly provisioning?: boolean;
  /** Until when tasks that it took may still be running there, by their own timeouts; absent: none is. */
  readonly tasksUntil?: Instant;
  /** The last one that came with this agent's credential and was refused for what it said of itself. */
  readonly refused?: Refused;
  /** Its runtime is not the controller's version, and what became of the upgrade. */
  readonly upgrade?: { readonly hash: string; readonly state: string; readonly reason: string };
}

export interface Refused {
  readonly at: Instant;
  /** `clone`: another instance that carries this one's files. */
  readonly code: string;
  /** The name that the instance has in itself. */
  readonly instanceId: string;
  readonly reason: string;
}

export interface Host {
  readonly cpu: number;
  readonly memory: number;
  readonly disk: number;
}

export interface Observed {
  readonly at: Instant;
  readonly instances:
    | { readonly kind: "seen"; readonly list: readonly ObservedInstance[] }
    | { readonly kind: "unobservable"; readonly reason: string; readonly next?: string };
  readonly claims: readonly Claim[];
  readonly runtimes: readonly RuntimeReading[];
  /** Names whose claim died: a trustworthy observation showed the instance absent, and we had not removed it. */
  readonly vanished: readonly string[];
  readonly host?: Host;
  /** Snapshots that we made, whether or not they are still there. */
  readonly made?: readonly MadeSnapshot[];
  readonly due?: readonly DueSnapshot[];
  /** In which schedules are meant, such as `Europe/Vienna`. */
  readonly timeZone?: string;
}
