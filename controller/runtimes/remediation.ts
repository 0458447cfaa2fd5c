/** What is tried, and when, where an instance runs and its runtime is silent: the ladder of `health.remediate`. Pure. */
import type { DesiredAgent, Instant } from "../core/types.ts";
import { backoff } from "../../schemas/backoff.ts";

export type Rung = DesiredAgent["health"]["remediate"][number];

/**
 * The first try comes as soon as the runtime counts as offline. Then 2 min until the next rung, 4, 8, 16, 32 and 60 min, which
 * is the longest. Ten minutes online end the episode, and the next one begins at the bottom.
 */
export const LADDER = { firstMs: 2 * 60_000, lastMs: 60 * 60_000, healthyMs: 10 * 60_000 } as const;

/** How far up the ladder an agent is; kept in the store, so that a restart of vm-agent does not begin from zero. */
export interface Episode {
  readonly tries: number;
  readonly last: Rung;
  readonly lastAt: Instant;
  /** Since when its runtime has been online without a break; null: it is not. */
  readonly healthySince: Instant | null;
}

export interface LadderFacts {
  readonly now: Instant;
  readonly agent: Pick<DesiredAgent, "health" | "paused" | "protect" | "drift" | "state">;
  readonly episode: Episode | null;
  /** A trustworthy list shows it as Running; nothing else is ever remedied. */
  readonly running: boolean;
  /** Something else is being done to it, or is to be done first. */
  readonly occupied: boolean;
  readonly runtime: "online" | "suspect" | "offline";
  /** Last sign of life, begin of its boot, or begin of our listening: the latest of them. */
  readonly silentSince: Instant;
  /** A boot that we began: silence is normal until then. */
  readonly bootUntil: Instant;
  /** Until when tasks that it took may still be running there. */
  readonly tasksUntil: Instant | null;
  /** No runtime at all answers, and there are several: the hub or its network is the likelier cause. */
  readonly allSilent: boolean;
  /** The fleet files prove nothing at the moment, so nothing is lost on the strength of them. */
  readonly guarded: boolean;
}

/** `wait`: until `at`. `hold`: a person decides. `none`: there is nothing to remedy. */
export type Remedy =
  | { readonly kind: "none" }
  | {
      readonly kind: "try" | "wait" | "hold";
      readonly rung: Rung;
      /** Which try in a row it is; 1: the first. */
      readonly attempt: number;
      /** Not before. */
      readonly at: Instant;
      /** What it waits for, or why it is held; empty for a try. */
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
  const offlineAt = f.silentSince + agent.health.offlineAfter;
  const nextAt = episode ? Math.min(episode.lastAt, now) + pause(tries) : 0;
  const wait = (at: Instant, why: string): Remedy => ({ kind: "wait", rung, attempt, at, why });
  const hold = (why: string): Remedy => ({ kind: "hold", rung, attempt, at: now, why });
  if (agent.paused) return hold("it is paused");
  if (agent.drift.mode === "warn") return hold("drift.mode is warn");
  if (episode?.last === "replace") return hold("it was replaced, and its runtime is silent again");
  if (rung === "replace" && agent.protect) return hold("it is protected, and a replacement loses its disk");
  if (rung === "replace" && f.guarded) return hold("the fleet files are not in order, and it loses its disk");
  if (rung !== "restart-runtime" && f.allSilent)
    return hold("no runtime of the fleet answers: look at the hub's own network first");
  const booted = Math.max(offlineAt, f.bootUntil);
  if (now < booted) return wait(booted, "it may come up by itself until then");
  if (f.tasksUntil !== null && now < f.tasksUntil)
    return wait(Math.max(f.tasksUntil, nextAt), "a task that it took may be running until then");
  if (now < nextAt) return wait(nextAt, "the last try has that long to help");
  if (f.occupied) return wait(now, "something else is done to it first");
  return { kind: "try", rung, attempt, at: now, why: "" };
}

/** The rung of the next try. The last one is repeated, but nothing is replaced twice. Null: no ladder is written. */
function rungOf(ladder: readonly Rung[], tries: number): Rung | null {
  return ladder[Math.min(tries, ladder.length - 1)] ?? null;
}

/** How long a try has to help, after so many of them. */
export const pause = (tries: number): number => backoff(LADDER, tries);

/** The episode after a look. Null: it is over, or there is none. */
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

/** The episode as it is once a try has begun. */
export const tried = (episode: Episode | null, rung: Rung, now: Instant): Episode => ({
  tries: (episode?.tries ?? 0) + 1,
  last: rung,
  lastAt: now,
  healthySince: null,
});
