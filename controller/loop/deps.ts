/** Dependencies of the loop: desired state, observation, effects. */
import type { Desired } from "../core/types.ts";
import type { ApplyDeps } from "../execute/execute.ts";
import type { PlanGateDeps } from "./plan-gate.ts";
import type { ObserveDeps } from "../observe/observe.ts";

export interface LoopDeps extends ObserveDeps, ApplyDeps, PlanGateDeps {
  /** The desired state; null: not read yet, so nothing is done. */
  readonly desired: () => Desired | null;
  readonly random: () => number;
  /** How long `Unknown` and an unlisted launch are normal after a boot began. Milliseconds. */
  readonly bootGrace: number;
  /** First delay after a failure, milliseconds. */
  readonly retryFirstMs?: number;
}
