/**
 * Compares a database and its write-ahead log with the two records beside them. Reads only, and never through SQLite: recovery
 * of a damaged log goes back to an older state without a word.
 *
 * What a sound state looks like: the log reaches the place of the last commit that was recorded; every page that the log does
 * not hold has its recorded checksum. More than that may be in the log: a commit that was not recorded was not acknowledged.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { type CommitLine, commitLogPath, readCommitLog } from "./commit-log.ts";
import { type Loss, NOTHING_LOST } from "./loss.ts";
import { damagedPages, PAGE_SIZE, readSums, sumsOf, sumsPath } from "./page-sums.ts";
import { readWal, type WalFile } from "./wal-file.ts";

export interface Verified {
  /** `unprotected`: there are no records yet, because the database is new, older, or just restored. */
  readonly kind: "unprotected" | "sound" | "damaged";
  /** Null unless damaged. For pages only the numbers are known here. */
  readonly loss: Loss | null;
  readonly pages: readonly number[];
  /** The log is damaged, and the database file has everything that it held, or is newer than the rest of it. */
  readonly discardWal: boolean;
  /** The current checksum of every page; null: unprotected. */
  readonly sums: Uint32Array | null;
}

/** The first schema version with both records. */
export const PROTECTED_SCHEMA = 5;

const UNPROTECTED: Verified = { kind: "unprotected", loss: null, pages: [], discardWal: false, sums: null };

export function verify(path: string, now: number): Verified {
  const stored = readSums(sumsPath(path));
  if (stored.kind === "being-made") return UNPROTECTED;
  if (stored.kind !== "complete") {
    if (stored.kind === "none" && schemaOf(path) < PROTECTED_SCHEMA) return UNPROTECTED;
    const why =
      stored.kind === "none"
        ? `${sumsPath(path)} is missing, so it cannot be known whether the database is whole`
        : `${sumsPath(path)} is damaged, so it cannot be known whether the database is whole`;
    return { ...UNPROTECTED, kind: "damaged", loss: { ...NOTHING_LOST, at: now, unverified: [why] } };
  }
  if (!existsSync(path))
    return { ...UNPROTECTED, kind: "damaged", loss: { ...NOTHING_LOST, at: now, isGone: true } };
  const unverified: string[] = [];
  const log = readCommitLog(commitLogPath(path));
  if (log.kind === "none")
    unverified.push(
      `${commitLogPath(path)} is missing, so it cannot be known whether the latest writes are there`,
    );
  if (log.kind === "damaged")
    unverified.push(
      `${commitLogPath(path)} is damaged, so it cannot be known whether the latest writes are there`,
    );
  const wal = readWal(`${path}-wal`, PAGE_SIZE);
  const { lost, discardWal } = compareLog(log.lines, wal);
  const sums = readActual(path);
  const inLog = discardWal || wal === null ? new Set<number>() : wal.pages;
  const pages = damagedPages(sums, stored.sums, inLog);
  if (unverified.length === 0 && lost.length === 0 && pages.length === 0)
    return { kind: "sound", loss: null, pages, discardWal, sums };
  const loss: Loss = {
    ...NOTHING_LOST,
    at: now,
    ...summed(lost),
    pages: pages.map((page) => ({ page, of: null, rows: null, tasks: [] })),
    unverified,
  };
  return { kind: "damaged", loss, pages, discardWal, sums };
}

/** Recorded commits that the log does not confirm. */
function compareLog(
  lines: readonly CommitLine[],
  wal: WalFile | null,
): { readonly lost: readonly CommitLine[]; readonly discardWal: boolean } {
  const reached = (line: CommitLine): boolean =>
    wal !== null && wal.salt === line.salt && (line.frame === 0 || wal.sumAt(line.frame) === line.sum);
  const [first] = lines;
  const checkpoint = first?.checkpoint ? first : null;
  const last = lines.at(-1);
  if (!last) return { lost: [], discardWal: false };
  // The rest of this generation is older than the database file.
  const isOlder = checkpoint !== null && wal !== null && wal.salt === checkpoint.salt && !reached(checkpoint);
  if (last.checkpoint) return { lost: [], discardWal: isOlder };
  // The log restarts only when all of it is in the database file: earlier generations are safe.
  const generation = lines.filter((line) => line !== checkpoint && line.salt === last.salt);
  const lost = isOlder ? generation : generation.filter((line) => !reached(line));
  return { lost, discardWal: isOlder };
}

function summed(lost: readonly CommitLine[]): Pick<Loss, "commits" | "tasks" | "audit" | "tables"> {
  const tasks = new Map<string, string>();
  const tables = new Set<string>();
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const line of lost) {
    const written = line.tasks ?? [];
    for (let i = 0; i < written.length; i += 2) tasks.set(written[i] ?? "", written[i + 1] ?? "");
    for (const table of line.tables ?? []) tables.add(table);
    if (line.audit) {
      from = Math.min(from, line.audit[0]);
      to = Math.max(to, line.audit[1]);
    }
  }
  return {
    commits: lost.length,
    tasks: [...tasks].map(([id, state]) => ({ id, state })),
    audit: to > 0 ? { from, to } : null,
    tables: [...tables],
  };
}

function readActual(path: string): Uint32Array {
  const file = openSync(path, "r");
  try {
    return sumsOf(file);
  } finally {
    // Closing frees every lock of this process on the file: no database handle may be open here.
    closeSync(file);
  }
}

/** `user_version` in the file's header. */
export function schemaOf(path: string): number {
  if (!existsSync(path) || statSync(path).size < PAGE_SIZE) return 0;
  const file = openSync(path, "r");
  try {
    const header = Buffer.alloc(100);
    readSync(file, header, 0, 100, 0);
    return header.readUInt32BE(60);
  } finally {
    closeSync(file);
  }
}
