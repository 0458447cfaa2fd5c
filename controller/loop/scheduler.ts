/** Scheduler: decides when the loop takes its next turn. One timer, rate limited; a lost or doubled request is harmless. */
import type { Clock } from "../base/clock.ts";

/** Minimum time between two turns, so that a burst of events costs one refresh. */
export const TURN_GAP_MS = 50;
/**
 * How long an event of a runtime may wait while every slot is taken: a turn could begin nothing then, and the end of any
 * change takes a turn anyway. Changes in flight do not rely on turns: their steps observe and revalidate by themselves.
 */
export const FULL_GAP_MS = 1000;
/** A timer that is overdue by this much was set before the clock jumped. */
const JUMPED_MS = 1000;

export class Scheduler {
  readonly #clock: Clock;
  readonly #take: () => void;
  readonly #isFull: () => boolean;
  #timer: { readonly due: number; readonly cancel: AbortController } | null = null;
  #state: "new" | "open" | "closed" = "new";
  #inTurn = false;
  #lastTurn = 0;
  /** A turn was requested during a turn, which may have refreshed already. */
  #again = false;
  /** A runtime event came since the last turn began. */
  #runtimeEvent = false;

  constructor(clock: Clock, take: () => void, isFull: () => boolean) {
    this.#clock = clock;
    this.#take = take;
    this.#isFull = isFull;
  }

  open(): void {
    if (this.#state === "new") this.#state = "open";
    this.requestTurn();
  }

  /** A turn soon; several requests make one turn. */
  requestTurn(): void {
    if (this.#inTurn) this.#again = true;
    else this.#schedule(0);
  }

  /** A turn soon, if it could begin a change. */
  runtimeChanged(): void {
    this.#runtimeEvent = true;
    if (!this.#inTurn) this.#schedule(this.#runtimeDelay());
  }

  turnBegins(): void {
    this.#inTurn = true;
    this.#again = false;
    this.#runtimeEvent = false;
  }

  /** `next`: milliseconds until the next turn is due without an event; null: none is. */
  turnEnds(next: number | null): void {
    this.#inTurn = false;
    this.#lastTurn = this.#clock.now();
    if (next === null) return;
    this.#schedule(this.#again ? 0 : this.#runtimeEvent ? Math.min(this.#runtimeDelay(), next) : next);
  }

  close(): void {
    this.#state = "closed";
    this.#stopTimer();
  }

  #runtimeDelay(): number {
    return this.#isFull() ? FULL_GAP_MS : 0;
  }

  #schedule(delay: number): void {
    if (this.#state !== "open") return;
    // At most the gap itself: the clock may have been set back since the last turn.
    const gap = Math.min(TURN_GAP_MS, this.#lastTurn + TURN_GAP_MS - this.#clock.now());
    this.#startTimer(Math.max(delay, gap));
  }

  /** The nearest request wins. */
  #startTimer(ms: number): void {
    const now = this.#clock.now();
    const due = now + Math.max(0, ms);
    if (this.#timer && this.#timer.due <= due && this.#timer.due > now - JUMPED_MS) return;
    this.#stopTimer();
    const timer = { due, cancel: new AbortController() };
    this.#timer = timer;
    this.#clock.sleep(due - now, timer.cancel.signal).then(
      () => {
        if (this.#timer !== timer) return;
        this.#timer = null;
        this.#take();
      },
      () => {},
    );
  }

  #stopTimer(): void {
    this.#timer?.cancel.abort();
    this.#timer = null;
  }
}
