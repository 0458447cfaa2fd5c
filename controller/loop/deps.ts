/** What the loop needs: how it looks, how it acts, and what is wanted. */
import type { Desired } from "../core/types.ts";
import type { ApplyDeps } from "../execute/execute.ts";
import type { CareDeps } from "./care.ts";
import type { ObserveDeps } from "../observe/observe.ts";

export interface LoopDeps extends ObserveDeps, ApplyDeps, CareDeps {
  /** What is wanted now; null: nothing is known yet, so nothing is done. */
  readonly desired: () => Desired | null;
  readonly random: () => number;
  /** How long `Unknown` and an unlisted launch are normal after a boot began. Milliseconds. */
  readonly bootGrace: number;
  /** First delay after a failure, milliseconds. */
  readonly retryFirstMs?: number;
}
