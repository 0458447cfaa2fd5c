/** The values that the core computes with: what is wanted, what is seen, what would be done. All are plain JSON. */
import type { Operation } from "fast-json-patch";

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

/** Go back to a snapshot, once for each new token. */
export interface RestoreWish {
  readonly snapshot: string;
  readonly token: string;
}

/** One snapshot wanted of one instance (selectors expanded). */
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

/** A snapshot that we made: the only kind that is ever removed. */
export interface MadeSnapshot {
  readonly agent: string;
  readonly name: string;
  /** Document that it was made for; null: taken before a restore, and kept until a person removes it. */
  readonly of: string | null;
  /** True: by the document's schedule, at `at`. */
  readonly scheduled: boolean;
  readonly at: Instant;
}

/** A run of a schedule that is due and not taken: however many were missed, one. */
export interface DueSnapshot {
  readonly agent: string;
  /** Name of the document. */
  readonly of: string;
  /** Name of the snapshot to take, such as `clean-20261122-0300`. */
  readonly name: string;
  readonly at: Instant;
}

/** In Terraform's tradition; glyphs in `explain.ts`. */
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

/** Why a change is wanted. */
export type Cause = "new" | "edited" | "drift" | "removed" | "interrupted";

export interface PlannedSnapshot {
  readonly name: string;
  readonly comment: string;
  /** Document whose schedule it is of. */
  readonly of?: string;
  /** When its run was due. */
  readonly at?: Instant;
}

export interface Restore extends RestoreWish {
  /** Name of the snapshot that is taken first. */
  readonly safety: string;
}

/** What a new instance gets inside, by name; values of env and secrets are not in a plan. */
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
  /** Sentences for people: why, and what it will cost. */
  readonly why: readonly string[];
  readonly consequences: readonly string[];
  /** Snapshots to take on the way, when the instance is stopped anyway. */
  readonly snapshots: readonly PlannedSnapshot[];
  /** Snapshots of ours to remove on the way. */
  readonly removes?: readonly string[];
  /** What their schedules keep instead of them: it must be there when they are removed. */
  readonly keeps?: readonly string[];
  readonly restore?: Restore;
  /** A creation that was interrupted: it runs and its runtime answers, so what provisions it may not be over. */
  readonly settling?: true;
  /** Of a creation and a replacement, where the document gives it something. */
  readonly inside?: Inside;
  /** A replacement that a person named, although it is not known whether its image is another one. */
  readonly imageUnverified?: true;
  /** Instances that must be as wanted first: Ready, or Stopped or Suspended. */
  readonly waitsFor: readonly string[];
  /** The same in words: `db is Ready and cache is Stopped`. */
  readonly waitsUntil?: string;
  /** The state in which the instance was seen when this was decided; null: absent. Steps re-check it. */
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
  /** What would have been done; null where nothing is decided (an observation that proves nothing). */
  readonly would: Change | null;
  readonly message: string;
  /** What releases it, as something a person can do. */
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
  /** Remarks: what is written and cannot show as a change. */
  readonly notes: readonly { readonly agent: string | null; readonly message: string }[];
  readonly totals: { readonly wanted: Size; readonly host: Host | null };
  readonly counts: Counts;
  /** Only in a plan that was written to a file. */
  readonly saved?: SavedScope;
}

/** What a saved plan was asked for, and how our instances were, so that it can be told what moved since. */
export interface SavedScope {
  readonly targets: readonly string[];
  readonly allowDelete: readonly string[];
  /** `state` null: absent. */
  readonly seen: readonly { readonly name: string; readonly state: InstanceState | null }[];
}

/** Who asks: the loop is stricter than a person who saw the plan and said yes. */
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

/** One effect. Every step is idempotent: doing it again after a crash is right. */
export interface Step {
  readonly kind: StepKind;
  readonly agent: string;
  /** States in which the step may run; the world is read again just before. `absent` stands for no such instance. */
  readonly requires: readonly (InstanceState | "absent")[];
  /** States in which there is nothing left to do. */
  readonly satisfied: readonly (InstanceState | "absent")[];
  readonly field?: "cpu" | "memory" | "disk";
  readonly value?: number;
  readonly snapshot?: PlannedSnapshot & {
    /** Taken before a restore. */
    readonly safety?: boolean;
    /** Of one that is removed: only while these are there. */
    readonly keeps?: readonly string[];
  };
  readonly restore?: RestoreWish;
  readonly mount?: Mount;
  /** Of a replacement for its image: just before it, the image must still be another than the instance's. */
  readonly image?: { readonly wanted: string | null; readonly unverified: boolean };
}

/** What one turn of the loop saw and decided. */
export interface Turn {
  readonly observed: Observed;
  readonly plan: Plan;
  /** Agents that were worked on during the look: what it saw of them was our own half-done work, never drift. */
  readonly busy?: ReadonlySet<string>;
}
