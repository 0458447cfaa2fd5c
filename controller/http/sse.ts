/** Server-sent events: numbered for resuming, and bounded so that a slow reader cannot fill the memory. */
import type { ServerResponse } from "node:http";
import type { Context } from "koa";
import type { Limits } from "../hub/limits.ts";
import { refusal } from "./problem.ts";

/** A replay continues when less than this is unsent. */
const REPLAY_BYTES = 65_536;

export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

export interface EventStream {
  /** False: the stream is over (the reader closed, or was too slow and will resume by its last id). */
  send(event: ServerEvent): boolean;
  /** Buffered events, as fast as the reader takes them; events sent meanwhile come after them. */
  replay(events: Iterable<ServerEvent>): void;
  end(): void;
  onClose(listener: () => void): void;
}

/** All open streams of a server: their number, and their end at shutdown. */
export class Streams {
  readonly #open = new Set<ServerResponse>();
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Takes the response over from koa. */
  open(ctx: Context): EventStream {
    if (this.#open.size >= this.#limits.maxStreams) {
      throw refusal("too-many-streams", `${this.#limits.maxStreams} live streams are open`, "close some");
    }
    ctx.respond = false;
    const { res } = ctx;
    this.#open.add(res);
    res.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    res.write(": open\n\n");
    const { maxStreamBuffer, streamKeepAlive, streamStall } = this.#limits;
    const keepAlive = setInterval(() => void res.write(": \n\n"), streamKeepAlive);
    const stalled = cutWhenStalled(res, streamStall);
    res.once("close", () => {
      clearInterval(keepAlive);
      clearInterval(stalled);
      this.#open.delete(res);
    });
    /** First the replay, then events that came meanwhile. */
    const waiting: Iterator<ServerEvent>[] = [];
    let heldBytes = 0;
    let ending = false;
    const pump = (): void => {
      for (let [first] = waiting; first !== undefined; [first] = waiting) {
        if (res.destroyed || res.writableEnded) return;
        if (res.writableLength > REPLAY_BYTES) return void res.once("drain", pump);
        const { done, value } = first.next();
        if (done) waiting.shift();
        else res.write(text(value));
      }
      heldBytes = 0;
      if (ending) res.end();
    };
    const add = (events: Iterable<ServerEvent>): void => {
      if (waiting.push(events[Symbol.iterator]()) === 1) pump();
    };
    return {
      send: (event) => {
        if (ending || res.writableEnded || res.destroyed) return false;
        const written = text(event);
        if (waiting.length > 0) heldBytes += written.length;
        if (res.writableLength > maxStreamBuffer || heldBytes > maxStreamBuffer) {
          res.destroy();
          return false;
        }
        if (waiting.length > 0) add([event]);
        else res.write(written);
        return true;
      },
      replay: (events) => {
        if (!ending && !res.writableEnded && !res.destroyed) add(events);
      },
      end: () => {
        ending = true;
        if (waiting.length === 0) res.end();
      },
      onClose: (listener) => void res.once("close", listener),
    };
  }

  /** Ends all; readers resume by their last id. */
  closeAll(): void {
    for (const res of this.#open) res.end();
  }
}

const text = ({ id, event, data }: ServerEvent): string =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** A reader that reads nothing is not waited for. */
function cutWhenStalled(res: ServerResponse, limit: number): NodeJS.Timeout {
  let taken = -1;
  return setInterval(() => {
    const { bytesWritten = 0, writableLength = 0 } = res.socket ?? {};
    const now = bytesWritten - writableLength;
    if (writableLength > 0 && now === taken) res.destroy();
    taken = now;
  }, limit);
}

/** `Last-Event-ID`, or the query parameter for programs that cannot set headers. */
export function lastEventId(ctx: Context): string | null {
  const header = ctx.get("last-event-id");
  const query = ctx.query.lastEventId;
  return header || (typeof query === "string" && query) || null;
}
