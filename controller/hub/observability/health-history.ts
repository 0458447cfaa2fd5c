/** The last hour of a runtime's heartbeats, one in half a minute at most: what a chart needs when somebody opens it. In memory only. */
import type { Health } from "../runtimes/guest-input.ts";

export interface HealthPoint {
  readonly at: number;
  /** Percent; null: it was not said. */
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly disk: number | null;
}

/** An hour of heartbeats that come every 30 s. */
export const POINTS_KEPT = 120;
/** What comes sooner after the one before adds nothing to a chart of an hour. Milliseconds. */
const APART = 20_000;

/** Numbers of one point: when, and three shares. As objects, an hour of one agent took 12 kB; so it takes 4. */
const WIDTH = 4;
const FEW = 4;

export class HealthHistory {
  /** A ring, which grows until it holds all that is kept. */
  #ring = NONE;
  #first = 0;
  #count = 0;

  note(health: Health, at: number): void {
    const last = this.#count === 0 ? null : this.#at(this.#count - 1);
    // A clock that was set back begins a new history: an axis of time must not run backwards.
    if (last !== null && at < last) this.#count = 0;
    else if (last !== null && at - last < APART) return;
    if (this.#count === POINTS_KEPT) {
      this.#first = (this.#first + 1) % POINTS_KEPT;
      this.#count -= 1;
    }
    this.#makeRoom();
    const { cpu, memory, disk } = health;
    this.#ring.set([at, share(cpu), share(memory?.percent), share(disk?.percent)], this.#offset(this.#count));
    this.#count += 1;
  }

  /** The newest `count` of them, oldest first. */
  latest(count: number): readonly HealthPoint[] {
    const from = Math.max(0, this.#count - count);
    return Array.from({ length: this.#count - from }, (_, i) => {
      const offset = this.#offset(from + i);
      const [at = 0, cpu, memory, disk] = this.#ring.subarray(offset, offset + WIDTH);
      return { at, cpu: said(cpu), memory: said(memory), disk: said(disk) };
    });
  }

  #makeRoom(): void {
    const room = this.#ring.length / WIDTH;
    if (this.#count < room) return;
    // Only a full ring turns, so that the points of a smaller one lie in order from its beginning.
    const grown = new Float64Array(Math.min(POINTS_KEPT, Math.max(FEW, room * 2)) * WIDTH);
    grown.set(this.#ring);
    this.#ring = grown;
  }

  #offset(index: number): number {
    return ((this.#first + index) % POINTS_KEPT) * WIDTH;
  }

  #at(index: number): number {
    return this.#ring[this.#offset(index)] ?? 0;
  }
}

const NONE = new Float64Array(0);

const said = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value;

/** To a tenth of a percent; not a number: it was not said. */
const share = (percent: number | undefined): number =>
  percent === undefined ? Number.NaN : Math.round(percent * 10) / 10;
