/** A clock that moves only when a test says so; what sleeps on it wakes in the order of its instants. */
import type { Clock } from "../../base/clock.ts";

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export interface FakeClock extends Clock {
  /** Instants at which something wakes, the nearest first. */
  readonly pending: readonly number[];
  /** Calls `action` after `ms`; returns what prevents that. */
  call(ms: number, action: () => void): () => void;
  /** Lets everything happen that does not wait for time. */
  rest(): Promise<void>;
  /** Moves to the nearest instant at which something wakes, and rests. False: nothing sleeps. */
  next(): Promise<boolean>;
  /** Moves by `ms`, instant by instant. */
  advance(ms: number): Promise<void>;
  /** Moves until `check` holds; fails with `what` when it does not within `ms` of this clock's time. */
  until(what: string, check: () => boolean, ms?: number): Promise<void>;
}

export const EPOCH = 1_800_000_000_000;

export function createFakeClock(start = EPOCH): FakeClock {
  let now = start;
  const sleepers: Sleeper[] = [];

  const add = (ms: number, wake: () => void): Sleeper => {
    const sleeper = { at: now + Math.max(0, ms), wake };
    let i = sleepers.length;
    while (i > 0 && (sleepers[i - 1]?.at ?? 0) > sleeper.at) i--;
    sleepers.splice(i, 0, sleeper);
    return sleeper;
  };
  const drop = (sleeper: Sleeper) => {
    const i = sleepers.indexOf(sleeper);
    if (i >= 0) sleepers.splice(i, 1);
  };
  // An immediate runs when all promises that can be settled are.
  const rest = () => new Promise<void>((resolve) => setImmediate(resolve));
  const step = async (first: Sleeper) => {
    drop(first);
    now = Math.max(now, first.at);
    first.wake();
    await rest();
  };

  return {
    now: () => now,
    get pending() {
      return sleepers.map((s) => s.at);
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const onAbort = () => {
          drop(sleeper);
          reject(signal?.reason as Error);
        };
        const sleeper = add(ms, () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        });
        signal?.addEventListener("abort", onAbort, { once: true });
      }),
    call(ms, action) {
      const sleeper = add(ms, action);
      return () => drop(sleeper);
    },
    rest,
    async next() {
      await rest();
      const first = sleepers[0];
      if (first) await step(first);
      return first !== undefined;
    },
    async advance(ms) {
      const end = now + ms;
      await rest();
      for (let first = sleepers[0]; first && first.at <= end; first = sleepers[0]) await step(first);
      now = end;
    },
    async until(what, check, ms = 3_600_000) {
      const end = now + ms;
      await rest();
      while (!check()) {
        const first = sleepers[0];
        if (!first) throw new Error(`nothing is on its way any more, and it is not so: ${what}`);
        if (first.at > end) throw new Error(`not within ${ms / 1000} s: ${what}`);
        await step(first);
      }
    },
  };
}
