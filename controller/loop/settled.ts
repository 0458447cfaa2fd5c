/**
 * Whether the loop has anything to wait for, and until when: changes that can begin, or instances in transition. Pure.
 */
import type { Change, InstanceState, Instant, Plan, Turn } from "../core/types.ts";
import { backoff } from "../../schemas/backoff.ts";

export interface SettledOptions {
  /** Changes that the loop may begin, including those that wait for others. */
  readonly runnable: readonly Change[];
  /** True for a failure that is not retried automatically. */
  readonly hasFailed: (change: Change) => boolean;
  /** Since when runtimes could say hello to this process. */
  readonly since: Instant;
  readonly now: Instant;
  readonly bootGrace: number;
}

const COMING_UP: readonly InstanceState[] = ["Running", "Starting", "Restarting", "Unknown"];

/** False while a change can begin or an instance is in transition; a wait for something that cannot come is neither. */
export function isSettled({ observed, plan }: Turn, options: SettledOptions): boolean {
  if (plan.held.some((h) => h.reason === "waiting")) return false;
  const failed = new Set(options.runnable.filter(options.hasFailed).map((c) => c.agent));
  // An unreadable secret does not block changes of the instance.
  const held = new Set(plan.held.filter((h) => h.reason !== "secret-missing").map((h) => h.agent));
  const changes = new Map(options.runnable.map((c) => [c.agent, c]));
  const seen = observed.instances.kind === "seen" ? observed.instances.list : [];
  const states = new Map(seen.map((i) => [i.name, i.state]));
  const claims = new Map(observed.claims.map((c) => [c.name, c]));

  /** In sync and not Ready: its runtime may still say hello, within the boot deadline. */
  const mayComeUp = (name: string): boolean => {
    const state = states.get(name);
    const claim = claims.get(name);
    if (!claim || state === undefined || !COMING_UP.includes(state)) return false;
    return options.now - Math.max(claim.bootAt, options.since) < options.bootGrace;
  };
  const asked = new Set<string>();
  const isComing = (name: string): boolean => {
    if (failed.has(name) || asked.has(name)) return false;
    asked.add(name);
    const change = changes.get(name);
    // A hold blocks no other change of the agent.
    const coming = change ? change.waitsFor.every(isComing) : !held.has(name) && mayComeUp(name);
    asked.delete(name);
    return coming;
  };
  return !options.runnable.some((c) => isComing(c.agent));
}

/** Agents with a planned change, held or not. */
export const openAgents = ({ changes, held }: Plan): ReadonlySet<string> =>
  new Set([...changes, ...held.flatMap((h) => h.would ?? [])].map((c) => c.agent));

/** A transition that causes no event. Changes in flight observe by themselves, and their end requests a turn. */
export const isSettling = ({ plan, busy }: Turn): boolean =>
  plan.held.some((h) => h.reason === "waiting" && !busy?.has(h.agent));

/**
 * How long until the next look. `retry`: milliseconds until something may be tried again; null: nothing is to be. `settling`:
 * for how many looks in a row something has been on its way; each doubles the pause.
 */
export function untilNext(interval: number, retry: number | null, settling: number): number {
  const soon = settling > 0 ? backoff({ firstMs: SETTLING_MS, lastMs: interval }, settling) : interval;
  return Math.max(0, Math.min(interval, soon, retry ?? interval));
}

const SETTLING_MS = 1000;
