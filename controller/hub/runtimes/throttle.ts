/** How much of the hub one agent may take: each frame uses up time, and who is ahead of the clock is not read for so long. */

export interface ThrottleLimits {
  readonly framesPerSecond: number;
  readonly frameBytesPerSecond: number;
  /** Milliseconds that a connection may be ahead. */
  readonly frameCredit: number;
}

/** Bytes of a frame beyond these count four times: output comes in smaller frames, and a large one stops the loop for longer. */
const LARGE = 64 * 1024;

/** The state of one agent is one number: when all that it sent would be paid for. A new connection does not reset it. */
export class Throttle {
  #paid = 0;

  /** Milliseconds for which nothing more should be read; 0: go on. `now` is a clock that never goes back. */
  take(bytes: number, now: number, limits: ThrottleLimits): number {
    const weight = bytes + 3 * Math.max(0, bytes - LARGE);
    const cost = 1000 / limits.framesPerSecond + (weight * 1000) / limits.frameBytesPerSecond;
    this.#paid = Math.max(this.#paid, now - limits.frameCredit) + cost;
    return Math.max(0, this.#paid - now);
  }
}
