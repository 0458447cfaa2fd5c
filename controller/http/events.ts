/** /events: everything that happens, live; a reader who lost the connection goes on by Last-Event-ID. */
import type { AddRoutes } from "./deps.ts";
import { lastEventId } from "./sse.ts";

export const addEventRoutes: AddRoutes = (router, { hub, streams }) => {
  router.get("/events", (ctx) => {
    const last = lastEventId(ctx);
    const { items, complete } = hub.feed.since(last);
    const stream = streams.open(ctx);
    // Not complete: the reader must read the state anew, what lies between is gone.
    if (!complete)
      stream.send({ id: last ?? "0", event: "reset", data: { reason: "older events are gone" } });
    const send = ({ id, event }: (typeof items)[number]) =>
      void stream.send({ id, event: event.name, data: { ...event.data, at: event.at } });
    for (const item of items) send(item);
    stream.onClose(hub.feed.listen(send));
  });
};
