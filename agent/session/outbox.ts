/** Bounded buffer of output that cannot be sent now; dropped output is a gap in the offsets of what follows. */
import type { OutputPayload } from "./wire.ts";

export const OUTBOX_BYTES = 262_144;

export class Outbox {
  readonly #limit: number;
  readonly #waiting: OutputPayload[] = [];
  #bytes = 0;

  constructor(limit: number = OUTBOX_BYTES) {
    this.#limit = limit;
  }

  add(chunk: OutputPayload): void {
    this.#waiting.push(chunk);
    this.#bytes += size(chunk);
    while (this.#bytes > this.#limit && this.#waiting.length > 1) this.#bytes -= size(this.#waiting.shift()!);
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Sends in order until `send` refuses. */
  flush(send: (chunk: OutputPayload) => boolean): void {
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0]!;
      if (!send(first)) return;
      this.#waiting.shift();
      this.#bytes -= size(first);
    }
  }
}

/** Bytes of the task's output in a piece. */
function size({ data, encoding }: OutputPayload): number {
  return Buffer.byteLength(data, encoding);
}
