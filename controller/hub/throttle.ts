/** How much of the hub one connection may take: each frame uses up time, and who is ahead of the clock is not read for so long. */

export interface ThrottleLimits {
  readonly framesPerSecond: number;
  readonly frameBytesPerSecond: number;
  /** Milliseconds that a connection may be ahead. */
  readonly frameCredit: number;
}

/** The state of one connection is one number: when all that it sent would be paid for. */
export class Throttle {
  #paid = 0;

  /** Milliseconds for which nothing more should be read; 0: go on. `now` is a clock that never goes back. */
  take(bytes: number, now: number, limits: ThrottleLimits): number {
    const cost = 1000 / limits.framesPerSecond + (bytes * 1000) / limits.frameBytesPerSecond;
    this.#paid = Math.max(this.#paid, now - limits.frameCredit) + cost;
    return Math.max(0, this.#paid - now);
  }
}
