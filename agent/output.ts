/** One execution's output: secrets masked, streamed in numbered pieces up to a cap, and its tail kept for the result. */
import { createRedactor, type Redactor } from "./redact.ts";
import { cutAt, encodeBytes, incompleteTail, startAt } from "./utf8.ts";
import type { OutputPayload } from "./wire.ts";

export type StreamName = OutputPayload["stream"];
export type OutputPiece = Pick<OutputPayload, "seq" | "stream" | "data" | "encoding" | "dropped">;

export interface OutputLimits {
  /** Bytes that are streamed: the head as it comes, the last of them at the end. */
  readonly streamBytes: number;
  /** Bytes of each stream that the result keeps. */
  readonly tailBytes: number;
}

/** Small writes are gathered for so long or up to so much; a piece is never larger than `PIECE_BYTES`. */
const GATHER_MS = 30;
const GATHER_BYTES = 16_384;
const PIECE_BYTES = 32_768;
/** Part of the cap that is reserved for the end of the output, where the error usually is. */
const LATE_BYTES = 65_536;

interface Stream {
  readonly redactor: Redactor;
  /** Bytes not yet cut into a piece. */
  gathered: Buffer[];
  gatheredBytes: number;
  kept: Buffer[];
  keptBytes: number;
  total: number;
}

export class TaskOutput {
  readonly #limits: OutputLimits;
  readonly #emit: (piece: OutputPiece) => void;
  readonly #streams: Readonly<Record<StreamName, Stream>>;
  #timer: NodeJS.Timeout | null = null;
  #seq = 0;
  #sent = 0;
  #late: { readonly stream: StreamName; readonly bytes: Buffer }[] = [];
  #lateBytes = 0;
  #lateDropped = 0;

  constructor(limits: OutputLimits, secrets: readonly string[], emit: (piece: OutputPiece) => void) {
    this.#limits = limits;
    this.#emit = emit;
    const stream = (): Stream => ({
      redactor: createRedactor(secrets),
      gathered: [],
      gatheredBytes: 0,
      kept: [],
      keptBytes: 0,
      total: 0,
    });
    this.#streams = { stdout: stream(), stderr: stream() };
  }

  write(name: StreamName, bytes: Buffer): void {
    this.#take(name, this.#streams[name].redactor.push(bytes));
  }

  /** Flushes everything; nothing may be written afterwards. */
  end(): void {
    for (const name of ["stdout", "stderr"] as const) {
      this.#take(name, this.#streams[name].redactor.end());
      this.#flush(name, true);
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    let dropped = this.#lateDropped;
    for (const { stream, bytes } of this.#late) {
      this.#send(stream, bytes, dropped);
      dropped = 0;
    }
    this.#late = [];
  }

  /** The tails, and how much is missing before them. */
  result(): { readonly stdout: string; readonly stderr: string; readonly droppedBytes: number } {
    const out = this.#tail("stdout");
    const err = this.#tail("stderr");
    return { stdout: out.text, stderr: err.text, droppedBytes: out.missing + err.missing };
  }

  /** The kept bytes of one stream and how many came in all. */
  bytes(name: StreamName): { readonly kept: Buffer; readonly total: number } {
    return { kept: Buffer.concat(this.#streams[name].kept), total: this.#streams[name].total };
  }

  #tail(name: StreamName): { readonly text: string; readonly missing: number } {
    const { kept, total } = this.bytes(name);
    const from =
      kept.length <= this.#limits.tailBytes ? 0 : startAt(kept, kept.length - this.#limits.tailBytes);
    const tail = kept.subarray(from);
    return { text: tail.toString("utf8"), missing: total - tail.length };
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
    const late = Math.min(LATE_BYTES, Math.floor(this.#limits.streamBytes / 4));
    if (this.#late.length === 0 && this.#lateDropped === 0) {
      if (this.#sent + bytes.length <= this.#limits.streamBytes - late) {
        this.#send(stream, bytes, 0);
        return;
      }
    }
    this.#late.push({ stream, bytes });
    this.#lateBytes += bytes.length;
    while (this.#lateBytes > late) {
      const first = this.#late[0]!;
      const excess = this.#lateBytes - late;
      // Cut the oldest rather than lose it whole: something always remains to carry the count.
      const gone = first.bytes.length <= excess ? first.bytes.length : startAt(first.bytes, excess);
      if (gone === first.bytes.length) this.#late.shift();
      else this.#late[0] = { stream: first.stream, bytes: first.bytes.subarray(gone) };
      this.#lateBytes -= gone;
      this.#lateDropped += gone;
    }
  }

  #send(stream: StreamName, bytes: Buffer, dropped: number): void {
    this.#seq += 1;
    this.#sent += bytes.length;
    this.#emit({ seq: this.#seq, stream, ...encodeBytes(bytes), dropped });
  }
}
