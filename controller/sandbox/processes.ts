// Live processes, identified by number and start time.
import { readFileSync } from "node:fs";

export interface ProcessMark {
  readonly pid: number;
  /** Start time in clock ticks, and which start of the host they count from (Linux); "" elsewhere: then the number alone counts. */
  readonly start: string;
}

export interface ProcessStat {
  readonly pid: number;
  readonly command: string;
  /** One letter of proc(5): R, S, D, T (stopped), Z (dead, not yet reaped). */
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  readonly start: string;
  readonly residentPages: number;
}

let bootId: string | undefined;

function hostBoot(): string {
  bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
  return bootId;
}

/** /proc/PID/stat, or undefined where the process, or /proc, does not exist. */
export function processStat(pid: number | "self"): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).split(" ");
  return {
    pid: Number.parseInt(text, 10),
    command: text.slice(text.indexOf("(") + 1, close),
    state: fields[0] ?? "?",
    parent: Number(fields[1]),
    session: Number(fields[3]),
    start: `${fields[19]}.${hostBoot()}`,
    residentPages: Number(fields[21] ?? 0),
  };
}

/** The mark of a process that lives now. */
export function markOf(pid: number): ProcessMark {
  return { pid, start: processStat(pid)?.start ?? "" };
}

let ownMark: ProcessMark | undefined;

export function self(): ProcessMark {
  ownMark ??= { pid: process.pid, start: processStat("self")?.start ?? "" };
  return ownMark;
}

/** Whether exactly this process lives; a zombie does not. */
export function lives(mark: ProcessMark): boolean {
  if (process.platform === "linux") {
    const stat = processStat(mark.pid);
    return stat !== undefined && stat.state !== "Z" && (mark.start === "" || stat.start === mark.start);
  }
  return signal(mark.pid, 0);
}

/** Whether the process is frozen by SIGSTOP. */
export function isFrozen(mark: ProcessMark): boolean {
  const stat = processStat(mark.pid);
  return stat !== undefined && stat.state === "T" && stat.start === mark.start;
}

/** Sends a signal; false where no process receives it. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Stops this process for a moment without giving up its turn. */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
