/**
 * Growing delays between corrections of the same drift, so that the loop does not fight another writer at every turn.
 * Pure.
 */
import type { Instant } from "../core/types.ts";

/**
 * The first correction is immediate; the second waits 10 s, then 30 s, 90 s, 270 s, and 15 min from then on. Half an hour
 * without a correction is quiet, and the next one is immediate again.
 */
export const DAMPING = { firstMs: 10_000, factor: 3, lastMs: 15 * 60_000, quietMs: 30 * 60_000 } as const;

/** Older corrections have no effect. */
export const KEPT_CORRECTIONS = 8;

export interface Correction {
  /** Number of this correction in a row; 1: the first. */
  readonly attempt: number;
  /** Not before this instant. */
  readonly at: Instant;
}

/**
 * `past`: instants of former corrections, oldest first. A future instant comes from a clock that was set back, and
 * counts as now.
 */
export function nextCorrection(past: readonly Instant[], now: Instant): Correction {
  const row = recent(past, now);
  const last = row.at(-1);
  if (last === undefined) return { attempt: 1, at: now };
  const delay = Math.min(DAMPING.lastMs, DAMPING.firstMs * DAMPING.factor ** Math.min(row.length - 1, 10));
  return { attempt: row.length + 1, at: last + delay };
}

/** Corrections since the last quiet period, at most `KEPT_CORRECTIONS`. */
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
