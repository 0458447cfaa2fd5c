/** Which tasks this runtime has taken, on disk, so that a redelivered task is never executed twice. */
import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, readJson, writeAtomic } from "../host/files.ts";
import { isRecord, type ResponsePayload, type TaskPayload, type TaskState } from "../session/wire.ts";

export interface JournalEntry {
  readonly taskId: string;
  readonly epoch: number;
  readonly state: TaskState;
  /** Milliseconds since the Unix epoch of the last transition. */
  readonly at: number;
  /** The task itself, until it has finished. */
  readonly task?: TaskPayload;
  /** Leader of the process group while running, with what proves that the pid was not reused. */
  readonly process?: { readonly pid: number; readonly startTime: string; readonly bootId: string };
  /** When finished: the response without its output. */
  readonly summary?: ResponsePayload;
  /** The hub has said that the result is on its disk. */
  readonly stored?: boolean;
}

/** Finished entries that are kept to recognise a redelivery; at one small file each this stays below 2 MB. */
export const KEPT_FINISHED = 500;

export class Journal {
  readonly #dir: string;
  readonly #entries = new Map<string, JournalEntry>();

  constructor(dir: string) {
    this.#dir = dir;
    ensureDir(dir);
    const found: JournalEntry[] = [];
    for (const name of readdirSync(dir)) {
      const entry = name.endsWith(".json") ? parseEntry(readJson(join(dir, name))) : null;
      // A torn or foreign file proves nothing about any task and would be read again at every start.
      if (entry === null) rmSync(join(dir, name), { force: true, recursive: true });
      else found.push(entry);
    }
    for (const entry of found.sort((a, b) => a.at - b.at)) this.#entries.set(entry.taskId, entry);
  }

  get(taskId: string): JournalEntry | undefined {
    return this.#entries.get(taskId);
  }

  /** Oldest transition first. */
  all(): readonly JournalEntry[] {
    return [...this.#entries.values()];
  }

  /** Throws when the disk refuses; the former entry is then still in force. `sync: false`: need not survive a power cut. */
  put(entry: JournalEntry, sync = true): void {
    writeAtomic(join(this.#dir, fileName(entry.taskId)), JSON.stringify(entry), { sync });
    this.remember(entry);
    if (entry.state === "finished") this.#prune();
  }

  /** In memory only: what is true although the disk would not take it. */
  remember(entry: JournalEntry): void {
    this.#entries.delete(entry.taskId);
    this.#entries.set(entry.taskId, entry);
  }

  #prune(): void {
    const settled = [...this.#entries.values()].filter(
      (entry) => entry.state === "finished" && entry.stored === true,
    );
    for (const entry of settled.slice(0, Math.max(0, settled.length - KEPT_FINISHED))) {
      rmSync(join(this.#dir, fileName(entry.taskId)), { force: true });
      this.#entries.delete(entry.taskId);
    }
  }
}

/** Task ids come from outside: whatever is not plain is hashed, so that no id is a path. */
export function fileName(taskId: string): string {
  const plain = /^[A-Za-z0-9_-]{1,100}$/.test(taskId);
  return `${plain ? taskId : `h-${createHash("sha256").update(taskId).digest("hex")}`}.json`;
}

function parseEntry(value: unknown): JournalEntry | null {
  if (!isRecord(value)) return null;
  const { taskId, epoch, state, at } = value;
  if (typeof taskId !== "string" || typeof epoch !== "number" || typeof at !== "number") return null;
  if (state !== "accepted" && state !== "running" && state !== "finished") return null;
  return value as unknown as JournalEntry;
}
