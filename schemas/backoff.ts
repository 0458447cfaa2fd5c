/** Exponential backoff, the growing wait of controller, runtime and clients; pure, without jitter and without imports. */

/** Milliseconds. */
export interface Backoff {
  readonly firstMs: number;
  readonly lastMs: number;
}

/** How long to wait after so many tries: `firstMs` after the first, twice as long after each more, `lastMs` at most. */
export const backoff = ({ firstMs, lastMs }: Backoff, tries: number): number =>
  Math.min(lastMs, firstMs * 2 ** Math.min(Math.max(tries, 1) - 1, 40));
