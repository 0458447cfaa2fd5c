/** Work queue of agent names: in flight, failures, and when they may be retried. It carries keys, never events. */
import { retryDelay } from "../core/backoff.ts";

export interface Failure {
  readonly message: string;
  readonly next: string;
  readonly count: number;
  readonly at: number;
  /** No attempt before this instant; infinity: not before the document changes or a person requests it. */
  readonly retryAt: number;
  /** The desired change when it failed terminally; another one is a reason to retry. */
  readonly wanted: string;
}

export class KeyQueue {
  readonly #inFlight = new Map<string, number>();
  readonly #failures = new Map<string, Failure>();
  readonly #random: () => number;
  readonly #first: number;

  /** `first`: the first delay in milliseconds; each failure doubles it. */
  constructor(random: () => number, first = 1000) {
    this.#random = random;
    this.#first = first;
  }

  get size(): number {
    return this.#inFlight.size;
  }

  has(key: string): boolean {
    return this.#inFlight.has(key);
  }

  keys(): readonly string[] {
    return [...this.#inFlight.keys()];
  }

  /** True when `key` may begin now. `wanted` identifies the change. */
  ready(key: string, wanted: string, now: number): boolean {
    if (this.#inFlight.has(key)) return false;
    const failure = this.#failures.get(key);
    return !failure || now >= failure.retryAt || failure.wanted !== wanted;
  }

  begin(key: string, now: number): void {
    if (this.#inFlight.has(key)) throw new Error(`work on "${key}" is in flight already`);
    this.#inFlight.set(key, now);
  }

  done(key: string): void {
    this.#inFlight.delete(key);
    this.#failures.delete(key);
  }

  /** Ends work on `key` without a result: it was stopped, or the world had changed. */
  abandon(key: string): void {
    this.#inFlight.delete(key);
  }

  failed(
    key: string,
    wanted: string,
    error: { message: string; next: string; transient: boolean },
    now: number,
  ): Failure {
    this.#inFlight.delete(key);
    const before = this.#failures.get(key);
    const count = before && before.wanted === wanted ? before.count + 1 : 1;
    const retryAt = error.transient
      ? now + retryDelay(count, this.#random(), this.#first)
      : Number.POSITIVE_INFINITY;
    const failure: Failure = { message: error.message, next: error.next, count, at: now, retryAt, wanted };
    this.#failures.set(key, failure);
    return failure;
  }

  failure(key: string): Failure | undefined {
    return this.#failures.get(key);
  }

  failures(): ReadonlyMap<string, Failure> {
    return this.#failures;
  }

  /** On a person's request: forget failures. Without keys: all. */
  resetBackoff(keys: readonly string[]): void {
    if (keys.length === 0) this.#failures.clear();
    for (const key of keys) this.#failures.delete(key);
  }

  /**
   * `open`: keys that still have a change, held or not. A failure of another key is obsolete: the world has changed.
   */
  resetOtherBackoffs(open: ReadonlySet<string>): void {
    for (const key of this.#failures.keys())
      if (!open.has(key) && !this.#inFlight.has(key)) this.#failures.delete(key);
  }

  /** The next instant after `now` at which a retry is due, or null. */
  nextRetry(now: number): number | null {
    let next: number | null = null;
    for (const { retryAt } of this.#failures.values()) {
      if (retryAt > now && Number.isFinite(retryAt) && (next === null || retryAt < next)) next = retryAt;
    }
    return next;
  }
}
