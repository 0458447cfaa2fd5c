// All processes of one boot: found, frozen, thawed and ended without leaving one behind.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import {
  isFrozen,
  lives,
  type ProcessMark,
  type ProcessStat,
  pause,
  processStat,
  signal,
} from "../processes.ts";
import { BOOT_VARIABLE } from "./program.ts";

interface Boot {
  readonly id: string;
  readonly process: ProcessMark;
}

/**
 * The processes of a boot, its init among them: the init and its session, every process that carries the boot's mark in
 * its environment (a daemon that left its parent, an `exec` of a client), and all their descendants. Start times
 * identify processes, since numbers are reused.
 */
export function members(boot: Boot): readonly ProcessStat[] {
  const all = process.platform === "linux" ? linuxProcesses() : otherProcesses();
  const initLives = lives(boot.process);
  const chosen = new Set<number>();
  for (const it of all) {
    const inSession = initLives && (it.session === boot.process.pid || it.pid === boot.process.pid);
    if ((inSession || isMarked(it.pid, boot.id)) && it.state !== "Z") chosen.add(it.pid);
  }
  addDescendants(all, chosen);
  chosen.delete(process.pid);
  return all.filter(({ pid }) => chosen.has(pid));
}

/** The processes below one, nearest first or not. */
export function descendants(pid: number): readonly ProcessStat[] {
  const all = process.platform === "linux" ? linuxProcesses() : otherProcesses();
  const chosen = new Set([pid]);
  addDescendants(all, chosen);
  chosen.delete(pid);
  return all.filter((it) => chosen.has(it.pid));
}

function addDescendants(all: readonly ProcessStat[], chosen: Set<number>): void {
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size;
    for (const it of all) if (chosen.has(it.parent) && it.state !== "Z") chosen.add(it.pid);
  }
}

function linuxProcesses(): readonly ProcessStat[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => processStat(Number(pid)) ?? []);
}

/** Elsewhere ps says it; the session is taken to be the process group, which holds for what does not leave it. */
function otherProcesses(): readonly ProcessStat[] {
  const lines = execFileSync("ps", ["-axo", "pid=,ppid=,pgid=,state=,rss=,comm="], {
    encoding: "utf8",
  }).split("\n");
  return lines.flatMap((line) => {
    const [pid, parent, session, state, rss, ...command] = line.trim().split(/\s+/);
    if (!pid) return [];
    return {
      pid: Number(pid),
      command: command.join(" "),
      state: (state ?? "?").slice(0, 1),
      parent: Number(parent),
      session: Number(session),
      start: "",
      residentPages: Number(rss) / 4,
    };
  });
}

function isMarked(pid: number, id: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`${BOOT_VARIABLE}=${id}`);
  } catch {
    return false;
  }
}

/** Freezes all, so that none escapes by starting another, and kills until none is left. */
export function killAll(boot: Boot): void {
  freeze(boot);
  for (let round = 0; round < 2000; round += 1) {
    const left = members(boot);
    if (left.length === 0) return;
    for (const { pid } of left) signal(pid, "SIGKILL");
    pause(Math.min(1 + round, 10));
  }
  throw new Error(`processes of the instance do not end: ${members(boot).map(({ pid }) => pid)}`);
}

/** Freezes all of them, the init first so that it starts nothing more; done when all are. */
export function freeze(boot: Boot): void {
  if (lives(boot.process)) signal(boot.process.pid, "SIGSTOP");
  for (let round = 0; round < 500; round += 1) {
    const awake = members(boot).filter(({ state }) => state !== "T");
    if (awake.length === 0) return;
    for (const { pid } of awake) signal(pid, "SIGSTOP");
    pause(2);
  }
}

/** Thaws all of them, the init last. */
export function thaw(boot: Boot): void {
  for (const { pid } of members(boot)) if (pid !== boot.process.pid) signal(pid, "SIGCONT");
  signal(boot.process.pid, "SIGCONT");
}

/** Asks the init to shut down; false where it has not within the given milliseconds. */
export async function powerDown(
  boot: Boot,
  patience: number,
  sleep: (ms: number) => Promise<void>,
): Promise<boolean> {
  if (isFrozen(boot.process)) patience = Math.min(patience, 2_000);
  signal(boot.process.pid, "SIGTERM");
  const deadline = Date.now() + patience;
  while (lives(boot.process)) {
    if (Date.now() > deadline) return false;
    await sleep(4);
  }
  return true;
}

/** Bytes of memory that the processes of a boot use together. */
export function residentBytes(boot: Boot): number {
  return members(boot).reduce((sum, { residentPages }) => sum + residentPages * 4096, 0);
}
