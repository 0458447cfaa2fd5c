/** The values of the core: desired, observed, planned. All are plain JSON. */
import type { Operation } from "fast-json-patch";

/** Milliseconds since the Unix epoch. The core never reads a clock: every instant is an argument. */
export type Instant = number;

export type PowerState = "running" | "stopped" | "suspended";
export type DriftMode = "correct" | "warn" | "ignore";

/** Place of a document: file relative to the fleet folder, 1-based line and column. */
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
  /** The author's own cloud-init, parsed from the file named by the document. */
  readonly cloudInit?: Readonly<Record<string, unknown>>;
  readonly onChange: "hold" | "rerun" | "replace";
  /** SHA-256 (hex) of packages, files, run and cloudInit. */
  readonly hash: string;
}

/** One desired instance: profile merged, replicas expanded, defaults filled, sizes in bytes. */
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
  /** Hash of type, capabilities, labels, env, names of secrets and tasks: pushed to the running runtime. */
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
    /** null: not declared, so the default or, where that is in use, a free one that is remembered. 0: any. */
    readonly agentPort: number | null;
    readonly httpPort: number | null;
    readonly dashboardPort: number | null;
  };
  readonly notify: readonly { readonly url: string; readonly on: readonly string[] }[];
}

/** The content of the fleet folder, or its last valid version. */
export interface Desired {
  /** Content hash of everything below, hex; changes if and only if the meaning changed. */
  readonly hash: string;
  /** Git revision when the folder is in a repository, else null. */
  readonly revision: string | null;
  /** True: the working tree counts, and it differs from that revision. */
  readonly dirty?: boolean;
  /** Read from a followed remote: its access to the host is limited by the operator. */
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
    /** The unblock, where it is not to fix the files. */
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
  /** Configured size; absent: not read yet, so it causes no decision. */
  readonly size?: Size;
  /** Absent: not read. */
  readonly snapshots?: readonly ObservedSnapshot[];
  /** Absent: not read. */
  readonly mounts?: readonly Mount[];
  /** Absent: the image's name equals the recorded one, or was not resolved yet. */
  readonly image?: ImageReading;
}

/**
 * The document's image compared with the instance's. Only where the name differs from the recorded one. `unknown`:
 * `why` it is, and what resolves it (`next`).
 */
export interface ImageReading {
  /** As in the document; null: Multipass's default. */
  readonly wanted: string | null;
  readonly is: "same" | "other" | "unknown";
  readonly why: string;
  readonly next: string;
}

/** The store's record of an instance that we created or adopted. With the nonce it proves ownership. */
export interface Claim {
  readonly name: string;
  readonly nonce: string;
  /** `launching`: the intent is recorded; the launch may or may not have happened. */
  readonly phase: "launching" | "launched" | "removing";
  /** With `removing`: the instance is recreated afterwards, as declared or approved. */
  readonly replacing?: boolean;
  readonly claimedAt: Instant;
  /** When the launch was last begun; Unknown is normal for a while after it. */
  readonly bootAt: Instant;
  readonly image: string | null;
  /** Hash of the last completed provisioning; empty while one is being rerun. */
  readonly provisionHash: string;
  /** Hash of the runtime bundle that the instance was launched with. */
  readonly runtimeHash: string;
  /** The last restore token that was done, or that existed when the instance was created. */
  readonly restoreToken: string | null;
  /** Earlier tokens, oldest first: a reverted commit writes an old one again, which must not restore again. */
  readonly formerTokens?: readonly string[];
  /**
   * A restore that has begun. While the instance stays Stopped it may be repeated; once it has run, the result is
   * unknown and only a person decides.
   */
  readonly restoring?: RestoreWish | null;
  readonly document: string;
  /** The last converged view, which separates drift from an edit of the fleet; null: never converged. */
  readonly converged: ConvergedView | null;
  /**
   * Phase `launching`: the daemon reported that the launch failed, and a list right after it showed the name, which was
   * absent before. What a failed launch left is owned where it cannot be asked and where no document wants it.
   */
  readonly leftover?: true;
  /** True once a runtime with this nonce and this name said hello. */
  readonly proven: boolean;
  /** Remembered from the document, so that deleting a protected agent's document does not delete it. */
  readonly protect: boolean;
  /** A person imported the instance: the claim alone is the proof, because no nonce was put inside. */
  readonly adopted?: true;
}

/** The part of an agent that is visible on the instance; one shape for desired, observed and converged. */
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

/** The hub's view of the runtime in an instance. */
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
  /** Problems inside the guest, from its last heartbeat: provisioning, cloud-init, its disk. */
  readonly problems?: readonly string[];
  /** Non-fatal problems that cloud-init reported. */
  readonly warnings?: readonly string[];
  /** The provisioning of the first boot is not over. */
  readonly provisioning?: boolean;
  /** Until when accepted tasks may still run there, by their own timeouts; absent: none does. */
  readonly tasksUntil?: Instant;
  /** The last connection with this agent's credential that was refused because of its identity. */
  readonly refused?: Refused;
  /** Its runtime has another version than the controller, and the result of the upgrade. */
  readonly upgrade?: { readonly hash: string; readonly state: string; readonly reason: string };
}

export interface Refused {
  readonly at: Instant;
  /** `clone`: another instance that carries this one's files. */
  readonly code: string;
  /** The instance's own name inside the guest. */
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
  /** Names of expired claims: a trustworthy observation showed the instance absent, and we had not removed it. */
  readonly vanished: readonly string[];
  readonly host?: Host;
  /** Owned snapshots, existing or not. */
  readonly made?: readonly MadeSnapshot[];
  readonly due?: readonly DueSnapshot[];
  /** Time zone of schedules, such as `Europe/Vienna`. */
  readonly timeZone?: string;
}

/** Restore a snapshot, once for each new token. */
export interface RestoreWish {
  readonly snapshot: string;
  readonly token: string;
}

/** One desired snapshot of one instance (selectors expanded). */
export interface DesiredSnapshot {
  readonly name: string;
  readonly agent: string;
  readonly comment: string;
  readonly schedule?: string;
  readonly keep?: number;
  readonly whenRunning: "stop" | "wait";
  readonly source: SourceRef;
}

export interface ObservedSnapshot {
  readonly name: string;
  readonly parent: string;
  readonly comment: string;
}

/** An owned snapshot: the only kind that is ever removed. */
export interface MadeSnapshot {
  readonly agent: string;
  readonly name: string;
  /** The document it was made for; null: taken before a restore, and kept until a person removes it. */
  readonly of: string | null;
  /** True: by the document's schedule, at `at`. */
  readonly scheduled: boolean;
  readonly at: Instant;
}

/** A scheduled run that is due and not taken; several missed runs count as one. */
export interface DueSnapshot {
  readonly agent: string;
  /** Name of the document. */
  readonly of: string;
  /** Name of the snapshot to take, such as `clean-20261122-0300`. */
  readonly name: string;
  readonly at: Instant;
}

/** Terraform's actions; glyphs in `explain.ts`. */
export const ACTIONS = [
  "create",
  "update",
  "restart-update",
  "replace",
  "destroy",
  "start",
  "stop",
  "suspend",
  "restore",
  "snapshot",
  "prune",
] as const;
export type Action = (typeof ACTIONS)[number];

/** Why a change is planned. */
export type Cause = "new" | "edited" | "drift" | "removed" | "interrupted";

export interface PlannedSnapshot {
  readonly name: string;
  readonly comment: string;
  /** The document of the schedule. */
  readonly of?: string;
  /** When its run was due. */
  readonly at?: Instant;
}

export interface Restore extends RestoreWish {
  /** Name of the snapshot that is taken first. */
  readonly safety: string;
}

/** What a new instance is provisioned with, by name; values of env and secrets are not in a plan. */
export interface Inside {
  readonly packages?: readonly string[];
  /** Paths in the guest. */
  readonly files?: readonly string[];
  readonly run?: readonly string[];
  /** The author's own cloud-init is merged underneath. */
  readonly cloudInit?: true;
  readonly env?: readonly string[];
  readonly secrets?: readonly string[];
}

export interface Change {
  /** Instance name. */
  readonly agent: string;
  readonly action: Action;
  /** RFC 6902 patch from `before` to `after`. */
  readonly patch: readonly Operation[];
  readonly before: ConvergedView | null;
  readonly after: ConvergedView | null;
  readonly cause: Cause;
  /** Sentences for people: the reason and the cost. */
  readonly why: readonly string[];
  readonly consequences: readonly string[];
  /** Snapshots to take on the way, while the instance is stopped anyway. */
  readonly snapshots: readonly PlannedSnapshot[];
  /** Owned snapshots to remove on the way. */
  readonly removes?: readonly string[];
  /** Their successors, which must exist when they are removed. */
  readonly keeps?: readonly string[];
  readonly restore?: Restore;
  /** An interrupted creation: it runs and its runtime answers, so its provisioning may not be over. */
  readonly settling?: true;
  /** For a creation or a replacement with provisioning. */
  readonly inside?: Inside;
  /** A replacement that a person named, although its image is not proven to be different. */
  readonly imageUnverified?: true;
  /** Instances that must be Ready first, or Stopped or Suspended, as declared. */
  readonly waitsFor: readonly string[];
  /** The same in words: `db is Ready and cache is Stopped`. */
  readonly waitsUntil?: string;
  /** The observed state at the time of the decision; null: absent. Steps check it again. */
  readonly seen: InstanceState | null;
  readonly source: SourceRef | null;
}

export const HOLD_REASONS = [
  "foreign",
  "unproven",
  "unobservable",
  "unknown-state",
  "waiting",
  "deleted-elsewhere",
  "paused",
  "protected",
  "prune-off",
  "max-deletes",
  "nothing-left",
  "fleet-empty",
  "fleet-invalid",
  "data-loss",
  "impossible",
  "limits",
  "dependency",
  "drift-mode",
  "not-ready",
  "secret-missing",
  "image-unknown",
] as const;
export type HoldReason = (typeof HOLD_REASONS)[number];

export interface Held {
  readonly agent: string;
  readonly reason: HoldReason;
  /** The change that would be made; null where none is decided (the observation proves nothing). */
  readonly would: Change | null;
  readonly message: string;
  /** The unblock: what a person can do to release it. */
  readonly release: string;
}

export interface Counts {
  readonly create: number;
  readonly change: number;
  readonly destroy: number;
  readonly snapshot: number;
  readonly held: number;
}

export interface Plan {
  readonly format: 1;
  readonly at: Instant;
  readonly revision: string | null;
  readonly desiredHash: string;
  readonly observedHash: string;
  readonly changes: readonly Change[];
  readonly held: readonly Held[];
  /** Remarks: declared facts that cannot show as a change. */
  readonly notes: readonly { readonly agent: string | null; readonly message: string }[];
  readonly totals: { readonly wanted: Size; readonly host: Host | null };
  readonly counts: Counts;
  /** Only in a saved plan. */
  readonly saved?: SavedScope;
}

/**
 * The request that a saved plan answers and the state of the owned instances, so that changes since then are detected.
 */
export interface SavedScope {
  readonly targets: readonly string[];
  readonly allowDelete: readonly string[];
  /** `state` null: absent. */
  readonly seen: readonly { readonly name: string; readonly state: InstanceState | null }[];
}

/** Who asks: the loop is stricter than a person who has approved the plan. */
export interface Policy {
  readonly actor: "loop" | "apply";
  /** Names given with `--allow-delete`. */
  readonly allowDelete: readonly string[];
  /** Restrict to these names; empty: all. */
  readonly targets: readonly string[];
  /** How long after a boot began `Unknown` is normal, and how long a launch may stay invisible. Milliseconds. */
  readonly bootGrace: number;
}

export type StepKind =
  | "claim"
  | "launch"
  | "await-ready"
  | "start"
  | "stop"
  | "suspend"
  | "recover"
  | "resize"
  | "snapshot"
  | "remove-snapshot"
  | "restore"
  | "mount"
  | "unmount"
  | "rerun"
  | "drain"
  | "revoke"
  | "remove"
  | "forget"
  | "converged";

/** One effect. Every step is idempotent: repeating it after a crash is safe. */
export interface Step {
  readonly kind: StepKind;
  readonly agent: string;
  /** States in which the step may run, read again just before. `absent`: no such instance. */
  readonly requires: readonly (InstanceState | "absent")[];
  /** States in which the step is already done. */
  readonly satisfied: readonly (InstanceState | "absent")[];
  readonly field?: "cpu" | "memory" | "disk";
  readonly value?: number;
  readonly snapshot?: PlannedSnapshot & {
    /** Taken before a restore. */
    readonly safety?: boolean;
    /** For a removal: only while these exist. */
    readonly keeps?: readonly string[];
  };
  readonly restore?: RestoreWish;
  readonly mount?: Mount;
  /** For a replacement of the image: just before it, the image must still differ from the instance's. */
  readonly image?: { readonly wanted: string | null; readonly unverified: boolean };
}

/** What one turn of the loop observed and decided. */
export interface Turn {
  readonly observed: Observed;
  readonly plan: Plan;
  /** Agents with a change in flight during the refresh: their differences are our own unfinished work, never drift. */
  readonly busy?: ReadonlySet<string>;
}
