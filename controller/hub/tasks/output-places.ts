/** Places of chunks in a task's output, and the gaps between them. Pure. */
import type { OutputChunk } from "../../store/store.ts";

/** A place in a task's output, both streams of all its runs together. */
export interface Place {
  /** Number of the last chunk before it. */
  readonly seq: number;
  /** Bytes and line ends before it; -1: unknown. */
  readonly offset: number;
  readonly line: number;
}

/** Discarded bytes, after so many line ends. */
export interface Gap {
  readonly afterLine: number;
  readonly bytes: number;
}

export const BEGIN: Place = { seq: -1, offset: 0, line: 0 };

const NEWLINE = 10;

export const bytesOf = ({ data, encoding }: Pick<OutputChunk, "data" | "encoding">): number =>
  Buffer.byteLength(data, encoding ?? "utf8");

export function lineEndsOf({ data, encoding }: Pick<OutputChunk, "data" | "encoding">): number {
  let count = 0;
  if (encoding === undefined) {
    for (let at = data.indexOf("\n"); at >= 0; at = data.indexOf("\n", at + 1)) count += 1;
    return count;
  }
  for (const byte of Buffer.from(data, encoding)) if (byte === NEWLINE) count += 1;
  return count;
}

/** The place behind a chunk. A chunk of an older version has no place: it follows the one before it. */
export function after(chunk: OutputChunk, before: Place): Place {
  const known = chunk.offset >= 0;
  const offset = known ? chunk.offset : before.offset;
  const line = known ? chunk.line : before.line;
  if (offset < 0) return { seq: chunk.seq, offset: -1, line: -1 };
  return { seq: chunk.seq, offset: offset + bytesOf(chunk), line: line + lineEndsOf(chunk) };
}

/** The gap between a place and the next chunk. */
export function gapBefore(chunk: OutputChunk, before: Place): Gap | null {
  if (before.offset < 0 || chunk.offset <= before.offset) return null;
  return { afterLine: before.line, bytes: chunk.offset - before.offset };
}

/** A place as an event id: `SEQ:OFFSET:LINE`. */
export const placeId = ({ seq, offset, line }: Place): string => `${Math.max(seq, 0)}:${offset}:${line}`;

/** An id with only a chunk's number has an unknown offset; an invalid one is the beginning. */
export function readPlace(id: string | null): Place {
  const [seq, offset, line] = (id ?? "").split(":").map((part) => (/^\d+$/.test(part) ? Number(part) : -1));
  if (seq === undefined || seq < 0) return BEGIN;
  if (offset === undefined || line === undefined)
    return { seq, offset: seq === 0 ? 0 : -1, line: seq === 0 ? 0 : -1 };
  return { seq, offset, line };
}

/** The part of a chunk before or from a byte, with its own place. */
export function cutChunk(chunk: OutputChunk, at: number, part: "before" | "from"): OutputChunk {
  const { encoding, offset, line } = chunk;
  const bytes = Buffer.from(chunk.data, encoding ?? "utf8");
  const data = (part === "before" ? bytes.subarray(0, at) : bytes.subarray(at)).toString(encoding ?? "utf8");
  if (part === "before") return { ...chunk, data };
  const skipped = { data: bytes.subarray(0, at).toString("base64"), encoding: "base64" } as const;
  return { ...chunk, data, offset: offset + at, line: line + lineEndsOf(skipped) };
}

/** The bytes of a chunk, to find line ends in. */
export const bytesIn = ({ data, encoding }: OutputChunk): Buffer => Buffer.from(data, encoding ?? "utf8");
