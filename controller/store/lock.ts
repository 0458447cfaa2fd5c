/**
 * The controller's lock: one writer for each state folder. It is an exclusive SQLite transaction on its own file, so
 * the operating system frees it the moment its process dies; no pid is ever interpreted.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { VmAgentError } from "../base/errors.ts";

export interface LockHolder {
  readonly pid: number;
  /** The command that holds it, e.g. `vm-agent up`. */
  readonly command: string;
  readonly since: number;
}

export interface Lock {
  release(): void;
}

/** How long `isLocked` of other processes may block a free lock. Milliseconds. */
const PROBE_MS = 250;
const lockFile = (home: string): string => join(home, "controller.lock");

/** 5 SQLITE_BUSY, 6 SQLITE_LOCKED; anything else is not another process's lock. */
const isBusy = (error: unknown): boolean => [5, 6].includes((error as { errcode?: number }).errcode ?? 0);

/**
 * Whether a process holds the lock now. The operating system answers, so a file left behind by a power cut does not
 * count.
 */
export function isLocked(home: string): boolean {
  if (!existsSync(lockFile(home))) return false;
  const db = new DatabaseSync(lockFile(home), { readOnly: true });
  try {
    db.exec("PRAGMA busy_timeout = 0; SELECT count(*) FROM sqlite_schema");
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    db.close();
  }
}

/** The process that holds the lock now, as it recorded itself; null: none, or not recorded yet. */
export function currentHolder(home: string): LockHolder | null {
  return isLocked(home) ? readHolder(home) : null;
}

/** Throws `locked`, naming the holder, when another process has it. */
export function acquireLock(home: string, holder: LockHolder): Lock {
  const db = new DatabaseSync(lockFile(home));
  try {
    db.exec(`PRAGMA busy_timeout = ${PROBE_MS}; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE`);
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw error;
    const other = readHolder(home);
    throw new VmAgentError({
      code: "locked",
      message: other
        ? `"${other.command}" (pid ${other.pid}) has controlled this fleet since ${new Date(other.since).toISOString()}`
        : "another vm-agent controls this fleet",
      next: "let it do the work (vm-agent reconcile), or stop it first",
      cause: error,
    });
  }
  writeFileSync(holderFile(home), JSON.stringify(holder), { mode: 0o600 });
  return {
    release() {
      rmSync(holderFile(home), { force: true });
      db.close();
    },
  };
}

/** The last process that held the lock, alive or not (see `currentHolder`). */
export function readHolder(home: string): LockHolder | null {
  try {
    return JSON.parse(readFileSync(holderFile(home), "utf8")) as LockHolder;
  } catch {
    return null;
  }
}

const holderFile = (home: string): string => join(home, "controller.json");
