/**
 * /tasks/:id/output: a task's output. As server-sent events, live, which resume by event id and end with the task; with
 * `from` or `limit` as a range of lines. Discarded output is a gap in both.
 */
import type { Context } from "koa";
import {
  after,
  BEGIN,
  bytesOf,
  type Gap,
  gapBefore,
  lineEndsOf,
  type Place,
  placeId,
  readPlace,
} from "../../hub/tasks/output-places.ts";
import { type Payload, word } from "../../hub/runtimes/frames.ts";
import { findTask } from "../../hub/ids.ts";
import { isFinal } from "../../hub/tasks/states.ts";
import type { OutputChunk, TaskRecord } from "../../store/store.ts";
import { readObject } from "../body.ts";
import type { MakeHandlers, RouteDeps } from "../deps.ts";
import { outputLines } from "../output-lines.ts";
import { whole } from "../query.ts";
import { lastEventId, type ServerEvent } from "../sse.ts";

/** Lines of one answer. */
const LINES = { fallback: 1000, most: 10_000 };
/** Chunks that come together are sent together. */
const GATHER_MS = 5;
/** Bytes of output in one answer to a reader that acknowledges; plus one chunk. */
const TAKEN_BYTES = 1_048_576;

export const outputHandlers: MakeHandlers = (deps) => ({
  readOutput: (ctx) => {
    const record = findTask(deps.hub, ctx.params.id ?? "");
    if (ctx.query.from === undefined && ctx.query.limit === undefined) follow(ctx, record, deps);
    else {
      const from = whole(ctx, "from", 1, 1, Number.MAX_SAFE_INTEGER);
      const limit = whole(ctx, "limit", LINES.fallback, 1, LINES.most);
      ctx.body = {
        taskId: record.id,
        ...outputLines(chunksOf(record, deps), { from, limit, state: record.state }),
      };
    }
  },

  takeOutput: async (ctx) => {
    ctx.body = await take(ctx, deps);
  },
});

/** Waits until a task prints or ends, or for the given time. */
function printsOrEnds(id: string, { hub }: RouteDeps, ctx: Context): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      unwatch();
      clearTimeout(timer);
      clearTimeout(gathering);
      ctx.res.off("close", done);
      resolve();
    };
    let gathering: NodeJS.Timeout | undefined;
    const unwatch = hub.engine.watchers.watch(id, {
      chunk: () => {
        gathering ??= setTimeout(done, GATHER_MS);
      },
      state: (now) => {
        if (isFinal(now.state)) done();
      },
    });
    const timer = setTimeout(done, hub.limits.takeWait);
    ctx.res.once("close", done);
  });
}

/** The chunks behind a place, as many as one answer holds. */
async function take(ctx: Context, deps: RouteDeps): Promise<Payload> {
  const { hub } = deps;
  const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
  const { id } = findTask(hub, ctx.params.id ?? "");
  const from = readPlace(word(body.after) || null);
  let chunks = hub.engine.take(id, from.seq);
  if (chunks.length === 0 && !isFinal(findTask(hub, id).state)) {
    await printsOrEnds(id, deps, ctx);
    chunks = hub.engine.take(id, from.seq);
  }
  const record = findTask(hub, id);
  let place = from;
  let bytes = 0;
  const events: unknown[] = [];
  for (const chunk of chunks) {
    if (bytes > TAKEN_BYTES) break;
    bytes += bytesOf(chunk);
    const gap = gapBefore(chunk, place);
    place = after(chunk, place);
    events.push(outputEvent(chunk, gap, place).data);
  }
  const { state, exitCode, error, droppedBytes } = record;
  const isAll = events.length === chunks.length && isFinal(state);
  const end = isAll && events.length === 0 ? { state, exitCode, error, droppedBytes } : null;
  return { chunks: events, next: placeId(place), end };
}

function follow(ctx: Context, record: TaskRecord, deps: RouteDeps): void {
  const { hub, streams } = deps;
  let place = readPlace(lastEventId(ctx));
  const stream = streams.open(ctx);
  const asEvent = (chunk: OutputChunk): ServerEvent => {
    const gap = gapBefore(chunk, place);
    place = after(chunk, place);
    return outputEvent(chunk, gap, place);
  };
  const send = (chunk: OutputChunk) => {
    if (chunk.seq > place.seq) stream.send(asEvent(chunk));
  };
  const replay = (chunks: readonly OutputChunk[]) => {
    stream.replay(chunks.filter(({ seq }) => seq > place.seq).map(asEvent));
  };
  const finish = (ended: TaskRecord) => {
    unwatch();
    // Everything is on disk by now: chunks missed between two readings are read from there.
    replay(chunksOf(ended, deps));
    const { state, exitCode, error, droppedBytes } = ended;
    stream.send({ id: placeId(place), event: "end", data: { state, exitCode, error, droppedBytes } });
    stream.end();
  };
  const unwatch = hub.engine.watchers.watch(record.id, {
    chunk: send,
    state: (now) => {
      if (isFinal(now.state)) finish(now);
      else stream.send({ id: placeId(place), event: "state", data: { state: now.state } });
    },
  });
  stream.onClose(unwatch);
  if (isFinal(record.state)) finish(record);
  else replay(hub.engine.printed(record.id, place.seq));
}

/** All stored output of a task. Without chunks, its result has the tails. */
function chunksOf(record: TaskRecord, { hub }: RouteDeps): readonly OutputChunk[] {
  const printed = hub.engine.printed(record.id, -1);
  return printed.length > 0 ? printed : chunksOfResult(record);
}

/**
 * First-generation clients stream nothing, and old output is removed before its task: the result's tails come as two
 * chunks.
 */
function chunksOfResult({ id, result, finishedAt, createdAt }: TaskRecord): readonly OutputChunk[] {
  const chunks: OutputChunk[] = [];
  let place: Place = BEGIN;
  for (const [index, stream] of (["stdout", "stderr"] as const).entries()) {
    const data = result?.[stream];
    if (typeof data !== "string") continue;
    const { bytes, lines } = droppedOf(result?.dropped, stream);
    if (data === "" && bytes === 0) continue;
    const offset = place.offset + bytes;
    const line = place.line + lines;
    const chunk = { taskId: id, seq: index + 1, stream, data, at: finishedAt ?? createdAt, offset, line };
    chunks.push(chunk);
    place = { seq: chunk.seq, offset: offset + Buffer.byteLength(data), line: line + lineEndsOf(chunk) };
  }
  return chunks;
}

/** Written by a runtime: any content is possible. */
function droppedOf(
  dropped: unknown,
  stream: "stdout" | "stderr",
): { readonly bytes: number; readonly lines: number } {
  const given = (
    dropped as Readonly<Record<string, { bytes?: unknown; lines?: unknown } | undefined>> | undefined
  )?.[stream];
  const count = (value: unknown) => (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0);
  return { bytes: count(given?.bytes), lines: count(given?.lines) };
}

function outputEvent(
  { seq, stream, data, encoding, at }: OutputChunk,
  gap: Gap | null,
  place: Place,
): ServerEvent {
  const more = { ...(encoding === undefined ? {} : { encoding }), ...(gap && { gap }) };
  return { id: placeId(place), event: "output", data: { seq, stream, data, ...more, at } };
}
