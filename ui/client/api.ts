/** The hub's HTTP API for those who look and ask: the command line and both dashboards. */
import { createParser } from "eventsource-parser";
import { type Calls, createCalls } from "./calls.ts";
import type { EventsWatch, ServerEvent, Transport } from "./transport.ts";

export interface ApiOptions {
  /** `http://host:port`, without a path. */
  readonly url: string;
  /** A function is asked for each call: whoever is open for days learns of a new one. */
  readonly token: string | (() => string);
  /** Milliseconds until an answer must be there, streams apart. Absent: as long as it takes. */
  readonly deadline?: number;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** How GET is done, where there is a quicker way than `fetch`. */
  readonly get?: Transport["get"];
}

/** An RFC 9457 problem as the hub answers it. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly next: string;

  constructor(
    status: number,
    body: {
      readonly code?: string;
      readonly detail?: string;
      readonly title?: string;
      readonly next?: string;
    },
  ) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.code = body.code ?? "http";
    this.next = body.next ?? "";
  }
}

export type Api = Transport & Calls;

/** What an answer that is not a success says, whether the hub's own or that of something in between. */
export function toApiError(status: number, text: string): ApiError {
  let body: ConstructorParameters<typeof ApiError>[1] = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    body = { detail: text.slice(0, 200) };
  }
  return new ApiError(status, body);
}

export function createApi(given: ApiOptions): Api {
  const { url, token, deadline, fetch: ask = (...request) => fetch(...request) } = given;
  const call = async (method: string, path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = {
      authorization: `Bearer ${typeof token === "string" ? token : token()}`,
      ...(init.headers as Record<string, string> | undefined),
    };
    const until = deadline === undefined ? {} : { signal: AbortSignal.timeout(deadline) };
    const answer = await ask(new URL(path, url), { ...until, ...init, method, headers });
    if (answer.ok) return answer;
    throw toApiError(answer.status, await answer.text());
  };
  const transport: Transport = {
    get: given.get ?? (async <T>(path: string) => (await (await call("GET", path)).json()) as T),
    post: async <T>(
      path: string,
      body: unknown,
      headers: Readonly<Record<string, string>> = {},
      within?: number,
    ) =>
      (await (
        await call("POST", path, {
          ...(within !== undefined && { signal: AbortSignal.timeout(within) }),
          body: JSON.stringify(body),
          headers: { "content-type": "application/json", ...headers },
        })
      ).json()) as T,
    remove: async <T>(path: string) => {
      const answer = await call("DELETE", path);
      return (answer.status === 204 ? null : await answer.json()) as T;
    },
    events: (path, lastEventId, signal, watch = {}) =>
      readEvents(
        () =>
          call("GET", path, {
            signal,
            headers: {
              accept: "text/event-stream",
              ...(lastEventId !== null && { "last-event-id": lastEventId }),
            },
          }),
        watch,
      ),
  };
  return { ...transport, ...createCalls(transport) };
}

async function* readEvents(open: () => Promise<Response>, watch: EventsWatch): AsyncGenerator<ServerEvent> {
  const answer = await within(open(), watch.idle);
  watch.onOpen?.();
  if (!answer.body) return;
  // A reader, for not every browser can iterate over a body.
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  const events: ServerEvent[] = [];
  const parser = createParser({
    onEvent: ({ id = "", event = "message", data }) =>
      void events.push({ id, event, data: jsonOrText(data) }),
  });
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), watch.idle);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* events.splice(0);
    }
  } finally {
    // The error that broke the stream was reported already.
    await reader.cancel().catch(() => {});
  }
}

function within<T>(work: Promise<T>, ms: number | undefined): Promise<T> {
  if (ms === undefined) return work;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing was heard for ${Math.round(ms / 1000)} s`)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** JSON, or the text itself. */
function jsonOrText(data: string): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return data;
  }
}
