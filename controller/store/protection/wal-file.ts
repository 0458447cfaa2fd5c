/**
 * Reads a write-ahead log as SQLite's recovery does: how many frames its checksums confirm, and which pages they hold.
 * Format: https://sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const HEADER = 32;
const FRAME_HEADER = 24;
/** Frames read at a time, into one buffer for all. */
const CHUNK = 256;
let chunk: Buffer = Buffer.alloc(0);
/** The last bit says in which byte order the checksums are computed: that of the machine which wrote the file. */
const MAGIC = 0x377f0682;
const BIG_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 0;

/** A place in the log: the generation (`salt` changes when the log restarts), the frame, the checksum up to it. */
export interface WalPosition {
  readonly salt: string;
  readonly frame: number;
  readonly sum: string;
}

export interface WalFile {
  readonly salt: string;
  /** Frames up to the last valid commit: what SQLite recovers. */
  readonly frames: number;
  /** The pages that these frames hold. */
  readonly pages: ReadonlySet<number>;
  /** The checksum up to a frame, counted from 1; null: the log does not reach it. */
  sumAt(frame: number): string | null;
}

export const sumText = (a: number, b: number): string =>
  a.toString(16).padStart(8, "0") + b.toString(16).padStart(8, "0");

/** Null: there is none, or its header is damaged, so that SQLite ignores all of it. */
export function readWal(path: string, pageSize: number): WalFile | null {
  const file = readWhole(path);
  if (file === null || file.length < HEADER) return null;
  if (file.readUInt32BE(0) !== (BIG_ENDIAN ? MAGIC + 1 : MAGIC) || file.readUInt32BE(8) !== pageSize)
    return null;
  const words = new Uint32Array(file.buffer, file.byteOffset, file.length >>> 2);
  let a = 0;
  let b = 0;
  const add = (from: number, bytes: number) => {
    for (let i = from >>> 2, end = (from + bytes) >>> 2; i < end; i += 2) {
      a = (a + (words[i] ?? 0) + b) | 0;
      b = (b + (words[i + 1] ?? 0) + a) | 0;
    }
  };
  add(0, 24);
  if (a >>> 0 !== file.readUInt32BE(24) || b >>> 0 !== file.readUInt32BE(28)) return null;
  const stride = FRAME_HEADER + pageSize;
  const sums: string[] = [];
  const numbers: number[] = [];
  let committed = 0;
  for (let at = HEADER; at + stride <= file.length; at += stride) {
    const page = file.readUInt32BE(at);
    if (page === 0 || !file.subarray(at + 8, at + 16).equals(file.subarray(16, 24))) break;
    add(at, 8);
    add(at + FRAME_HEADER, pageSize);
    if (a >>> 0 !== file.readUInt32BE(at + 16) || b >>> 0 !== file.readUInt32BE(at + 20)) break;
    numbers.push(page);
    sums.push(sumText(a >>> 0, b >>> 0));
    if (file.readUInt32BE(at + 4) !== 0) committed = numbers.length;
  }
  return {
    salt: file.toString("hex", 16, 24),
    frames: committed,
    pages: new Set(numbers.slice(0, committed)),
    sumAt: (frame) => (frame <= committed ? (sums[frame - 1] ?? null) : null),
  };
}

/** Separately allocated: views of 32-bit words need its alignment. */
function readWhole(path: string): Buffer | null {
  try {
    const read = readFileSync(path);
    const own = Buffer.alloc(read.length);
    read.copy(own);
    return own;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Calls back with each page in the first `frames` frames, its newest content last. The log must be whole. */
export function eachPage(
  path: string,
  frames: number,
  pageSize: number,
  visit: (page: number, content: Uint8Array) => void,
): void {
  const stride = FRAME_HEADER + pageSize;
  const file = openSync(path, "r");
  try {
    if (chunk.length < CHUNK * stride) chunk = Buffer.allocUnsafe(CHUNK * stride);
    for (let first = 0; first < frames; first += CHUNK) {
      const wanted = Math.min(CHUNK, frames - first) * stride;
      if (readSync(file, chunk, 0, wanted, HEADER + first * stride) < wanted)
        throw new Error(`${path} ends before frame ${frames}`);
      const newest = new Map<number, number>();
      for (let at = 0; at < wanted; at += stride) newest.set(chunk.readUInt32BE(at), at);
      for (const [page, at] of newest)
        visit(page, chunk.subarray(at + FRAME_HEADER, at + FRAME_HEADER + pageSize));
    }
  } finally {
    // SQLite takes no lock on this file, so closing it frees none.
    closeSync(file);
  }
}
