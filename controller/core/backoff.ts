/**
 * Exponential backoff after controller-runtime: 5 ms doubling to 1000 s, with jitter. Pure; randomness is an argument.
 */
import { backoff } from "../../schemas/backoff.ts";

export const FIRST_DELAY_MS = 5;
export const LAST_DELAY_MS = 1_000_000;

/** `failures` ≥ 1: failures in a row so far. `random`: 0 ≤ r < 1; the delay is spread over [½, 1] of its nominal value. */
export function retryDelay(
  failures: number,
  random: number,
  first = FIRST_DELAY_MS,
  last = LAST_DELAY_MS,
): number {
  return backoff({ firstMs: first, lastMs: last }, failures) * (0.5 + random / 2);
}

/** An interval with up to a tenth of jitter either way, so that several loops do not run in step. */
export function jittered(ms: number, random: number): number {
  return ms * (0.9 + random * 0.2);
}
