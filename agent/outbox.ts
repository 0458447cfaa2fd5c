/** Output that cannot be sent now waits here, bounded; what does not fit is dropped and counted in the next piece. */
import type { OutputPayload } from "./wire.ts";

export const OUTBOX_BYTES = 262_144;

export class Outbox {
  readonly #limit: number;
  #waiting: OutputPayload[] = [];
  #bytes = 0;
  readonly #dropped = new Map<string, number>();

  constructor(limit: number = OUTBOX_BYTES) {
    this.#limit = limit;
  }

  add(chunk: OutputPayload): void {
    this.#waiting.push(chunk);
    this.#bytes += size(chunk);
    while (this.#bytes > this.#limit && this.#waiting.length > 1) {
      const gone = this.#waiting.shift()!;
      this.#bytes -= size(gone);
      this.#dropped.set(gone.taskId, (this.#dropped.get(gone.taskId) ?? 0) + size(gone) + gone.dropped);
    }
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Sends in order until `send` refuses. */
  flush(send: (chunk: OutputPayload) => boolean): void {
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0]!;
      const missing = this.#dropped.get(first.taskId) ?? 0;
      if (!send({ ...first, dropped: first.dropped + missing })) return;
      this.#dropped.delete(first.taskId);
      this.#waiting.shift();
      this.#bytes -= size(first);
    }
  }
}

/** Bytes of the task's output in a piece. */
function size({ data, encoding }: OutputPayload): number {
  return Buffer.byteLength(data, encoding);
}
