/** The last hour of a runtime's heartbeats, at most one per half minute, for the charts. In memory only. */
import type { Health } from "../runtimes/guest-input.ts";

export interface HealthPoint {
  readonly at: number;
  /** Percent; null: not reported. */
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly disk: number | null;
}

/** An hour of heartbeats that come every 30 s. */
export const POINTS_KEPT = 120;
/** Minimum distance of two points. Milliseconds. */
const APART = 20_000;

/** Numbers of one point: instant and three percentages. As objects, an hour of one agent took 12 kB; as numbers 4. */
const WIDTH = 4;
const FEW = 4;

export class HealthHistory {
  /** A ring buffer that grows to its full size. */
  #ring = NONE;
  #first = 0;
  #count = 0;

  note(health: Health, at: number): void {
    const last = this.#count === 0 ? null : this.#at(this.#count - 1);
    // A clock that was set back starts a new history: the time axis must not run backwards.
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

  /** The newest `count` points, oldest first. */
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
    // Only a full ring wraps, so the points of a smaller one are in order.
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

/** To a tenth of a percent; not a number: not reported. */
const share = (percent: number | undefined): number =>
  percent === undefined ? Number.NaN : Math.round(percent * 10) / 10;
