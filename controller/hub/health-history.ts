/** The last hour of a runtime's heartbeats, one in half a minute at most: what a chart needs when somebody opens it. In memory only. */
import { isRecord, type Payload } from "./frames.ts";

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

export class HealthHistory {
  #points: HealthPoint[] = [];

  note(health: Payload, at: number): void {
    const last = this.#points.at(-1);
    // A clock that was set back begins a new history: an axis of time must not run backwards.
    if (last && at < last.at) this.#points = [];
    else if (last && at - last.at < APART) return;
    const { cpu, memory, disk } = health;
    this.#points.push({ at, cpu: share(cpu), memory: share(memory), disk: share(disk) });
    if (this.#points.length > POINTS_KEPT) this.#points.shift();
  }

  /** The newest `count` of them, oldest first. */
  latest(count: number): readonly HealthPoint[] {
    return this.#points.slice(-count);
  }
}

/** A figure, or an object that has it as `percent`: both are sent. */
function share(value: unknown): number | null {
  const found = isRecord(value) ? value.percent : value;
  if (typeof found !== "number" || !Number.isFinite(found)) return null;
  return Math.round(Math.min(100, Math.max(0, found)) * 10) / 10;
}
