/** Results on disk until the hub says that it has them. */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, readJson, writeAtomic } from "../host/files.ts";
import { fileName } from "./journal.ts";
import { summarise } from "./result.ts";
import { isRecord, type ResponsePayload } from "../session/wire.ts";

/** Results that may wait for the hub; beyond this new tasks are refused, and no end of a task is ever thrown away. */
export const SPOOL_LIMIT = 256;
/** Bytes that they may have; beyond this the oldest lose their output, and say in `droppedBytes` how much that was. */
export const SPOOL_BYTES: number = 32 * 2 ** 20;

/** Of those that the disk refused so many keep their output. */
const WHOLE_IN_MEMORY = 8;
/** There is nothing left to take from a file of so many bytes. */
const SHORT = 2048;

export class Spool {
  readonly #dir: string;
  /** Bytes of each, in the order of their ends. */
  readonly #onDisk = new Map<string, number>();
  readonly #limit: number;
  #bytes = 0;
  /** Results that the disk would not take; they live as long as the process and are tried again by `retry`. */
  readonly #unsaved = new Map<string, ResponsePayload>();

  constructor(dir: string, limit: number = SPOOL_BYTES) {
    this.#dir = dir;
    this.#limit = limit;
    ensureDir(dir);
    const names = readdirSync(dir)
      .filter((name) => name.endsWith(".json"))
      .map((name) => ({ name, about: statSync(join(dir, name)) }))
      .sort((a, b) => a.about.mtimeMs - b.about.mtimeMs);
    for (const { name, about } of names) {
      const response = parseResponse(readJson(join(dir, name)));
      if (response === null) rmSync(join(dir, name), { force: true });
      else this.#note(response.taskId, about.size);
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
    return [...this.#onDisk.keys(), ...this.#unsaved.keys()];
  }

  /** False when only memory has it. */
  put(response: ResponsePayload): boolean {
    if (!this.#write(response)) {
      this.#unsaved.set(response.taskId, response);
      const older = [...this.#unsaved].slice(0, -WHOLE_IN_MEMORY);
      for (const [taskId, kept] of older) this.#unsaved.set(taskId, summarise(kept));
      return false;
    }
    this.#unsaved.delete(response.taskId);
    for (const [taskId, bytes] of this.#onDisk) {
      if (this.#bytes <= this.#limit) break;
      if (bytes > SHORT) this.#shorten(taskId);
    }
    return true;
  }

  #write(response: ResponsePayload): boolean {
    const text = JSON.stringify(response);
    try {
      writeAtomic(join(this.#dir, fileName(response.taskId)), text);
    } catch {
      return false;
    }
    this.#note(response.taskId, Buffer.byteLength(text));
    return true;
  }

  #note(taskId: string, bytes: number): void {
    this.#bytes += bytes - (this.#onDisk.get(taskId) ?? 0);
    this.#onDisk.set(taskId, bytes);
  }

  /** How it ended stays. */
  #shorten(taskId: string): void {
    const response = this.get(taskId);
    if (response !== null) this.#write(summarise(response));
  }

  get(taskId: string): ResponsePayload | null {
    const unsaved = this.#unsaved.get(taskId);
    if (unsaved !== undefined) return unsaved;
    if (!this.#onDisk.has(taskId)) return null;
    return parseResponse(readJson(join(this.#dir, fileName(taskId))));
  }

  remove(taskId: string): void {
    this.#unsaved.delete(taskId);
    const bytes = this.#onDisk.get(taskId);
    if (bytes === undefined) return;
    this.#onDisk.delete(taskId);
    this.#bytes -= bytes;
    rmSync(join(this.#dir, fileName(taskId)), { force: true });
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
