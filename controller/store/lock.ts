/**
 * The controller's lock: one writer for each state folder. It is an exclusive SQLite transaction on a file of its own, so
 * the operating system frees it the moment its process dies, however it dies; no pid is ever guessed about.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** Throws `locked`, naming the holder, when another process has it. */
export function acquireLock(home: string, holder: LockHolder): Lock {
  const db = new DatabaseSync(join(home, "controller.lock"));
  try {
    db.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    // 5 SQLITE_BUSY, 6 SQLITE_LOCKED; anything else is not somebody else's lock.
    const code = (error as { errcode?: number }).errcode;
    if (code !== 5 && code !== 6) throw error;
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

/** Who wrote the holder file last; it proves nothing about being alive. */
export function readHolder(home: string): LockHolder | null {
  try {
    return JSON.parse(readFileSync(holderFile(home), "utf8")) as LockHolder;
  } catch {
    return null;
  }
}

const holderFile = (home: string): string => join(home, "controller.json");
