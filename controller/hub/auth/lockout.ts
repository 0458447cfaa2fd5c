/**
 * Lockout: after a number of failures of one source in a window, further failures are answered differently for a while.
 */
import type { Clock } from "../../base/clock.ts";
import type { Limits } from "../limits.ts";

interface Entry {
  failures: number;
  windowEnds: number;
  lockedUntil: number;
}

/** Only failures are counted and refused here. A valid token is compared first and never reaches the lockout. */
export class Lockout {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #limits: Limits;

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Milliseconds until the lockout of the key ends; 0: none. */
  locked(key: string): number {
    const entry = this.#entries.get(key);
    return entry ? Math.max(0, entry.lockedUntil - this.#clock.now()) : 0;
  }

  fail(key: string, allowed: number = this.#limits.authFailures): void {
    const now = this.#clock.now();
    let entry = this.#entries.get(key);
    if (!entry || entry.windowEnds <= now) {
      entry = {
        failures: 0,
        windowEnds: now + this.#limits.authWindow,
        lockedUntil: entry?.lockedUntil ?? 0,
      };
      // Inserted again, so that the map is ordered by age.
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      const oldest = this.#entries.keys().next().value;
      if (this.#entries.size > this.#limits.lockoutEntries && oldest !== undefined)
        this.#entries.delete(oldest);
    }
    entry.failures += 1;
    if (entry.failures >= allowed) entry.lockedUntil = now + this.#limits.lockout;
  }
}
