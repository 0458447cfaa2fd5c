/** What people want to be told of: each time that an agent becomes stalled, drifted or held, and not while it stays so. Pure. */
import type { Instant, Turn } from "../../core/types.ts";
import { driftOf, stuckOf } from "../turn-events.ts";

export const NOTIFY_EVENTS = ["stalled", "drifted", "held"] as const;
export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** The body of the POST, but for the fleet's name. */
export interface Alert {
  readonly event: NotifyEvent;
  readonly agent: string;
  readonly reason: string;
  readonly message: string;
}

/** By alert: when it was last so. Kept in the store, so that a restart of vm-agent tells nothing twice. */
export type Known = Readonly<Record<string, Instant>>;

/** What is away for less than this and comes back has not been away. Milliseconds. */
export const AWAY_MS = 60_000;

export interface Failed {
  readonly agent: string;
  readonly message: string;
  /** Trying again does not help. */
  readonly terminal: boolean;
}

/** All that is so at the moment. Stalled: held, or failed for good. */
export function alertsOf(turn: Turn, failures: readonly Failed[]): readonly Alert[] {
  const held = stuckOf(turn.plan).map((h) => ({
    agent: h.agent,
    reason: h.reason,
    message: `${h.message}; release: ${h.release}`,
  }));
  const failed = failures
    .filter((f) => f.terminal)
    .map((f) => ({ agent: f.agent, reason: "failed", message: f.message }));
  const drifted = [...driftOf(turn)].map(([agent, message]) => ({ agent, reason: "drift", message }));
  return [
    ...held.map((h) => ({ event: "held" as const, ...h })),
    ...[...held, ...failed].map((s) => ({ event: "stalled" as const, ...s })),
    ...drifted.map((d) => ({ event: "drifted" as const, ...d })),
  ];
}

const keyOf = ({ event, agent, reason }: Alert): string => `${event} ${agent} ${reason}`;

/** What has begun, and what is known from now on. */
export function begun(
  known: Known,
  alerts: readonly Alert[],
  now: Instant,
): { readonly begun: readonly Alert[]; readonly known: Known } {
  const fresh = alerts.filter((a) => !Object.hasOwn(known, keyOf(a)));
  const kept = Object.entries(known).filter(([, at]) => now - at < AWAY_MS);
  return {
    begun: fresh,
    known: { ...Object.fromEntries(kept), ...Object.fromEntries(alerts.map((a) => [keyOf(a), now])) },
  };
}

/** The same alerts, whenever they were last so: then nothing need be written down. */
export const sameAlerts = (a: Known, b: Known): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key));
};
