/** Growing delays between corrections of the same drift: who fights the loop is not fought at every turn. Pure. */
import type { Instant } from "../core/types.ts";

/**
 * The first correction is immediate; the second waits 10 s, then 30 s, 90 s, 270 s, and 15 min from then on. Half an hour
 * without a correction is quiet, and the next one is immediate again.
 */
export const DAMPING = { firstMs: 10_000, factor: 3, lastMs: 15 * 60_000, quietMs: 30 * 60_000 } as const;

/** More past corrections than this change nothing. */
export const KEPT_CORRECTIONS = 8;

export interface Correction {
  /** Which correction in a row it would be; 1: the first. */
  readonly attempt: number;
  /** Not before. */
  readonly at: Instant;
}

/** `past`: instants of former corrections, oldest first. An instant in the future comes from a clock that was set back, and counts as now. */
export function nextCorrection(past: readonly Instant[], now: Instant): Correction {
  const row = recent(past, now);
  const last = row.at(-1);
  if (last === undefined) return { attempt: 1, at: now };
  const delay = Math.min(DAMPING.lastMs, DAMPING.firstMs * DAMPING.factor ** Math.min(row.length - 1, 10));
  return { attempt: row.length + 1, at: last + delay };
}

/** The corrections that still count: those after the last quiet time, at most `KEPT_CORRECTIONS`. */
export function recent(past: readonly Instant[], now: Instant): readonly Instant[] {
  const row: Instant[] = [];
  let after = now;
  for (const at of past.map((t) => Math.min(t, now)).reverse()) {
    if (after - at > DAMPING.quietMs) break;
    row.unshift(at);
    after = at;
  }
  return row.slice(-KEPT_CORRECTIONS);
}
