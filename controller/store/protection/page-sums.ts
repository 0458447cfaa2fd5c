/**
 * A CRC-32 of every page of the database, in a file beside it. A changed page gets its new checksum when a checkpoint
 * writes it; until then the page is in the write-ahead log, which has its own checksums. Refused alternatives: a
 * checksum column in each row costs every write and cannot detect a missing row; SQLite's checksum VFS is not part of
 * node:sqlite.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { crc32 } from "../../base/crc32.ts";

export const PAGE_SIZE = 4096;
const MAGIC = "VMAGSUM1";
/** Header and checksums lie in blocks of their own. */
const BLOCK = 4096;
const IN_BLOCK = BLOCK / 4;
/** SQLite never writes this page (its locks lie there): https://sqlite.org/fileformat2.html#the_lock_byte_page */
const LOCK_PAGE = 2 ** 30 / PAGE_SIZE + 1;
/** Pages read at a time. */
const CHUNK = 1024;

export const sumsPath = (database: string): string => `${database}-pages`;

export type StoredSums =
  /** `being-made`: by a first start or a restore that has not ended; the next one begins again. */
  | { readonly kind: "none" | "being-made" | "damaged" }
  | { readonly kind: "complete"; readonly sums: Uint32Array };

export function readSums(path: string): StoredSums {
  if (!existsSync(path)) return { kind: "none" };
  const file = readFileSync(path);
  if (file.length < BLOCK || file.toString("latin1", 0, 8) !== MAGIC) return { kind: "damaged" };
  if (file.readUInt32LE(16) !== crc32(file.subarray(0, 16))) return { kind: "damaged" };
  if (file.readUInt32LE(12) === 0) return { kind: "being-made" };
  const count = file.readUInt32LE(8);
  if (file.length < BLOCK + count * 4) return { kind: "damaged" };
  const sums = new Uint32Array(count);
  for (let i = 0; i < count; i++) sums[i] = file.readUInt32LE(BLOCK + i * 4);
  return { kind: "complete", sums };
}

/** Zero means "not known", so a checksum is never zero. */
export const pageSum = (page: Uint8Array): number => crc32(page) || 1;

/** The checksum of each page of a file as it is now; a last page that is cut short counts as none. */
export function sumsOf(file: number): Uint32Array {
  const pages = Math.floor(fstatSync(file).size / PAGE_SIZE);
  const sums = new Uint32Array(pages);
  const chunk = Buffer.allocUnsafe(CHUNK * PAGE_SIZE);
  for (let first = 0; first < pages; first += CHUNK) {
    const bytes = readSync(file, chunk, 0, chunk.length, first * PAGE_SIZE);
    for (let i = 0; (i + 1) * PAGE_SIZE <= bytes && first + i < pages; i++)
      sums[first + i] = pageSum(chunk.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE));
  }
  return sums;
}

/** Numbers of pages that are not what their checksum says, those of `except` aside. */
export function damagedPages(
  actual: Uint32Array,
  known: Uint32Array,
  except: ReadonlySet<number>,
): readonly number[] {
  const damaged: number[] = [];
  for (let i = 0; i < known.length; i++) {
    const page = i + 1;
    if (actual[i] !== known[i] && page !== LOCK_PAGE && !except.has(page)) damaged.push(page);
  }
  return damaged;
}

export class PageSums {
  readonly #file: number;
  #sums: Uint32Array;
  #count: number;
  readonly #changed = new Set<number>();

  constructor(path: string, sums: Uint32Array) {
    this.#file = openSync(path, existsSync(path) ? "r+" : "w+", 0o600);
    this.#sums = sums;
    this.#count = sums.length;
  }

  /** What is there counts for nothing until the next `save`. */
  invalidate(): void {
    this.#writeHeader(0);
    fdatasyncSync(this.#file);
  }

  replaceAll(sums: Uint32Array): void {
    this.#sums = sums;
    this.#count = sums.length;
    for (let block = 0; block * IN_BLOCK < this.#count; block++) this.#changed.add(block);
  }

  set(page: number, sum: number): void {
    if (page > this.#sums.length) {
      const larger = new Uint32Array(Math.max(page, this.#sums.length * 2, IN_BLOCK));
      larger.set(this.#sums);
      this.#sums = larger;
    }
    this.#sums[page - 1] = sum;
    this.#count = Math.max(this.#count, page);
    this.#changed.add(Math.floor((page - 1) / IN_BLOCK));
  }

  /** On disk when it returns. A crash in between harms nothing: the pages concerned are still in the log. */
  save(): void {
    const block = Buffer.alloc(BLOCK);
    for (const number of this.#changed) {
      for (let i = 0; i < IN_BLOCK; i++) block.writeUInt32LE(this.#sums[number * IN_BLOCK + i] ?? 0, i * 4);
      writeSync(this.#file, block, 0, BLOCK, BLOCK + number * BLOCK);
    }
    this.#changed.clear();
    this.#writeHeader(1);
    fdatasyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }

  #writeHeader(complete: 0 | 1): void {
    const header = Buffer.alloc(BLOCK);
    header.write(MAGIC, 0, "latin1");
    header.writeUInt32LE(this.#count, 8);
    header.writeUInt32LE(complete, 12);
    header.writeUInt32LE(crc32(header.subarray(0, 16)), 16);
    writeSync(this.#file, header, 0, BLOCK, 0);
  }
}

/** The database beside it is about to be another one: its first start makes new checksums. */
export function forgetSums(database: string): void {
  const sums = new PageSums(sumsPath(database), new Uint32Array(0));
  sums.invalidate();
  sums.close();
}
