/** Runs the steps of one change, observing before each: it may skip, wait and fail; it never decides. */
import type { Clock } from "../base/clock.ts";
import { VmAgentError, toVmAgentError } from "../base/errors.ts";
import type { Bus } from "../base/events.ts";
import { bytes } from "../core/units.ts";
import { steps } from "../core/steps.ts";
import type { Change, DesiredAgent, InstanceState, Instant, Step } from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import type { Store } from "../store/store.ts";
import { owned, putClaim } from "./claims.ts";
import { type EffectDeps, runEffect } from "./effects.ts";
import { isCut, noLongerDesired, stopped } from "./interruptions.ts";
import type { LetInAgain, RuntimePort } from "./ports.ts";

export interface ApplyDeps extends EffectDeps {
  readonly driver: Driver;
  readonly store: Store;
  readonly runtime: RuntimePort;
  readonly clock: Clock;
  readonly bus: Bus;
  /** Called just before every effect with the observed state: rejects where ownership is not proven. */
  readonly prove?: (step: Step, state: InstanceState | "absent", change: Change) => Promise<void>;
  /** Called before and after every effect; tests kill the process there. */
  readonly boundary?: (agent: string, step: Step["kind"], edge: "before" | "after") => void;
}

/**
 * Steps that lose data or interrupt service: time has passed since the decision. Also a stop or a suspend that only a
 * drain came before; later in a change it completes what was begun, which is then recorded as converged.
 */
const DESTRUCTIVE_STEPS: readonly Step["kind"][] = [
  "resize",
  "remove-snapshot",
  "restore",
  "revoke",
  "remove",
];

/**
 * A creation planned on a list this recent needs no second one before its claim; `launch` itself refuses a taken name.
 */
const FRESH_MS = 2000;

/**
 * Resolves when all steps are done or were not needed any more; rejects with VmAgentError at the first that fails.
 * `signal` is looked at between steps only: a step that began is finished, so that nothing is left half done; but what only
 * waits (for a runtime, for tasks, for a script inside) ends with it. `isWanted` is
 * asked just before steps that take something away; where it says no, what can be given back is, and it rejects with
 * `no-longer-wanted`. `seenAt`: when the look began that the change was planned on, or before.
 */
export async function applyChange(
  deps: ApplyDeps,
  change: Change,
  agent: DesiredAgent | null,
  signal: AbortSignal,
  isWanted: () => boolean = () => true,
  seenAt: Instant = Number.NEGATIVE_INFINITY,
): Promise<void> {
  const past: Past = { letInAgain: null, stopped: false, acted: false };
  const revoked = (letInAgain: LetInAgain | null) => {
    past.letInAgain = letInAgain;
  };
  for (const step of steps(change)) {
    if (signal.aborted && !isCut(signal)) throw stopped();
    const started = deps.clock.now();
    try {
      const isFresh = step.kind === "claim" && change.action === "create" && started - seenAt <= FRESH_MS;
      const state = isFresh ? "absent" : await look(deps, step);
      const skipped = step.satisfied.length > 0 && step.satisfied.includes(state);
      if (!skipped) {
        if (step.requires.length > 0 && !step.requires.includes(state)) throw moved(step, state);
        await deps.prove?.(step, state, change);
        const first = !past.acted && (step.kind === "stop" || step.kind === "suspend");
        if ((first || DESTRUCTIVE_STEPS.includes(step.kind)) && !isWanted()) {
          await giveBack(deps, step, past);
          throw noLongerDesired(step.agent, step.kind);
        }
        deps.bus.emit("step.started", { agent: step.agent, step: step.kind, detail: detail(step) });
        deps.boundary?.(step.agent, step.kind, "before");
        await runEffect(deps, step, { agent, change, signal, revoked });
        past.stopped ||= step.kind === "stop";
        past.acted ||= step.kind !== "drain";
        deps.boundary?.(step.agent, step.kind, "after");
      }
      deps.bus.emit("step.done", {
        agent: step.agent,
        step: step.kind,
        durationMs: deps.clock.now() - started,
        skipped,
      });
    } catch (error) {
      const known = toVmAgentError(error);
      if (known.code !== "stopped") deps.runtime.undrain(step.agent);
      throw known;
    }
  }
  // Stopped agents get tasks again too: they wait in the queue.
  deps.runtime.undrain(change.agent);
}

/** The work of this change that must be reported or undone when it is interrupted. */
interface Past {
  letInAgain: LetInAgain | null;
  stopped: boolean;
  acted: boolean;
}

/**
 * The claim records the facts: that the instance is not to be removed, and that we stopped it, which is no drift. A
 * removal that an earlier controller began stays begun: its credential is gone, so a person decides.
 */
async function giveBack(deps: ApplyDeps, { agent }: Step, past: Past): Promise<void> {
  const { converged } = owned(deps, agent);
  if (past.letInAgain) {
    // First, because it refuses a fenced writer.
    await putClaim(deps, agent, { phase: "launched", replacing: false });
    await past.letInAgain();
  } else if (past.stopped && converged)
    await putClaim(deps, agent, { converged: { ...converged, state: "stopped" } });
}

/** The current state; only read where the step depends on it. */
async function look(deps: ApplyDeps, step: Step): Promise<InstanceState | "absent"> {
  if (step.requires.length === 0 && step.satisfied.length === 0) return "absent";
  return stateOf(deps.driver, step.agent);
}

/** From a trustworthy list; rejects where instances are unobservable. */
export async function stateOf(driver: Driver, name: string): Promise<InstanceState | "absent"> {
  const seen = await driver.list();
  if (seen.kind === "unobservable") {
    throw new VmAgentError({
      code: "unobservable",
      message: `cannot look at "${name}": ${seen.reason}`,
      next: seen.next,
      transient: true,
    });
  }
  return seen.instances.find((i) => i.name === name)?.state ?? "absent";
}

const moved = (step: Step, state: string): VmAgentError =>
  new VmAgentError({
    code: "world-moved",
    message: `"${step.agent}" is ${state}, and ${step.kind} needs it ${step.requires.join(" or ")}`,
    next: "nothing to do, the next turn makes a new plan",
    transient: true,
  });

export function detail(step: Step): string {
  if (step.kind === "resize")
    return `${step.field} ${step.field === "cpu" ? step.value : bytes(step.value ?? 0)}`;
  if (step.kind === "snapshot" || step.kind === "remove-snapshot") return step.snapshot?.name ?? "";
  if (step.kind === "restore") return step.restore?.snapshot ?? "";
  if (step.kind === "mount" || step.kind === "unmount") return step.mount?.target ?? "";
  return "";
}
