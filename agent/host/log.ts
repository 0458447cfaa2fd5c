/** Plain lines on stdout for journald, numbered ones on disk, and the last of them for the hub's `log` frames. */
import type { LogLine, LogStore } from "./log-store.ts";

export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** To stdout alone: what the hub itself said, which must not go back to it. */
  local(message: string): void;
  /** Lines that the hub has not been given yet, oldest first; they are forgotten here. */
  take(): readonly LogLine[];
  /** From now on lines are numbered and stored. */
  keep(store: LogStore): void;
  /** Called after each new line. */
  onLine(listener: () => void): void;
}

/** Lines kept while the hub is away; older ones are in journald. */
const KEPT = 200;

/** Callers never pass tokens, secrets, environments or command lines: there is nothing to redact here. */
export function createLog(write: (text: string) => void, now: () => number = Date.now): Log {
  let pending: LogLine[] = [];
  let listener: () => void = () => {};
  let store: LogStore | null = null;
  const print = (level: string, message: string, at: number): void =>
    write(`${new Date(at).toISOString()} ${level.padEnd(5)} ${message}\n`);
  const line = (level: LogLine["level"], message: string): void => {
    const at = now();
    print(level, message, at);
    const added = { level, message, at };
    pending.push(store === null ? added : store.add(added));
    if (pending.length > KEPT) pending.shift();
    listener();
  };
  return {
    info: (message) => line("info", message),
    warn: (message) => line("warn", message),
    error: (message) => line("error", message),
    local: (message) => print("info", message, now()),
    take: () => {
      const taken = pending;
      pending = [];
      return taken;
    },
    keep: (kept) => {
      store = kept;
    },
    onLine: (added) => {
      listener = added;
    },
  };
}
