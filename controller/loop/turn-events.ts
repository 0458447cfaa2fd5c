/** What a turn tells the rest of the product: its plan in numbers, how it ended, and what began to drift or to be held. */
import type { Bus, EventMap } from "../base/events.ts";
import type { Held, Plan, Turn } from "../core/types.ts";

type Outcome = EventMap["reconciled"]["outcome"];

/** A change says what kind of reason it has; who tells of drift has said so. */
const withoutKind = (why: string): string => why.replace(/^drift: /, "");

/** Why each agent with drift differs although the fleet was not edited. */
export function driftOf({ plan, busy }: Pick<Turn, "plan" | "busy">): ReadonlyMap<string, string> {
  const all = [...plan.changes, ...plan.held.flatMap((h) => h.would ?? [])];
  const drift = all.filter((c) => c.cause === "drift" && !busy?.has(c.agent));
  return new Map(drift.map((c) => [c.agent, c.why.map(withoutKind).join("; ")]));
}

/** What waits for a person; what is only on its way is not held. */
export const stuckOf = ({ held }: Pick<Plan, "held">): readonly Held[] =>
  held.filter((h) => h.reason !== "waiting");

/** `working`: something is in flight, or begins now. */
export function outcomeOf(turn: Turn, inFlight: boolean): Outcome {
  if (turn.observed.instances.kind === "unobservable") return "unobservable";
  if (inFlight) return "changed";
  return stuckOf(turn.plan).length > 0 ? "held" : "nothing";
}

export interface TurnEvents {
  /** A turn has planned. */
  planned(turn: Turn): void;
  ended(outcome: Outcome, durationMs: number): void;
  close(): void;
}

/**
 * Remembers what was reported, so that each condition is reported when it begins, and again when it returns. `isGiven`:
 * the hold is approved, so the change begins in this turn.
 */
export function createTurnEvents(bus: Bus, isGiven: (held: Held) => boolean): TurnEvents {
  let drifting: ReadonlySet<string> = new Set();
  let stuck: ReadonlySet<string> = new Set();
  // Announced where it was found, before the plan shows the same: an instance that is gone or replaced.
  const announced = new Set<string>();
  const off = bus.on("agent.drifted", ({ agent }) => void announced.add(agent));
  return {
    planned(turn) {
      const { observed, plan } = turn;
      const { create, change, destroy, held } = plan.counts;
      const drift = driftOf(turn);
      // An unobservable condition has not ended: nothing is forgotten, and nothing reported twice.
      if (observed.instances.kind === "seen") {
        for (const [agent, message] of drift)
          if (!drifting.has(agent) && !announced.has(agent)) bus.emit("agent.drifted", { agent, message });
        announced.clear();
        const now = stuckOf(plan).filter((held) => !isGiven(held));
        for (const { agent, reason, message, release } of now)
          if (!stuck.has(`${agent} ${reason}`)) bus.emit("agent.held", { agent, reason, message, release });
        // While work is in flight its end is open: a repair that fails continues the same drift.
        const open = [...drifting].filter((agent) => turn.busy?.has(agent));
        drifting = new Set([...drift.keys(), ...open]);
        stuck = new Set(now.map((h) => `${h.agent} ${h.reason}`));
      }
      bus.emit("planned", { create, change, destroy, held, drifted: drift.size });
    },
    ended(outcome, durationMs) {
      bus.emit("reconciled", { durationMs, outcome });
    },
    close: off,
  };
}
