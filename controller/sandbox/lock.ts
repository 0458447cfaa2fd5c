// A lock between processes, first come first served, that survives kill -9 of its holder.
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lives, self, sleep } from "./processes.ts";

// Invariants.
// 1. The lock's history is a row of files lock.N. The one with the highest N says who holds it: a process mark, or nothing (free).
// 2. Taking it is link(2) of a finished file to lock.N+1: it succeeds for one process only. There is no "remove the stale lock", so two
//    processes that find the same dead holder cannot remove each other's lock.
// 3. A slow process may recreate a number that was already cleared away. It looks again after linking and withdraws, since a higher one exists.
// 4. Tickets (t-TIME-PID-START) only order the waiting; whoever is wrong about them waits longer, never enters twice.

const POLL_MS = 3;

export interface LockOptions {
  /** Asked each turn before the lock is taken, with the names of all files beside it. */
  readonly mayEnter?: (names: readonly string[]) => boolean;
}

/** Waits for its turn; the result gives the lock back. */
export async function acquire(directory: string, options: LockOptions = {}): Promise<() => void> {
  let ticket = "";
  try {
    for (;;) {
      const names = list(directory);
      const turn = ticket === "" ? !names.some(isLiveTicket) : firstTicket(directory, names) === ticket;
      if (turn && (options.mayEnter?.(names) ?? true)) {
        const leave = take(directory, names);
        if (leave) return leave;
      }
      if (ticket === "") ticket = draw(directory);
      await sleep(POLL_MS);
    }
  } finally {
    if (ticket !== "") rmSync(join(directory, ticket), { force: true });
  }
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return [];
  }
}

function draw(directory: string): string {
  const { pid, start } = self();
  const time = String(BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000))).padStart(
    18,
    "0",
  );
  const name = `t-${time}-${pid}-${start}`;
  writeFileSync(join(directory, name), "");
  return name;
}

function isLiveTicket(name: string): boolean {
  if (!name.startsWith("t-")) return false;
  const [, , pid, start] = name.split("-");
  return lives({ pid: Number(pid), start: start ?? "" });
}

/** The oldest ticket whose owner lives; those of the dead are cleared away (a ticket's name is never used twice). */
function firstTicket(directory: string, names: readonly string[]): string | undefined {
  const tickets = names.filter((name) => name.startsWith("t-")).sort();
  for (const ticket of tickets) {
    if (isLiveTicket(ticket)) return ticket;
    rmSync(join(directory, ticket), { force: true });
  }
  return undefined;
}

const numbers = (names: readonly string[]): readonly number[] =>
  names.filter((name) => name.startsWith("lock.")).map((name) => Number(name.slice(5)));

function take(directory: string, names: readonly string[]): (() => void) | undefined {
  const highest = Math.max(0, ...numbers(names));
  if (highest > 0 && isHeld(join(directory, `lock.${highest}`))) return undefined;
  const mine = highest + 1;
  const path = join(directory, `lock.${mine}`);
  const draft = join(directory, `draft-${process.pid}-${mine}`);
  writeFileSync(draft, `${self().pid} ${self().start}`);
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const now = numbers(readdirSync(directory));
  if (Math.max(...now) !== mine) {
    rmSync(path, { force: true });
    return undefined;
  }
  for (const old of now) if (old < mine) rmSync(join(directory, `lock.${old}`), { force: true });
  return () => release(path);
}

function release(path: string): void {
  try {
    truncateSync(path, 0);
  } catch (error) {
    // The whole state folder was removed meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function isHeld(path: string): boolean {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return true;
  }
  if (text === "") return false;
  const [pid, start] = text.split(" ");
  return lives({ pid: Number(pid), start: start ?? "" });
}
