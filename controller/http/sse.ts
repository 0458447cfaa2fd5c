/** Server-sent events: numbered so that a reader resumes, bounded so that a slow one cannot fill the memory. */
import type { ServerResponse } from "node:http";
import type { Context } from "koa";
import type { Limits } from "../hub/limits.ts";
import { refusal } from "./problem.ts";

export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

export interface EventStream {
  /** False: the stream is over (the reader left, or was too slow and will resume by its last id). */
  send(event: ServerEvent): boolean;
  end(): void;
  onClose(listener: () => void): void;
}

/** All open streams of a server, for their number and for its end. */
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
    const keepAlive = setInterval(() => void res.write(": \n\n"), this.#limits.streamKeepAlive);
    res.once("close", () => {
      clearInterval(keepAlive);
      this.#open.delete(res);
    });
    return {
      send: ({ id, event, data }) => {
        if (res.writableEnded || res.destroyed) return false;
        if (res.writableLength > this.#limits.maxStreamBuffer) {
          res.destroy();
          return false;
        }
        res.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
        return true;
      },
      end: () => void res.end(),
      onClose: (listener) => void res.once("close", listener),
    };
  }

  /** Ends all; readers come back by their last id. */
  closeAll(): void {
    for (const res of this.#open) res.end();
  }
}

/** `Last-Event-ID`, or the query of the same meaning for programs that cannot set headers. */
export function lastEventId(ctx: Context): string | null {
  const header = ctx.get("last-event-id");
  const query = ctx.query.lastEventId;
  return header || (typeof query === "string" && query) || null;
}
