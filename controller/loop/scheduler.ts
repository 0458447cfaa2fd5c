/** When the loop takes its next turn: everybody who wakes it, news that may wait, and what happened during a turn, in one place. */
import type { Clock } from "../base/clock.ts";
import { WakeTimer } from "./wake-timer.ts";

/** Turns follow each other at least this far apart, so that a storm of events costs one look. */
export const TURN_GAP_MS = 50;
/**
 * How long the news that a runtime is there may wait while every slot is taken: a look could begin nothing then, and the end of
 * any work looks anyway. Work that is begun does not rely on looks: its steps look by themselves, and ask whether they are wanted.
 */
export const FULL_GAP_MS = 1000;

export class Wakes {
  readonly #clock: Clock;
  readonly #isFull: () => boolean;
  readonly #timer: WakeTimer;
  #state: "new" | "open" | "closed" = "new";
  #inTurn = false;
  #lastTurn = 0;
  /** Somebody woke us during a turn, which may have looked already. */
  #again = false;
  /** A runtime has come online since the last look began. */
  #news = false;

  constructor(clock: Clock, take: () => void, isFull: () => boolean) {
    this.#clock = clock;
    this.#isFull = isFull;
    this.#timer = new WakeTimer(clock, take);
  }

  open(): void {
    if (this.#state === "new") this.#state = "open";
    this.wake();
  }

  /** A turn soon; many wakes make one turn. */
  wake(): void {
    if (this.#inTurn) this.#again = true;
    else this.#schedule(0);
  }

  /** A turn soon, if it could begin anything. */
  news(): void {
    this.#news = true;
    if (!this.#inTurn) this.#schedule(this.#newsDelay());
  }

  turnBegins(): void {
    this.#inTurn = true;
    this.#again = false;
    this.#news = false;
  }

  /** `next`: after how many milliseconds the next turn is due of itself; null: not at all. */
  turnEnds(next: number | null): void {
    this.#inTurn = false;
    this.#lastTurn = this.#clock.now();
    if (next === null) return;
    this.#schedule(this.#again ? 0 : this.#news ? Math.min(this.#newsDelay(), next) : next);
  }

  close(): void {
    this.#state = "closed";
    this.#timer.stop();
  }

  #newsDelay(): number {
    return this.#isFull() ? FULL_GAP_MS : 0;
  }

  #schedule(delay: number): void {
    if (this.#state !== "open") return;
    // At most the gap itself: the clock may have been set back since the last turn.
    const gap = Math.min(TURN_GAP_MS, this.#lastTurn + TURN_GAP_MS - this.#clock.now());
    this.#timer.in(Math.max(delay, gap));
  }
}
