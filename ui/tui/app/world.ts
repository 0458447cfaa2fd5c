/** What is known besides the live model: the plan, the output that is watched, the document that is read. */
import type { Model } from "../../client/model.ts";
import type { OutputText } from "../../client/output-text.ts";
import type { PlanView } from "../../client/types.ts";

export interface WatchedOutput {
  readonly id: string;
  readonly text: OutputText;
  /** Why nothing comes at the moment; empty: it comes. */
  readonly lost: string;
}

export interface LogLine {
  /** -1: a remark of ours. */
  readonly seq: number;
  readonly at: number;
  readonly level: string;
  readonly message: string;
}

export interface WatchedLog {
  readonly name: string;
  readonly lines: readonly LogLine[];
  /** Why nothing comes at the moment; empty: it comes. */
  readonly lost: string;
}

export interface World {
  readonly model: Model;
  /** undefined: not read yet. */
  readonly plan: PlanView | null | undefined;
  readonly planError: string;
  readonly output: WatchedOutput | null;
  readonly log: WatchedLog | null;
  /** Why the hub does not let us in any more; empty: it does. */
  readonly refused: string;
  /** The YAML of the agent that is described. */
  readonly document: { readonly name: string; readonly text: string } | null;
  /** `vm-agent up`: quitting stops the hub and the loop. */
  readonly own: boolean;
  readonly stopping: boolean;
  /** The hub's address. */
  readonly where: string;
  /** What a newcomer would do next, under a short table. */
  readonly hints: readonly string[];
}

/** The hub's clock, as far as it is known. */
export const hubTime = (world: World, now: number): number => now + world.model.offset;
