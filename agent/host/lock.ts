/** One runtime per instance: a second one would kill the first one's tasks as leftovers. */
import { ensureDir, readJson, writeAtomic } from "./files.ts";
import { dirname } from "node:path";
import { isSame, readStat } from "../tasks/processes.ts";
import { isRecord } from "../session/wire.ts";

/** Null when the lock was taken, else the process that holds it. A dead holder does not count. */
export function acquireLock(file: string, bootId: string): number | null {
  const held = readJson(file);
  if (isRecord(held) && typeof held.pid === "number" && typeof held.startTime === "string") {
    // After another boot the same number and start time may be another process.
    const isThisBoot = held.bootId === undefined || held.bootId === bootId;
    if (isThisBoot && held.pid !== process.pid && isSame(held.pid, held.startTime)) return held.pid;
  }
  try {
    ensureDir(dirname(file));
    const startTime = readStat("self")?.startTime ?? "";
    writeAtomic(file, JSON.stringify({ pid: process.pid, startTime, bootId }), { sync: false });
  } catch {
    // A full disk must not keep the runtime from starting.
  }
  return null;
}
