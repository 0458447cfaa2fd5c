/**
 * What was committed since the last checkpoint, in a file beside the database: one line for each transaction, with its place in
 * the write-ahead log and what it wrote. A log that lost its end is found by it, and the loss has names.
 *
 * A line is written after the commit is on disk and before the writes are acknowledged, without an fsync of its own: it
 * outlives a crash of the process at once, and a power cut after at most FLUSH_MS. It never claims what is not on disk.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "../../base/crc32.ts";
import type { WalPosition } from "./wal-file.ts";

export const commitLogPath = (database: string): string => `${database}-commits`;

/** What one write touched. */
export interface Touched {
  readonly table: string;
  /** Of `tasks`: the task, and the state that it got. */
  readonly task?: { readonly id: string; readonly state: string };
  /** Of `audit`: the entry; known once the write ran. */
  seq?: number;
}

export interface CommitLine extends WalPosition {
  /** Everything up to here is in the database file; the log is not needed any more. */
  readonly checkpoint?: true;
  /** Id and state in turn: half the cost of an object with a key for each. */
  readonly tasks?: readonly string[];
  readonly audit?: readonly [first: number, last: number];
  readonly tables?: readonly string[];
}

const FLUSH_MS = 1000;
/** Beyond this size a checkpoint begins the file again. */
const ROTATE_BYTES = 1024 * 1024;

export interface StoredLog {
  readonly kind: "none" | "damaged" | "whole";
  /** From the last checkpoint on. */
  readonly lines: readonly CommitLine[];
}

/** A last line that is cut off was never acknowledged; anything else that does not fit its checksum is damage. */
export function readCommitLog(path: string): StoredLog {
  if (!existsSync(path)) return { kind: "none", lines: [] };
  const parts = readFileSync(path, "utf8").split("\n");
  parts.pop();
  let damaged = false;
  let lines: CommitLine[] = [];
  for (const part of parts) {
    const line = parseLine(part);
    if (line === null) damaged = true;
    else if (line.checkpoint) lines = [line];
    else lines.push(line);
  }
  return { kind: damaged ? "damaged" : "whole", lines };
}

function parseLine(text: string): CommitLine | null {
  const json = text.slice(9);
  if (crc32(json).toString(16).padStart(8, "0") !== text.slice(0, 8)) return null;
  try {
    return JSON.parse(json) as CommitLine;
  } catch {
    return null;
  }
}

function lineText(line: CommitLine): string {
  const json = JSON.stringify(line);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
}

export class CommitLog {
  readonly #path: string;
  #file: number;
  #at: number;
  #unwritten = "";
  #flushing: NodeJS.Timeout | null = null;

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, existsSync(path) ? "r+" : "w+", 0o600);
    // Behind a line that a crash cut off nothing could be read any more.
    this.#at = readFileSync(path).lastIndexOf("\n") + 1;
    ftruncateSync(this.#file, this.#at);
  }

  add(position: WalPosition, touched: readonly Touched[]): void {
    const tasks: string[] = [];
    const tables = new Set<string>();
    let first = Number.POSITIVE_INFINITY;
    let last = 0;
    for (const { table, task, seq } of touched) {
      if (task) tasks.push(task.id, task.state);
      else if (seq !== undefined) {
        first = Math.min(first, seq);
        last = Math.max(last, seq);
      } else tables.add(table);
    }
    this.#write(
      lineText({
        ...position,
        ...(tasks.length > 0 && { tasks }),
        ...(last > 0 && { audit: [first, last] }),
        ...(tables.size > 0 && { tables: [...tables] }),
      }),
    );
    this.#flushing ??= setTimeout(() => {
      this.#flushing = null;
      // What it is for happens with the next checkpoint at the latest.
      fdatasync(this.#file, () => {});
    }, FLUSH_MS).unref();
  }

  /** On disk when it returns: only then may the write-ahead log begin again. */
  checkpoint(position: WalPosition): void {
    this.#write(lineText({ ...position, checkpoint: true }));
    if (this.#unwritten !== "") throw new Error(`${this.#path} cannot be written`);
    if (this.#at > ROTATE_BYTES) this.#rotate(position);
    else fdatasyncSync(this.#file);
  }

  close(): void {
    if (this.#flushing) clearTimeout(this.#flushing);
    closeSync(this.#file);
  }

  /** A line that finds no room is written with the next: the commit itself is on disk, whatever happens here. */
  #write(text: string): void {
    this.#unwritten += text;
    try {
      const bytes = Buffer.from(this.#unwritten);
      let done = 0;
      while (done < bytes.length) {
        const wrote = writeSync(this.#file, bytes, done, bytes.length - done, this.#at + done);
        if (wrote === 0) return;
        done += wrote;
      }
      this.#at += bytes.length;
      this.#unwritten = "";
    } catch {
      // A part of it may be there; the next attempt writes over it.
    }
  }

  #rotate(position: WalPosition): void {
    const fresh = `${this.#path}.tmp`;
    const file = openSync(fresh, "w+", 0o600);
    const text = Buffer.from(lineText({ ...position, checkpoint: true }));
    writeSync(file, text);
    fdatasyncSync(file);
    renameSync(fresh, this.#path);
    const folder = openSync(dirname(this.#path), "r");
    fsyncSync(folder);
    closeSync(folder);
    closeSync(this.#file);
    this.#file = file;
    this.#at = text.length;
  }
}
