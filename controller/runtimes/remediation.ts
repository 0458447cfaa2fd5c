/**
 * Remediation of a Running instance whose runtime is offline: the steps of `health.remediate`, and when each is due.
 * Pure.
 */
import type { DesiredAgent, Instant } from "../core/types.ts";
import { backoff } from "../../schemas/backoff.ts";

export type Rung = DesiredAgent["health"]["remediate"][number];

/**
 * The first attempt comes as soon as the runtime counts as offline. Then 2 min until the next step, 4, 8, 16, 32 and 60
 * min, which is the longest. Ten minutes online end the episode, and the next one begins at the first step.
 */
export const LADDER = { firstMs: 2 * 60_000, lastMs: 60 * 60_000, healthyMs: 10 * 60_000 } as const;

/** The state of an agent's episode; stored, so that a restart of vm-agent does not begin from zero. */
export interface Episode {
  readonly tries: number;
  readonly last: Rung;
  readonly lastAt: Instant;
  /** Since when its runtime has been online without a break; null: it is offline. */
  readonly healthySince: Instant | null;
}

export interface LadderFacts {
  readonly now: Instant;
  readonly agent: Pick<DesiredAgent, "health" | "paused" | "protect" | "drift" | "state">;
  readonly episode: Episode | null;
  /** A trustworthy list shows it as Running; no other instance is ever remedied. */
  readonly running: boolean;
  /** Another change is in flight, or comes first. */
  readonly occupied: boolean;
  readonly runtime: "online" | "suspect" | "offline";
  /** The latest of: last sign of life, begin of its boot, begin of our listening. */
  readonly offlineSince: Instant;
  /** A boot that we began: silence is normal until then. */
  readonly bootUntil: Instant;
  /** Until when accepted tasks may still run there. */
  readonly tasksUntil: Instant | null;
  /** Several runtimes, and none answers: the cause is more likely the hub or its network. */
  readonly allOffline: boolean;
  /** The fleet files are invalid or missing, so no data is risked because of them. */
  readonly guarded: boolean;
}

/** `wait`: until `at`. `hold`: a person decides. `none`: nothing to remedy. */
export type Remedy =
  | { readonly kind: "none" }
  | {
      readonly kind: "try" | "wait" | "hold";
      readonly rung: Rung;
      /** Attempts in a row; 1: the first. */
      readonly attempt: number;
      /** Not before this instant. */
      readonly at: Instant;
      /** What it waits for, or why it is held; empty for an attempt. */
      readonly why: string;
    };

const NONE: Remedy = { kind: "none" };

export function remedyOf(f: LadderFacts): Remedy {
  const { agent, episode, now } = f;
  const ladder = agent.health.remediate;
  const tries = episode?.tries ?? 0;
  const rung = rungOf(ladder, tries);
  if (rung === null || agent.state !== "running" || !f.running || f.runtime !== "offline") return NONE;
  if (agent.drift.mode === "ignore") return NONE;
  const attempt = tries + 1;
  const offlineAt = f.offlineSince + agent.health.offlineAfter;
  const nextAt = episode ? Math.min(episode.lastAt, now) + pause(tries) : 0;
  const wait = (at: Instant, why: string): Remedy => ({ kind: "wait", rung, attempt, at, why });
  const hold = (why: string): Remedy => ({ kind: "hold", rung, attempt, at: now, why });
  if (agent.paused) return hold("it is paused");
  if (agent.drift.mode === "warn") return hold("drift.mode is warn");
  if (episode?.last === "replace") return hold("it was replaced, and its runtime is silent again");
  if (rung === "replace" && agent.protect) return hold("it is protected, and a replacement loses its disk");
  if (rung === "replace" && f.guarded) return hold("the fleet files are not in order, and it loses its disk");
  if (rung !== "restart-runtime" && f.allOffline)
    return hold("no runtime of the fleet answers: look at the hub's own network first");
  const booted = Math.max(offlineAt, f.bootUntil);
  if (now < booted) return wait(booted, "it may come up by itself until then");
  if (f.tasksUntil !== null && now < f.tasksUntil)
    return wait(Math.max(f.tasksUntil, nextAt), "a task that it took may be running until then");
  if (now < nextAt) return wait(nextAt, "the last try has that long to help");
  if (f.occupied) return wait(now, "something else is done to it first");
  return { kind: "try", rung, attempt, at: now, why: "" };
}

/** The next step. The last one is repeated, but no instance is replaced twice. Null: no steps are declared. */
function rungOf(ladder: readonly Rung[], tries: number): Rung | null {
  return ladder[Math.min(tries, ladder.length - 1)] ?? null;
}

/** How long to wait for an effect, after so many attempts. */
export const pause = (tries: number): number => backoff(LADDER, tries);

/** The episode after a refresh. Null: it is over, or there is none. */
export function episodeAfter(
  episode: Episode | null,
  runtime: LadderFacts["runtime"],
  now: Instant,
): Episode | null {
  if (episode === null) return null;
  if (runtime !== "online")
    return episode.healthySince === null ? episode : { ...episode, healthySince: null };
  if (episode.healthySince === null) return { ...episode, healthySince: now };
  return now - episode.healthySince >= LADDER.healthyMs ? null : episode;
}

/** The episode after an attempt has begun. */
export const tried = (episode: Episode | null, rung: Rung, now: Instant): Episode => ({
  tries: (episode?.tries ?? 0) + 1,
  last: rung,
  lastAt: now,
  healthySince: null,
});
