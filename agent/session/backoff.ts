/** Delay before the next connection. Pure; randomness is an argument. */
import { DEFAULT_POLICY } from "./policy.ts";
import { CLOSE } from "./wire.ts";
import { backoff } from "../../schemas/backoff.ts";

export const SHORTEST_MS: number = DEFAULT_POLICY.reconnectShortestMs;
export const LONGEST_MS: number = DEFAULT_POLICY.reconnectLongestMs;
/** The hub's policy may set others. */
export const DEFAULT_BOUNDS: Bounds = { shortestMs: SHORTEST_MS, longestMs: LONGEST_MS };
export const UNAUTHORISED_MS = 30_000;
export const REFUSED_MS = 300_000;

/** Between which a pause lies that no refusal asked for. */
export interface Bounds {
  readonly shortestMs: number;
  readonly longestMs: number;
}

/** How a round of connection attempts ended. */
export interface Ending {
  /** WebSocket close code, or null when no connection was opened. */
  readonly closeCode: number | null;
  /** Status of a refused upgrade, or null. */
  readonly httpStatus: number | null;
}

/**
 * Exponential with full jitter: by default uniform in [1 s, min(30 s, 2 s · 2^attempt)]. Attempt 0 already spreads over a
 * second, so that a hub's restart does not bring all its runtimes back at one instant.
 */
export function reconnectDelay(attempt: number, random: number, bounds: Bounds = DEFAULT_BOUNDS): number {
  const { shortestMs, longestMs } = bounds;
  const ceiling = backoff({ firstMs: shortestMs, lastMs: longestMs }, Math.max(attempt, 0) + 2);
  return shortestMs + random * (ceiling - shortestMs);
}

/** `attempt`: rounds in a row without an accepted hello. `random`: 0 ≤ r < 1. */
export function delayAfter(
  ending: Ending,
  attempt: number,
  random: number,
  bounds: Bounds = DEFAULT_BOUNDS,
): number {
  const { closeCode, httpStatus } = ending;
  if (closeCode === CLOSE.refused || httpStatus === 403) return REFUSED_MS * (1 + random / 10);
  // A locked-out address (429) is let in again after five minutes; asking sooner would prolong it.
  if (httpStatus === 429) return REFUSED_MS * (1 + random / 10);
  if (closeCode === CLOSE.unauthorised || httpStatus === 401) return UNAUTHORISED_MS * (1 + random / 10);
  // Another connection with this credential is alive; reconnecting at once would replace it in turn, for ever.
  if (closeCode === CLOSE.replaced) return LONGEST_MS * (1 + random / 10);
  if (closeCode === CLOSE.protocolError) return LONGEST_MS * (1 + random / 10);
  if (closeCode === CLOSE.restart) return reconnectDelay(Math.max(attempt, 1), random, bounds);
  return reconnectDelay(attempt, random, bounds);
}

/** The result with the longest delay, of several addresses in one round. */
export function worst(a: Ending, b: Ending): Ending {
  return delayAfter(b, 0, 0) >= delayAfter(a, 0, 0) ? b : a;
}

/** A period with up to a tenth of jitter either way. */
export function jittered(ms: number, random: number): number {
  return ms * (0.9 + random * 0.2);
}
