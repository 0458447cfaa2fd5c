/**
 * Tells jumps of the wall clock from time that passed, so that nothing is removed or expires because of a wrong clock.
 *
 * Within a boot the time since that boot, which goes on while the machine sleeps, says how much passed. Over a reboot nothing
 * does: a machine that was off for a week or less is believed. What is stored keeps the wall clock's time; ages are counted
 * without jumps until the clock came back, ran evenly for TRUSTED_AFTER, or an operator said that it is right.
 */
import { readFileSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import type { Bus } from "../../base/events.ts";
import type { Instant } from "../../core/types.ts";
import type { KeyValueStore, Store } from "../../store/store.ts";

const DAY = 24 * 3_600_000;
/** Larger than usual clock corrections. */
const JUMP = 60_000;
/** How long a machine may have been off without doubt about its clock. */
const OFF = 7 * DAY;
/** Of running without a jump. */
const TRUSTED_AFTER = 7 * DAY;
/** Jumps that are worth a warning: smaller ones expire nothing that is kept for days. */
const WARNED = DAY;

export const CLOCK_KEY = "clock/watch";

/** The last reading. */
export interface ClockRow {
  readonly wall: Instant;
  /** Milliseconds since the boot. */
  readonly uptime: number;
  /** Null: unknown on this platform. */
  readonly boot: string | null;
  /** Sum of the jumps that count: positive, the wall clock is ahead of elapsed time. */
  readonly jumped: number;
  /** Milliseconds of running since the last jump. */
  readonly even: number;
}

export interface ClockWatch {
  /** Reads the clocks; called about once a second. */
  tick(): void;
  /** Milliseconds elapsed since then. */
  age(at: Instant): number;
  /** The earlier of the wall clock and its value without jumps, which decides expiry. */
  safeNow(): Instant;
  /** Monotonic time, for values in memory only. */
  readonly steady: () => number;
  /** The error of the clock, where it is worth a warning; else null. */
  distrusted(): number | null;
  /** An operator confirms the wall clock. */
  trust(): Promise<void>;
  save(): Promise<void>;
}

export interface ClockWatchDeps {
  readonly store: Pick<Store, "kv" | "audit">;
  readonly clock: Clock;
  readonly bus: Bus;
  /** Identifies this boot of the machine; null: unknown. */
  readonly boot?: string | null;
}

export function createClockWatch({ store, clock, bus, boot = bootId() }: ClockWatchDeps): ClockWatch {
  const uptime = clock.uptime ?? clock.now;
  let row: ClockRow = { wall: clock.now(), uptime: uptime(), boot, jumped: 0, even: 0 };
  const jump = (by: number, wall: Instant) => {
    const sum = row.jumped + by;
    const jumped = Math.abs(sum) <= JUMP ? 0 : sum;
    row = { ...row, jumped, even: 0 };
    bus.emit("clock.jumped", { by, jumped, at: wall });
  };
  const tick = () => {
    const before = row;
    const now: ClockRow = { ...row, wall: clock.now(), uptime: uptime() };
    row = now;
    const passed = Math.max(0, now.uptime - before.uptime);
    const by = now.wall - before.wall - passed;
    if (Math.abs(by) > JUMP) jump(by, now.wall);
    else row = { ...now, even: now.even + passed };
    if (row.jumped !== 0 && row.even >= TRUSTED_AFTER) row = { ...row, jumped: 0 };
  };

  const stored = lastSeen(store);
  if (stored) {
    row = { ...row, jumped: stored.jumped, even: stored.even };
    const isSameBoot = boot !== null && stored.boot === boot && row.uptime >= stored.uptime;
    const by = row.wall - stored.wall - (isSameBoot ? row.uptime - stored.uptime : 0);
    if (by < -JUMP || by > (isSameBoot ? JUMP : OFF)) jump(by, row.wall);
  }
  const save = () => store.kv.put(CLOCK_KEY, row);
  return {
    tick,
    age(at) {
      const now = clock.now();
      const ages = [now - at, now - row.jumped - at].filter((age) => age >= 0);
      return ages.length === 0 ? 0 : Math.min(...ages);
    },
    safeNow: () => Math.min(clock.now(), clock.now() - row.jumped),
    steady: uptime,
    distrusted: () => (Math.abs(row.jumped) > WARNED ? row.jumped : null),
    trust() {
      row = { ...row, jumped: 0 };
      return save();
    },
    save,
  };
}

/** A database of an earlier version has no such row, but knows when it was last used. */
function lastSeen({ kv, audit }: ClockWatchDeps["store"]): ClockRow | null {
  const row = kv.get(CLOCK_KEY) as ClockRow | undefined;
  if (row) return row;
  const [entry] = audit.latest({ limit: 1 });
  return entry ? { wall: entry.at, uptime: 0, boot: null, jumped: 0, even: 0 } : null;
}

/** The next start trusts the clock. */
export const trustClock = async (kv: KeyValueStore, now: Instant): Promise<void> => {
  const row = kv.get(CLOCK_KEY) as ClockRow | undefined;
  if (row) await kv.put(CLOCK_KEY, { ...row, wall: now, jumped: 0, boot: null });
};

function bootId(): string | null {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return null;
  }
}
