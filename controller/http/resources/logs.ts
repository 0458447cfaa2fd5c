/** /agents/:id/logs: the runtime's own log, as a page or followed as server-sent events that resume by number. */
import type { Position } from "../../hub/observability/runtime-logs.ts";
import type { MakeHandlers } from "../deps.ts";
import { text, whole } from "../query.ts";
import { lastEventId } from "../sse.ts";

export const logHandlers: MakeHandlers = ({ hub, streams }) => ({
  readLog: async (ctx) => {
    const { id } = hub.agent(ctx.params.id ?? "");
    const lines = whole(ctx, "lines", 100, 1, 500);
    const after =
      text(ctx, "after") === undefined ? null : whole(ctx, "after", 0, 0, Number.MAX_SAFE_INTEGER);
    ctx.body = await hub.logs.read(id, after, lines);
  },

  followLog: (ctx) => {
    const { id } = hub.agent(ctx.params.id ?? "");
    const lines = whole(ctx, "lines", 100, 1, 500);
    const start = position(lastEventId(ctx));
    const stream = streams.open(ctx);
    let last = start === null ? "" : `${start.id}:${start.seq}`;
    const note = (event: string, data: unknown) => void stream.send({ id: last, event, data });
    stream.onClose(
      hub.logs.follow(id, start, lines, {
        line: (line, log) => {
          last = `${log}:${line.seq}`;
          stream.send({ id: last, event: "log", data: line });
        },
        gap: (missing) => note("gap", { lines: missing }),
        reset: () => note("reset", {}),
      }),
    );
  },
});

/** `<log>:<number>`, like the stream's event ids. */
function position(id: string | null): Position | null {
  const match = /^([\w-]{1,64}):(\d{1,15})$/.exec(id ?? "");
  return match ? { id: match[1] ?? "", seq: Number(match[2]) } : null;
}
