/** /tasks/:id/output: what a task prints, as it prints it; resumes by the chunk's number and ends with the task. */
import { refuse } from "../hub/refusals.ts";
import { isFinal } from "../hub/tasks.ts";
import type { OutputChunk, TaskRecord } from "../store/store.ts";
import type { AddRoutes } from "./deps.ts";
import { lastEventId, type ServerEvent } from "./sse.ts";

export const addOutputRoutes: AddRoutes = (router, { hub, streams }) => {
  router.get("/tasks/:id/output", (ctx) => {
    const id = ctx.params.id ?? "";
    const record = hub.engine.get(id);
    if (!record) throw refuse.unknownTask(id);
    const resume = Number(lastEventId(ctx) ?? "-1");
    let last = Number.isSafeInteger(resume) ? resume : -1;
    const stream = streams.open(ctx);

    const send = (chunk: OutputChunk) => {
      if (chunk.seq <= last) return;
      last = chunk.seq;
      stream.send(asEvent(chunk));
    };
    const replay = (chunks: readonly OutputChunk[]) => {
      last = chunks.at(-1)?.seq ?? last;
      stream.replay(chunks.map(asEvent));
    };
    const finish = (ended: TaskRecord) => {
      unwatch();
      // Everything is on the disk by now: what was missed between two looks is read from there.
      replay(chunksOf(ended, last));
      const { state, exitCode, error, droppedBytes } = ended;
      stream.send({
        id: String(Math.max(last, 0)),
        event: "end",
        data: { state, exitCode, error, droppedBytes },
      });
      stream.end();
    };
    const unwatch = hub.engine.watchers.watch(id, {
      chunk: send,
      state: (now) => {
        if (isFinal(now.state)) finish(now);
        else stream.send({ id: String(Math.max(last, 0)), event: "state", data: { state: now.state } });
      },
    });
    stream.onClose(unwatch);
    replay(hub.engine.printed(id, last));
    if (isFinal(record.state)) finish(record);
  });

  /** First-generation clients stream nothing: their output is in the answer. */
  function chunksOf(record: TaskRecord, after: number): readonly OutputChunk[] {
    const stored = hub.store.tasks.output(record.id, -1);
    if (stored.length > 0) return stored.filter((chunk) => chunk.seq > after);
    const { stdout, stderr } = record.result ?? {};
    const made: OutputChunk[] = [];
    for (const [index, [stream, data]] of Object.entries({ stdout, stderr }).entries()) {
      if (typeof data !== "string" || data === "" || (stream !== "stdout" && stream !== "stderr")) continue;
      made.push({
        taskId: record.id,
        seq: index + 1,
        stream,
        data,
        at: record.finishedAt ?? record.createdAt,
      });
    }
    return made.filter((chunk) => chunk.seq > after);
  }
};

function asEvent({ seq, stream: name, data, encoding, at }: OutputChunk): ServerEvent {
  const more = encoding === undefined ? {} : { encoding };
  return { id: String(seq), event: "output", data: { seq, stream: name, data, ...more, at } };
}
