/**
 * Output of one execution: secrets masked, streamed in numbered pieces up to a limit, and its tail kept for the result.
 */
import { createRedactor, type Redactor } from "./redact.ts";
import { cutAt, encodeBytes, incompleteTail, lineEnd, lineEnds, startAt } from "./utf8.ts";
import type { OutputPayload } from "../session/wire.ts";

export type StreamName = OutputPayload["stream"];
export type OutputPiece = Pick<OutputPayload, "seq" | "stream" | "data" | "encoding" | "offset" | "line">;

export interface OutputLimits {
  /** Bytes that are streamed: the head as it comes, the last of them at the end. */
  readonly streamBytes: number;
  /** Bytes of each stream that the result keeps. */
  readonly tailBytes: number;
  /** Nothing is discarded: the program waits while this much is sent and not taken by a reader. Absent: not paced. */
  readonly windowBytes?: number;
}

/** How the program is made to wait. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/** A paced program waits so long for a reader that takes nothing, or for the hub; then the cap counts again. */
const READER_MS = 120_000;

/** Small writes are gathered for so long or up to so much; a piece is never larger than `PIECE_BYTES`. */
const GATHER_MS = 30;
const GATHER_BYTES = 16_384;
const PIECE_BYTES = 32_768;
/** Part of the cap that is reserved for the end of the output, where the error usually is. */
const LATE_BYTES = 65_536;
/** A cut moves by at most so many bytes to fall on a line end. */
export const LINE_BYTES = 8_192;
const NEWLINE = 10;

/** What a stream wrote that is not in its tail. */
export interface Dropped {
  readonly bytes: number;
  /** Line ends among these bytes. */
  readonly lines: number;
}

/** A cut piece and where it is in the output of both streams together. */
interface Placed {
  readonly stream: StreamName;
  readonly bytes: Buffer;
  readonly offset: number;
  readonly line: number;
}

interface Stream {
  readonly redactor: Redactor;
  /** Bytes not yet cut into a piece. */
  gathered: Buffer[];
  gatheredBytes: number;
  kept: Buffer[];
  keptBytes: number;
  total: number;
  lines: number;
}

export class TaskOutput {
  readonly #limits: OutputLimits;
  readonly #emit: (piece: OutputPiece) => void;
  readonly #streams: Readonly<Record<StreamName, Stream>>;
  #timer: NodeJS.Timeout | null = null;
  #seq = 0;
  #sent = 0;
  /** Bytes and line ends that were cut into pieces so far, both streams together. */
  #offset = 0;
  #line = 0;
  /** The head of the output has been sent; the rest waits in `#late` for the end. */
  #headIsFull = false;
  #late: Placed[] = [];
  #lateBytes = 0;
  /** Something was dropped before the first of `#late`. */
  #hasGap = false;
  #lateIsAtLine = false;
  /** Streams whose last sent byte is not a line end. */
  readonly #midLine = new Set<StreamName>();

  /** Paced: what was sent and not taken. */
  #untaken: OutputPiece[] = [];
  #untakenBytes = 0;
  #isPaced: boolean;
  #flow: Flow | null = null;
  #isPaused = false;
  #readerTimer: NodeJS.Timeout | null = null;
  #onTaken: () => void = () => {};

  constructor(limits: OutputLimits, secrets: readonly string[], emit: (piece: OutputPiece) => void) {
    this.#limits = limits;
    this.#emit = emit;
    this.#isPaced = limits.windowBytes !== undefined;
    const stream = (): Stream => ({
      redactor: createRedactor(secrets),
      gathered: [],
      gatheredBytes: 0,
      kept: [],
      keptBytes: 0,
      total: 0,
      lines: 0,
    });
    this.#streams = { stdout: stream(), stderr: stream() };
  }

  write(name: StreamName, bytes: Buffer): void {
    this.#take(name, this.#streams[name].redactor.push(bytes));
  }

  get isPaced(): boolean {
    return this.#isPaced;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** What the program is paused by. */
  attach(flow: Flow): void {
    this.#flow = flow;
  }

  /** What a new connection must be given again. */
  untaken(): readonly OutputPiece[] {
    return this.#untaken;
  }

  /** A reader has all pieces up to this one. */
  taken(seq: number): void {
    if (!this.#isPaced) return;
    while (this.#untaken.length > 0 && this.#untaken[0]!.seq <= seq)
      this.#untakenBytes -= size(this.#untaken.shift()!);
    this.#awaitReader();
    if (this.#untakenBytes <= (this.#limits.windowBytes ?? 0) / 2) this.#resume();
    if (this.#untaken.length === 0) this.#onTaken();
  }

  /** No reader: the program continues, and the limit counts. */
  release(): void {
    if (!this.#isPaced) return;
    this.#isPaced = false;
    if (this.#readerTimer !== null) clearTimeout(this.#readerTimer);
    this.#untaken = [];
    this.#untakenBytes = 0;
    this.#resume();
    this.#onTaken();
  }

  /** After `end`: resolves when a reader has everything, or none takes anything any more. */
  async allTaken(): Promise<void> {
    if (this.#untaken.length > 0) await new Promise<void>((resolve) => (this.#onTaken = resolve));
    if (this.#readerTimer !== null) clearTimeout(this.#readerTimer);
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#flow?.resume();
  }

  #awaitReader(): void {
    if (this.#readerTimer !== null) clearTimeout(this.#readerTimer);
    this.#readerTimer = this.#untaken.length === 0 ? null : setTimeout(() => this.release(), READER_MS);
  }

  /** Flushes everything; nothing may be written afterwards. */
  end(): void {
    for (const name of ["stdout", "stderr"] as const) {
      this.#take(name, this.#streams[name].redactor.end());
      this.#flush(name, true);
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#hasGap && !this.#lateIsAtLine) this.#startLateAtLine();
    for (const piece of this.#late) this.#send(piece);
    this.#late = [];
  }

  /** The tails, what is missing before them, and the size of the whole. */
  result(): {
    readonly stdout: string;
    readonly stderr: string;
    readonly droppedBytes: number;
    readonly dropped?: Readonly<Record<StreamName, Dropped>>;
    readonly outputBytes: number;
    readonly outputLines: number;
  } {
    const out = this.#tail("stdout");
    const err = this.#tail("stderr");
    const droppedBytes = out.dropped.bytes + err.dropped.bytes;
    return {
      stdout: out.text,
      stderr: err.text,
      droppedBytes,
      ...(droppedBytes > 0 && { dropped: { stdout: out.dropped, stderr: err.dropped } }),
      outputBytes: this.#offset,
      outputLines: this.#line,
    };
  }

  /** The kept bytes of one stream and how many came in all. */
  bytes(name: StreamName): { readonly kept: Buffer; readonly total: number } {
    return { kept: Buffer.concat(this.#streams[name].kept), total: this.#streams[name].total };
  }

  /** Begins with a line, where one begins near enough. */
  #tail(name: StreamName): { readonly text: string; readonly dropped: Dropped } {
    const { kept, total } = this.bytes(name);
    let from =
      kept.length <= this.#limits.tailBytes ? 0 : startAt(kept, kept.length - this.#limits.tailBytes);
    const isCut = total > kept.length - from;
    if (isCut && kept[from - 1] !== NEWLINE) from = lineEnd(kept, from, LINE_BYTES) ?? from;
    const tail = kept.subarray(from);
    const lines = this.#streams[name].lines - lineEnds(tail);
    return { text: tail.toString("utf8"), dropped: { bytes: total - tail.length, lines } };
  }

  #take(name: StreamName, bytes: Buffer): void {
    if (bytes.length === 0) return;
    const stream = this.#streams[name];
    stream.total += bytes.length;
    stream.kept.push(bytes);
    stream.keptBytes += bytes.length;
    while (stream.keptBytes - stream.kept[0]!.length >= this.#limits.tailBytes) {
      stream.keptBytes -= stream.kept.shift()!.length;
    }
    // The other stream's pieces go first, so that their order is the order of writing as far as two pipes tell it.
    this.#flush(name === "stdout" ? "stderr" : "stdout", false);
    stream.gathered.push(bytes);
    stream.gatheredBytes += bytes.length;
    if (stream.gatheredBytes >= GATHER_BYTES) this.#flush(name, false);
    else this.#timer ??= setTimeout(() => this.#tick(), GATHER_MS);
  }

  #tick(): void {
    this.#timer = null;
    this.#flush("stdout", false);
    this.#flush("stderr", false);
  }

  #flush(name: StreamName, last: boolean): void {
    const stream = this.#streams[name];
    if (stream.gatheredBytes === 0) return;
    let bytes = Buffer.concat(stream.gathered);
    const hold = last ? 0 : incompleteTail(bytes);
    const rest = bytes.subarray(bytes.length - hold);
    bytes = bytes.subarray(0, bytes.length - hold);
    stream.gathered = hold > 0 ? [rest] : [];
    stream.gatheredBytes = hold;
    while (bytes.length > 0) {
      const cut = cutAt(bytes, PIECE_BYTES);
      this.#piece(name, bytes.subarray(0, cut));
      bytes = bytes.subarray(cut);
    }
  }

  #piece(stream: StreamName, bytes: Buffer): void {
    const piece = { stream, bytes, offset: this.#offset, line: this.#line };
    this.#offset += bytes.length;
    const ends = lineEnds(bytes);
    this.#line += ends;
    this.#streams[stream].lines += ends;
    if (this.#isPaced) {
      this.#send(piece);
      return;
    }
    if (this.#headIsFull) {
      this.#keepLate(piece);
      return;
    }
    const room = Math.max(0, this.#limits.streamBytes - this.#lateRoom() - this.#sent);
    if (bytes.length <= room) {
      this.#send(piece);
      return;
    }
    this.#headIsFull = true;
    const [head, rest] = split(piece, this.#cutHead(piece, room));
    if (head.bytes.length > 0) this.#send(head);
    if (rest.bytes.length > 0) this.#keepLate(rest);
  }

  /** Where the head ends: at the last line end that fits, or at the next one where a line has begun. */
  #cutHead({ stream, bytes }: Placed, room: number): number {
    const fits = room === 0 ? 0 : bytes.lastIndexOf(NEWLINE, room - 1) + 1;
    if (fits > 0 || !this.#midLine.has(stream)) return fits;
    return lineEnd(bytes, room, LINE_BYTES) ?? cutAt(bytes, room);
  }

  #lateRoom(): number {
    return Math.min(LATE_BYTES, Math.floor(this.#limits.streamBytes / 4));
  }

  #keepLate(piece: Placed): void {
    this.#late.push(piece);
    this.#lateBytes += piece.bytes.length;
    for (let excess = this.#lateBytes - this.#lateRoom(); excess > 0; ) {
      const [first] = this.#late;
      if (first === undefined) return;
      const gone = first.bytes.length <= excess ? first.bytes.length : startAt(first.bytes, excess);
      if (gone === first.bytes.length) this.#late.shift();
      else this.#late[0] = split(first, gone)[1];
      this.#lateBytes -= gone;
      excess -= gone;
      this.#hasGap = true;
      this.#lateIsAtLine = first.bytes[gone - 1] === NEWLINE;
    }
  }

  /** What follows a gap begins with a line, where one begins near enough. */
  #startLateAtLine(): void {
    let passed = 0;
    for (const [index, piece] of this.#late.entries()) {
      const at = lineEnd(piece.bytes, 0, LINE_BYTES - passed);
      if (at !== null) {
        const rest = split(piece, at)[1];
        this.#late = [...(rest.bytes.length > 0 ? [rest] : []), ...this.#late.slice(index + 1)];
        return;
      }
      passed += piece.bytes.length;
      if (passed >= LINE_BYTES) return;
    }
  }

  #send({ stream, bytes, offset, line }: Placed): void {
    this.#seq += 1;
    this.#sent += bytes.length;
    if (bytes.at(-1) === NEWLINE) this.#midLine.delete(stream);
    else this.#midLine.add(stream);
    const piece = { seq: this.#seq, stream, ...encodeBytes(bytes), offset, line };
    if (this.#isPaced) this.#pace(piece);
    this.#emit(piece);
  }

  #pace(piece: OutputPiece): void {
    this.#untaken.push(piece);
    this.#untakenBytes += size(piece);
    if (this.#readerTimer === null) this.#awaitReader();
    if (this.#isPaused || this.#untakenBytes < (this.#limits.windowBytes ?? 0)) return;
    this.#isPaused = true;
    this.#flow?.pause();
  }
}

const size = ({ data, encoding }: OutputPiece): number => Buffer.byteLength(data, encoding);

function split({ stream, bytes, offset, line }: Placed, at: number): readonly [Placed, Placed] {
  const head = { stream, bytes: bytes.subarray(0, at), offset, line };
  const rest = { stream, bytes: bytes.subarray(at), offset: offset + at, line: line + lineEnds(head.bytes) };
  return [head, rest];
}
