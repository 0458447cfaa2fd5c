/** Keys with work in flight, their failures and when they may be tried again; it carries names, never events. */
import { retryDelay } from "../core/backoff.ts";

export interface Failure {
  readonly message: string;
  readonly next: string;
  readonly count: number;
  readonly at: number;
  /** No try before this instant; infinity: not before the document changes or somebody asks. */
  readonly retryAt: number;
  /** What was wanted when it failed for good; a change of it is a reason to try again. */
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

  /** True when `key` may be worked on now. `wanted` identifies what would be done. */
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

  /** Ends work on `key` without judging it: it was stopped, or the world had moved. */
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

  /** Somebody asked: forget that it failed. Without keys: all. */
  forgive(keys: readonly string[]): void {
    if (keys.length === 0) this.#failures.clear();
    for (const key of keys) this.#failures.delete(key);
  }

  /** `open`: what is still to be done, held or not. What failed and is not among it has not failed: the world has moved. */
  forgiveOthers(open: ReadonlySet<string>): void {
    for (const key of this.#failures.keys())
      if (!open.has(key) && !this.#inFlight.has(key)) this.#failures.delete(key);
  }

  /** The nearest instant after `now` at which something may be tried again, or null. */
  nextRetry(now: number): number | null {
    let next: number | null = null;
    for (const { retryAt } of this.#failures.values()) {
      if (retryAt > now && Number.isFinite(retryAt) && (next === null || retryAt < next)) next = retryAt;
    }
    return next;
  }
}
