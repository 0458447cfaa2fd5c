/** Results on disk until the hub says that it has them. */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, readJson, writeAtomic } from "./files.ts";
import { fileName } from "./journal.ts";
import { isRecord, type ResponsePayload } from "./wire.ts";

/** Results that may wait for the hub; beyond this new tasks are refused, and no result is ever thrown away. */
export const SPOOL_LIMIT = 256;

export class Spool {
  readonly #dir: string;
  readonly #onDisk = new Set<string>();
  /** Results that the disk would not take; they live as long as the process and are tried again by `retry`. */
  readonly #unsaved = new Map<string, ResponsePayload>();

  constructor(dir: string) {
    this.#dir = dir;
    ensureDir(dir);
    const names = readdirSync(dir)
      .filter((name) => name.endsWith(".json"))
      .map((name) => ({ name, at: statSync(join(dir, name)).mtimeMs }))
      .sort((a, b) => a.at - b.at);
    for (const { name } of names) {
      const response = parseResponse(readJson(join(dir, name)));
      if (response === null) rmSync(join(dir, name), { force: true });
      else this.#onDisk.add(response.taskId);
    }
  }

  get size(): number {
    return this.#onDisk.size + this.#unsaved.size;
  }

  get full(): boolean {
    return this.size >= SPOOL_LIMIT;
  }

  get unsaved(): number {
    return this.#unsaved.size;
  }

  /** Oldest first. */
  ids(): readonly string[] {
    return [...this.#onDisk, ...this.#unsaved.keys()];
  }

  /** False when only memory has it. */
  put(response: ResponsePayload): boolean {
    try {
      writeAtomic(join(this.#dir, fileName(response.taskId)), JSON.stringify(response));
    } catch {
      this.#unsaved.set(response.taskId, response);
      return false;
    }
    this.#unsaved.delete(response.taskId);
    this.#onDisk.add(response.taskId);
    return true;
  }

  get(taskId: string): ResponsePayload | null {
    const unsaved = this.#unsaved.get(taskId);
    if (unsaved !== undefined) return unsaved;
    if (!this.#onDisk.has(taskId)) return null;
    return parseResponse(readJson(join(this.#dir, fileName(taskId))));
  }

  remove(taskId: string): void {
    this.#unsaved.delete(taskId);
    if (this.#onDisk.delete(taskId)) rmSync(join(this.#dir, fileName(taskId)), { force: true });
  }

  /** Tries again to write what the disk refused; the ids that it took. */
  retry(): readonly string[] {
    return [...this.#unsaved.values()]
      .filter((response) => this.put(response))
      .map((response) => response.taskId);
  }
}

function parseResponse(value: unknown): ResponsePayload | null {
  if (!isRecord(value) || typeof value.taskId !== "string" || typeof value.epoch !== "number") return null;
  if (typeof value.success !== "boolean" || !isRecord(value.result)) return null;
  return value as unknown as ResponsePayload;
}
