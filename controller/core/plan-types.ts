/** What the core decides: changes, what is held, the plan, and the steps of a change. All are plain JSON. */
import type { Operation } from "fast-json-patch";
import type {
  ConvergedView,
  Host,
  Instant,
  InstanceState,
  Mount,
  RestoreWish,
  Size,
  SourceRef,
} from "./types.ts";

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
