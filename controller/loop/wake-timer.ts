/** The one timer of the loop: the nearest instant that anybody asked for counts, so that a storm of wakes never puts a turn off. */
import type { Clock } from "../base/clock.ts";

/** A timer that should have fired this long ago was set by a clock that has jumped since. */
const JUMPED_MS = 1000;

export class WakeTimer {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #set: { readonly due: number; readonly cancel: AbortController } | null = null;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Wakes in `ms`, or sooner if that was asked for before. */
  in(ms: number): void {
    const now = this.#clock.now();
    const due = now + Math.max(0, ms);
    if (this.#set && this.#set.due <= due && this.#set.due > now - JUMPED_MS) return;
    this.stop();
    const set = { due, cancel: new AbortController() };
    this.#set = set;
    this.#clock.sleep(due - now, set.cancel.signal).then(
      () => {
        if (this.#set !== set) return;
        this.#set = null;
        this.#wake();
      },
      () => {},
    );
  }

  stop(): void {
    this.#set?.cancel.abort();
    this.#set = null;
  }
}
