/**
 * Keeps the two records by which lost writes and damaged pages are found (page-sums, commit-log) true while the database is
 * open for writing, and decides when the write-ahead log is copied into the database file.
 *
 * Order of a checkpoint: SQLite copies and syncs the pages; their checksums are written and synced; the commit log says that
 * the write-ahead log is not needed. Only the next commit begins that log again, so a crash anywhere in between leaves a
 * sound state. SQLite's own automatic checkpoints are off, because nothing could be written between its steps.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { CommitLog, commitLogPath, type Touched } from "./commit-log.ts";
import { PAGE_SIZE, PageSums, pageSum, sumsOf, sumsPath } from "./page-sums.ts";
import { eachPage, sumText, type WalPosition } from "./wal-file.ts";

/** Frames of the log after which it is copied (8 MiB): bounds what damage to the log can take, and the time of a start. */
const CHECKPOINT_FRAMES = 2000;
/** A reader keeps the log in use: tried again after so many more. */
const RETRY_FRAMES = 500;

export class Protection {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #sums: PageSums;
  readonly #log: CommitLog;
  /** Closed after the database only: closing any descriptor of a file frees the locks that SQLite has on it. */
  #file: number | null = null;
  readonly #index: number;
  /** The header of the index of the log; its eight bytes of salt. */
  readonly #header = new Uint32Array(12);
  readonly #salt = Buffer.from(this.#header.buffer, 32, 8);
  /** The last frame when the header was read. */
  #frame = 0;
  #next = CHECKPOINT_FRAMES;
  #isComplete: boolean;
  #onError: (error: unknown) => void = () => {};

  /**
   * `known`: the checksums of the file as it was before it was opened; null: they are made with the first checkpoint.
   * `isChanged`: they are not those beside the file, because it is damaged.
   */
  constructor(db: DatabaseSync, path: string, known: Uint32Array | null, isChanged: boolean) {
    this.#db = db;
    this.#path = path;
    this.#index = openSync(`${path}-shm`, "r");
    this.#sums = new PageSums(sumsPath(path), known ?? new Uint32Array(0));
    this.#log = new CommitLog(commitLogPath(path));
    this.#isComplete = known !== null;
    if (known !== null && isChanged) this.#sums.replaceAll(known);
    if (known === null) this.#sums.invalidate();
    this.checkpoint();
  }

  set onError(listener: (error: unknown) => void) {
    this.#onError = listener;
  }

  /** Called after each commit, before its writes are acknowledged. */
  committed(touched: readonly Touched[]): void {
    this.#log.add(this.#position(), touched);
  }

  /** Called when the writes of a commit are acknowledged. */
  checkpointIfDue(): void {
    const frame = this.#frame;
    if (frame < this.#next) return;
    try {
      if (!this.checkpoint()) this.#next = frame + RETRY_FRAMES;
    } catch (error) {
      this.#next = frame + RETRY_FRAMES;
      this.#onError(error);
    }
  }

  /** A page as it is in the database file. */
  readonly readPage = (page: number): Buffer => {
    this.#file ??= openSync(this.#path, "r");
    const content = Buffer.alloc(PAGE_SIZE);
    readSync(this.#file, content, 0, PAGE_SIZE, (page - 1) * PAGE_SIZE);
    return content;
  };

  /** False: a reader of another process still needs the log, so nothing was recorded. */
  checkpoint(): boolean {
    const row = this.#db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
    const frames = Number(row?.log);
    if (row?.busy !== 0 || Number(row.checkpointed) !== frames) return false;
    try {
      if (!this.#isComplete) this.#sums.replaceAll(this.#wholeFile());
      else if (frames > 0)
        eachPage(`${this.#path}-wal`, frames, PAGE_SIZE, (page, content) =>
          this.#sums.set(page, pageSum(content)),
        );
      this.#sums.save();
      this.#isComplete = true;
      this.#log.checkpoint(this.#position());
    } catch (error) {
      // The next commit begins the log again: checksums that are not current must not count.
      this.#sums.invalidate();
      this.#isComplete = false;
      throw error;
    }
    this.#next = CHECKPOINT_FRAMES;
    return true;
  }

  /** Closes the database. What a reader keeps in the log stays there, with its record. */
  close(): void {
    let keeper: DatabaseSync | null = null;
    try {
      if (!this.checkpoint()) throw new Error("the log is in use");
    } catch {
      // Or SQLite would copy it as the last one that closes, after which no record fits.
      keeper = new DatabaseSync(this.#path, { readOnly: true });
      keeper.exec("BEGIN");
      keeper.prepare("SELECT count(*) FROM sqlite_schema").get();
    }
    this.#db.close();
    keeper?.close();
    closeSync(this.#index);
    if (this.#file !== null) closeSync(this.#file);
    this.#sums.close();
    this.#log.close();
  }

  #wholeFile(): Uint32Array {
    this.#file ??= openSync(this.#path, "r");
    return sumsOf(this.#file);
  }

  /** From the index of the log, which SQLite keeps beside it: https://sqlite.org/walformat.html#the_wal_index_file_format */
  #position(): WalPosition {
    const words = this.#header;
    readSync(this.#index, words, 0, words.byteLength, 0);
    this.#frame = words[4] ?? 0;
    return {
      salt: this.#salt.toString("hex"),
      frame: words[4] ?? 0,
      sum: sumText(words[6] ?? 0, words[7] ?? 0),
    };
  }
}
