/** The runtime's log on disk, numbered and bounded: two files, of which the older is replaced when the newer is full. */
import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, readText, writeAtomic } from "./files.ts";
import { isRecord } from "../session/wire.ts";

/** Each of the two files. */
export const LOG_FILE_BYTES = 262_144;
const MESSAGE_CHARS = 4_000;
/** Lines and bytes of one answer. */
const PAGE_LINES = 500;
const PAGE_BYTES = 200_000;
/** Kept in memory too, for a disk that takes nothing. */
const RECENT = 200;

export interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export interface NumberedLine extends LogLine {
  readonly seq: number;
}

export interface LogPage {
  /** Another id: another log, whose numbers mean other lines. */
  readonly id: string;
  /** The oldest and the newest number; both 0 when the log is empty. */
  readonly first: number;
  readonly last: number;
  readonly lines: readonly NumberedLine[];
}

export interface LogStore {
  add(line: LogLine): NumberedLine;
  /** The oldest lines after that number, or with `after` null the newest `lines`. */
  page(after: number | null, lines: number): LogPage;
}

export function openLogStore(dir: string, fileBytes: number = LOG_FILE_BYTES): LogStore {
  const file = join(dir, "log");
  const older = join(dir, "log.1");
  let recent: NumberedLine[] = [];
  const all = (): readonly NumberedLine[] => {
    const stored = [...parse(older), ...parse(file)];
    const known = stored.at(-1)?.seq ?? 0;
    return [...stored, ...recent.filter((line) => line.seq > known)];
  };
  let last = all().at(-1)?.seq ?? 0;
  let size = sizeOf(file);
  const id = identify(dir);
  return {
    add(line) {
      last += 1;
      const numbered = { seq: last, ...line, message: line.message.slice(0, MESSAGE_CHARS) };
      recent = [...recent.slice(1 - RECENT), numbered];
      try {
        const text = `${JSON.stringify(numbered)}\n`;
        if (size + text.length > fileBytes && size > 0) {
          renameSync(file, older);
          size = 0;
        }
        appendFileSync(file, text, { mode: 0o600 });
        size += Buffer.byteLength(text);
      } catch {
        // A full disk: the newest lines are in memory, and in journald.
      }
      return numbered;
    },
    page(after, lines) {
      const known = all();
      const wanted = Math.max(1, Math.min(PAGE_LINES, lines));
      const found = after === null ? known.slice(-wanted) : known.filter((line) => line.seq > after);
      const page: NumberedLine[] = [];
      let bytes = 0;
      for (const line of after === null ? [...found].reverse() : found) {
        bytes += line.message.length + 64;
        if (page.length >= wanted || (bytes > PAGE_BYTES && page.length > 0)) break;
        page.push(line);
      }
      return { id, first: known[0]?.seq ?? 0, last, lines: after === null ? page.reverse() : page };
    },
  };
}

/** A line that a crash cut off is left out. */
function parse(file: string): readonly NumberedLine[] {
  const lines: NumberedLine[] = [];
  for (const text of (readText(file) ?? "").split("\n")) {
    try {
      const line: unknown = JSON.parse(text);
      if (isRecord(line) && typeof line.seq === "number") lines.push(line as unknown as NumberedLine);
    } catch {
      // Half a line, or none.
    }
  }
  return lines;
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

function identify(dir: string): string {
  const file = join(dir, "log.id");
  try {
    return readFileSync(file, "utf8");
  } catch {
    const id = randomUUID();
    try {
      ensureDir(dir);
      writeAtomic(file, id);
    } catch {
      // As long as this process lives it has one.
    }
    return id;
  }
}
