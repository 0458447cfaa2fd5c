/** What every row shares: rounds in which floor and ours take turns, medians, and one line of the table. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** One line of the table. `floor` and `ours` are in `unit`. */
export interface Line {
  readonly name: string;
  /** What the floor is; empty: there is none, the target is absolute. */
  readonly floorIs: string;
  readonly floor: number | null;
  readonly ours: number;
  readonly unit: string;
  /** ours / floor. */
  readonly ratio: number | null;
  /** As SPEC section 9 has it; empty: printed for orientation only. */
  readonly target: string;
  /** null: no target. */
  readonly ok: boolean | null;
  readonly note: string;
}

/** A row of the table. `options`: numbers given as `--name=value` on the command line. */
export type Row = (options: RowOptions) => Promise<readonly Line[]>;
export type RowOptions = (name: string, fallback: number) => number;

export interface Samples {
  readonly floor: readonly number[];
  readonly ours: readonly number[];
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Nearest rank, `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Milliseconds that this thread was on a processor so far: what a busy machine does not stretch. The kernel counts in ticks: take means. */
export function threadTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/**
 * The contenders in turns, and in the other order every second round, so that a neighbour who takes the processor for a
 * while, a warm cache and a growing heap hit all of them. The first `warmUp` rounds do not count.
 */
export async function inTurns<K extends string>(
  rounds: number,
  warmUp: number,
  contenders: Readonly<Record<K, () => Promise<number>>>,
): Promise<Readonly<Record<K, readonly number[]>>> {
  const names = Object.keys(contenders) as K[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      collectGarbage();
      const value = await contenders[name]();
      if (round >= 0) samples[name].push(value);
    }
  }
  return samples;
}

/** A line that compares medians; `most`: the ratio that must not be exceeded. */
export function atMost(
  line: { readonly name: string; readonly floorIs: string; readonly unit: string; readonly note?: string },
  samples: Samples,
  most: number,
): Line {
  const floor = median(samples.floor);
  const ours = median(samples.ours);
  const ratio = ours / floor;
  return { note: "", ...line, floor, ours, ratio, target: `≤ ${most} ×`, ok: ratio <= most };
}

/** A line whose target is a number of its own unit. */
export function below(
  line: { readonly name: string; readonly unit: string; readonly note?: string; readonly floorIs?: string },
  ours: number,
  most: number,
  floor: number | null = null,
): Line {
  const ratio = floor === null ? null : ours / floor;
  const target = `≤ ${most} ${line.unit}`;
  return { floorIs: "", note: "", ...line, floor, ours, ratio, target, ok: ours <= most };
}

let gc: (() => void) | null = null;

function collectGarbage(): void {
  if (gc === null) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
  }
  gc();
}

/** Three significant digits, without an exponent. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, Math.abs(value) >= 1000 ? "," : "");
}
