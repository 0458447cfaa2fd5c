/**
 * Decides what to notify of: each time that an agent becomes stalled, drifted or held, and not while it stays so. Pure.
 */
import type { Instant, Turn } from "../../core/types.ts";
import { driftOf, stuckOf } from "../turn-events.ts";

export const NOTIFY_EVENTS = ["stalled", "drifted", "held"] as const;
export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** The body of the POST, without the fleet's name. */
export interface Alert {
  readonly event: NotifyEvent;
  readonly agent: string;
  readonly reason: string;
  readonly message: string;
}

/** By alert: when it was last active. Stored, so that a restart of vm-agent repeats no notification. */
export type Known = Readonly<Record<string, Instant>>;

/** An alert that returns within this time has not ended. Milliseconds. */
export const AWAY_MS = 60_000;

export interface Failed {
  readonly agent: string;
  readonly message: string;
  /** Retrying does not help. */
  readonly terminal: boolean;
}

/** All active alerts. Stalled: held, or failed terminally. */
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

/** The alerts that have begun, and the new state. */
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

/** The same alerts, whatever their instants: then nothing is stored. */
export const sameAlerts = (a: Known, b: Known): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key));
};
