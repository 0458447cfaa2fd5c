/** /events: the live event stream. A client that lost its connection resumes by Last-Event-ID, or receives `reset`. */
import type { Context } from "koa";
import type { FeedItem } from "../../hub/observability/live-feed.ts";
import type { MakeHandlers } from "../deps.ts";
import { pageOf, readPage } from "../page.ts";
import { many, named, text } from "../query.ts";
import { lastEventId } from "../sse.ts";

export const eventHandlers: MakeHandlers = ({ hub, streams }) => ({
  followEvents: (ctx) => {
    const fits = readFilter(ctx);
    const last = lastEventId(ctx);
    const { items, complete, position } = hub.feed.since(last);
    const stream = streams.open(ctx);
    // Without it a client whose connection breaks before the first event would not know what it missed.
    if (last === null) stream.send({ id: position, event: "open", data: { at: hub.clock.now() } });
    // Its id is where the buffer begins: a client that is cut off here resumes at the same place.
    else if (!complete) {
      const data = {
        reason: "some events between are lost: read the state again",
        remembered: items.length,
        at: hub.clock.now(),
      };
      stream.send({ id: last, event: "reset", data });
    }
    const asEvent = ({ id, event }: FeedItem) => ({
      id,
      event: event.name,
      data: { ...event.data, at: event.at },
    });
    stream.replay(items.filter(fits).map(asEvent));
    stream.onClose(hub.feed.listen((item) => void (fits(item) && stream.send(asEvent(item)))));
  },

  listEvents: (ctx) => {
    const { limit, cursor } = readPage(ctx);
    const { items, complete } = hub.feed.since(cursor ?? "");
    const page = pageOf(ctx, items.filter(readFilter(ctx)), limit, ({ id }) => id);
    const events = page.items.map(({ id, event: { name, at, data } }) => ({ id, event: name, at, data }));
    ctx.body = { events, complete: cursor === null || complete, next: page.next };
  },
});

function readFilter(ctx: Context): (item: FeedItem) => boolean {
  const names = many(ctx, "event");
  const agent = text(ctx, "agent");
  return ({ event }) =>
    (names.length === 0 || names.some((asked) => named(event.name, asked))) &&
    (agent === undefined || ("agent" in event.data && event.data.agent === agent));
}
