/** Answers of the hub's API, as the dashboards use them. Instants are milliseconds since the epoch, sizes bytes. */

import type { PlanInside } from "../../schemas/types.ts";
import type { FleetCounts, TaskView as Task } from "../../schemas/types.ts";

export type {
  AgentView,
  ConditionView,
  FailureView,
  FleetCounts,
  FleetView,
  GitView,
  NextView,
  WorkView,
} from "../../schemas/types.ts";

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
  readonly inside?: PlanInside;
  readonly waitsFor: readonly string[];
  readonly waitsUntil?: string;
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
  readonly mounts?: readonly { readonly source: string; readonly target: string }[];
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
  readonly counts: FleetCounts;
}

/** The parts of a task that are shown; an event tells of a task before it was read. */
export type TaskView = Pick<
  Task,
  | "id"
  | "agent"
  | "type"
  | "spec"
  | "createdAt"
  | "startedAt"
  | "finishedAt"
  | "exitCode"
  | "error"
  | "droppedBytes"
> & { readonly state: string; readonly waits?: string | null };
