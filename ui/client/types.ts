/** What the hub's API answers to those who look, as the faces see it. Instants are milliseconds since the epoch, sizes bytes. */

export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since: number;
}

export interface WorkView {
  readonly action: string;
  readonly step: string | null;
  readonly detail: string;
  readonly progress: string;
  readonly since: number;
  readonly stepSince: number;
}

export interface FailureView {
  readonly message: string;
  readonly next: string;
  readonly count: number;
  /** null: not tried again by itself. */
  readonly retryAt: number | null;
}

export interface NextView {
  readonly what: string;
  /** Which try in a row; 1: the first. */
  readonly attempt: number;
  /** Not before. */
  readonly at: number;
  readonly why: string;
  /** `health`: its runtime is silent. `drift`: it was corrected too often lately. */
  readonly kind: "health" | "drift";
  /** Nothing is done by itself: a person decides. */
  readonly held: boolean;
}

export interface AgentView {
  readonly name: string;
  readonly document: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capabilities: readonly string[];
  readonly wanted: string;
  readonly seen: string;
  readonly size: { readonly cpu: number; readonly memory: number; readonly disk: number } | null;
  readonly seenSize: { readonly cpu: number; readonly memory: number; readonly disk: number } | null;
  readonly ipv4: readonly string[];
  readonly runtime: { readonly status: string; readonly version: string; readonly lastSeen: number } | null;
  readonly tasks: { readonly running: number; readonly queued: number };
  readonly snapshots: readonly string[] | null;
  readonly held: readonly { readonly reason: string; readonly message: string; readonly release: string }[];
  readonly source: { readonly file: string; readonly line: number; readonly column: number } | null;
  readonly sync: string;
  readonly health: string;
  readonly conditions: readonly ConditionView[];
  /** What will be tried by itself, and when; null: nothing is put off. */
  readonly next?: NextView | null;
  /** What else there is to know, in sentences. */
  readonly notes?: readonly string[];
  /** What is being done to it now. */
  readonly work: WorkView | null;
  readonly failure: FailureView | null;
  /** The revision whose change of this agent was carried out last; null: none that is remembered. */
  readonly applied?: {
    readonly revision: string | null;
    readonly dirty: boolean;
    readonly at: number;
  } | null;
}

/** What git says of the fleet folder; paths are relative to it. */
export interface GitView {
  /** `HEAD`, `origin/main` or a local branch; null: the working tree counts as it is saved. */
  readonly follows: string | null;
  /** Full hash of the commit that was read last; `revision`, which is in force, may be older. */
  readonly tip: string | null;
  readonly uncommitted: readonly string[];
  readonly problem: { readonly kind: string; readonly message: string; readonly next: string } | null;
}

export interface FleetView {
  readonly at: number;
  readonly version: string;
  readonly fleet: string;
  readonly revision: string | null;
  /** True: the working tree counts, and not all of it is in that revision. */
  readonly dirty?: boolean;
  /** null: the fleet folder is in no repository. */
  readonly git?: GitView | null;
  readonly driver: { readonly name: string; readonly version: string; readonly sandbox: boolean };
  /** One line each; not empty: the last good fleet is in force, or none is. */
  readonly errors: readonly string[];
  readonly stale: boolean;
  readonly guard: string | null;
  readonly agents: readonly AgentView[];
  /** Instances that are not ours; null: nothing can be seen. */
  readonly foreign: number | null;
  readonly unobservable: string | null;
  readonly counts: {
    readonly create: number;
    readonly change: number;
    readonly destroy: number;
    readonly snapshot: number;
    readonly held: number;
  };
  readonly held: number;
  readonly failures: Readonly<Record<string, FailureView>>;
  readonly turns: number;
  /** Nothing to do, or nothing that can be done. */
  readonly settled: boolean;
}

/** One difference as `GET /plan` tells it; sizes in bytes. */
export interface ChangeView {
  readonly agent: string;
  readonly action: string;
  readonly patch: readonly { readonly op: string; readonly path: string; readonly value?: unknown }[];
  readonly before: InstanceView | null;
  readonly after: InstanceView | null;
  readonly cause: string;
  readonly why: readonly string[];
  readonly consequences: readonly string[];
  readonly snapshots: readonly { readonly name: string; readonly comment: string }[];
  readonly waitsFor: readonly string[];
  readonly source: { readonly file: string; readonly line: number; readonly column: number } | null;
}

/** The part of an agent that shows on its instance. */
export interface InstanceView {
  readonly state: string;
  readonly image?: string | null;
  readonly cpu?: number;
  readonly memory?: number;
  readonly disk?: number;
  readonly provision?: string;
  readonly config?: string;
}

export interface HeldView {
  readonly agent: string;
  readonly reason: string;
  readonly would: ChangeView | null;
  readonly message: string;
  readonly release: string;
}

/** What `GET /plan` answers; null before there is a good fleet. */
export interface PlanView {
  readonly at: number;
  readonly revision: string | null;
  readonly changes: readonly ChangeView[];
  readonly held: readonly HeldView[];
  readonly notes: readonly { readonly agent: string | null; readonly message: string }[];
  readonly totals: {
    readonly wanted: { readonly cpu: number; readonly memory: number; readonly disk: number };
    readonly host: { readonly cpu: number; readonly memory: number; readonly disk: number } | null;
  };
  readonly counts: FleetView["counts"];
}

/** A task as `GET /tasks` lists it. */
export interface TaskView {
  readonly id: string;
  readonly agent: string;
  readonly type: string;
  readonly state: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly exitCode: number | null;
  readonly error: string | null;
  readonly droppedBytes: number;
}
