/** Processes from `/proc`: start times, groups, marks; and killing a whole group. */
import { readdirSync, readFileSync } from "node:fs";
import { errorCode } from "../host/files.ts";
import { backoff } from "../../schemas/backoff.ts";

export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly group: number;
  /** Clock ticks since boot, as text: together with the pid it names one process of this boot. */
  readonly startTime: string;
}

/** The text of `/proc/PID/stat`: the command name is in parentheses and may itself hold spaces and parentheses. */
export function parseStat(text: string): ProcessStat | null {
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  const [state, , group] = fields;
  const startTime = fields[19];
  if (end < 0 || state === undefined || group === undefined || startTime === undefined) return null;
  return { pid: Number.parseInt(text, 10), state, group: Number(group), startTime };
}

export function readStat(pid: number | "self"): ProcessStat | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return null;
  }
}

function allPids(): readonly number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Processes that are more than a zombie waiting for its parent. */
const isAlive = (stat: ProcessStat): boolean => stat.state !== "Z" && stat.state !== "X";

/** Whether anything in the group still runs. Without `/proc` (macOS) the signal's answer alone counts. */
export function groupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return false;
  }
  const pids = allPids();
  if (pids.length === 0) return true;
  return pids.some((pid) => {
    const stat = readStat(pid);
    return stat !== null && stat.group === group && isAlive(stat);
  });
}

/**
 * Live processes whose environment holds `NAME=value`: finds what left the process group by setsid. A process that
 * clears its own environment escapes this; it does not escape the unit's control group when the runtime stops.
 */
export function marked(name: string, value: string): readonly number[] {
  const entry = `${name}=${value}`;
  return allPids().filter((pid) => {
    if (pid === process.pid) return false;
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(entry)) return false;
    } catch {
      return false;
    }
    const stat = readStat(pid);
    return stat !== null && isAlive(stat);
  });
}

export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Gone already, or never ours to signal: groupAlive tells which.
  }
}

export function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** True when the pid still is the process that was recorded. */
export function isSame(pid: number, startTime: string): boolean {
  return readStat(pid)?.startTime === startTime;
}

export interface Grace {
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly termMs: number;
  /** Milliseconds after SIGKILL until we give up (a process in uninterruptible sleep). */
  readonly killMs: number;
}

export const GRACE: Grace = { termMs: 5_000, killMs: 10_000 };
/** Between two looks at what still lives. */
const LOOKS = { firstMs: 10, lastMs: 200 } as const;

/** SIGTERM, then SIGKILL, of the group and of whatever carries the mark; true once nothing of it lives. */
export async function endGroup(
  group: number,
  mark: readonly [string, string],
  grace: Grace = GRACE,
): Promise<boolean> {
  const begin = performance.now();
  signalGroup(group, "SIGTERM");
  for (const pid of marked(...mark)) signalPid(pid, "SIGTERM");
  for (let looks = 1; ; looks++) {
    await new Promise((resolve) => setTimeout(resolve, backoff(LOOKS, looks)));
    const elapsed = performance.now() - begin;
    const strays = groupAlive(group) ? null : marked(...mark);
    if (strays?.length === 0) return true;
    if (elapsed > grace.termMs + grace.killMs) return false;
    if (elapsed < grace.termMs) continue;
    signalGroup(group, "SIGKILL");
    for (const pid of strays ?? marked(...mark)) signalPid(pid, "SIGKILL");
  }
}
