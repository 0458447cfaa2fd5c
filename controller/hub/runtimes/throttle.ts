/**
 * Rate limit of one agent by virtual time: each frame adds to it, and an agent ahead of the clock is not read for that
 * long.
 */

export interface ThrottleLimits {
  readonly framesPerSecond: number;
  readonly frameBytesPerSecond: number;
  /** Milliseconds that a connection may be ahead. */
  readonly frameCredit: number;
}

/**
 * Bytes of a frame beyond this count four times: output comes in smaller frames, and a large one blocks the event loop
 * for longer.
 */
const LARGE = 64 * 1024;

/** The state of one agent is one number: when its debt is paid. A new connection does not reset it. */
export class Throttle {
  #paid = 0;

  /** Milliseconds for which to stop reading; 0: continue. `now` is a monotonic clock. */
  take(bytes: number, now: number, limits: ThrottleLimits): number {
    const weight = bytes + 3 * Math.max(0, bytes - LARGE);
    const cost = 1000 / limits.framesPerSecond + (weight * 1000) / limits.frameBytesPerSecond;
    this.#paid = Math.max(this.#paid, now - limits.frameCredit) + cost;
    return Math.max(0, this.#paid - now);
  }
}
