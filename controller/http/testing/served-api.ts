/**
 * For tests: the API of a hub over real HTTP, a new one for each test of a file; every answer is validated against the
 * description.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "node:test";
import type { Payload } from "../../hub/runtimes/frames.ts";
import { startHub, type TestHub } from "../../hub/testing/hub.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store } from "../../store/store.ts";
import { createApp } from "../app.ts";
import type { ControllerPort } from "../deps.ts";
import { type HttpServer, listenHttp } from "../server.ts";
import { EMPTY_FLEET } from "./a-fleet.ts";
import { documentedFetch } from "./documented.ts";

export interface Answer {
  readonly status: number;
  readonly body: Payload & {
    readonly agent?: Payload;
    readonly agents?: readonly Payload[];
    readonly task?: Payload;
  };
  readonly headers: Headers;
}

export interface SseEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Payload;
}

/** What stands while a test runs; it may put another in the place of any part. */
export interface ServedApi {
  world: TestHub;
  folder: string;
  store: Store;
  server: HttpServer;
  token: string;
  /** What the loop was asked to look at. */
  readonly requeued: (readonly string[])[];
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Reads a stream until it ends or `enough` says so. */
  readStream(
    path: string,
    lastEventId: string | null,
    enough: (all: SseEvent[]) => boolean,
  ): Promise<SseEvent[]>;
}

export const tokenOf = (world: TestHub): string =>
  readFileSync(join(world.home, "operator-token"), "utf8").trim();

export const exec = (more: Payload = {}): Payload => ({ type: "exec", command: "echo hi", ...more });

/** At the top of a test file. */
export function servedApi(): ServedApi {
  const requeued: (readonly string[])[] = [];
  const controller: ControllerPort = {
    fleet: () => EMPTY_FLEET,
    plan: async () => null,
    reconcile: async (names) => void requeued.push(names),
  };
  const api = {
    requeued,
    call: (...given: Parameters<ServedApi["call"]>) => call(api, ...given),
    readStream: (...given: Parameters<ServedApi["readStream"]>) => readStream(api, ...given),
  } as ServedApi;
  beforeEach(async () => {
    api.folder = mkdtempSync(join(tmpdir(), "vm-agent-http-"));
    api.store = openStore(join(api.folder, "vm-agent.db"));
    api.world = await startHub(api.store, { maxBodyBytes: 10_000, eventRing: 3 });
    api.token = tokenOf(api.world);
    const { hub } = api.world;
    const app = createApp({ hub, controller, origins: () => ["http://127.0.0.1:9092"] });
    api.server = await listenHttp({ app, hub, bind: "127.0.0.1", port: 0 });
  });
  afterEach(async () => {
    await api.server.stop(200);
    await api.world.stop();
    await api.store.close();
    rmSync(api.folder, { recursive: true });
  });
  return api;
}

type At = Pick<ServedApi, "server" | "token">;

async function call(
  { server, token }: At,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  // Nothing describes what is not there.
  const ask = path === "/nothing" ? fetch : documentedFetch;
  const answer = await ask(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json = answer.headers.get("content-type")?.includes("json");
  return {
    status: answer.status,
    body: json ? (JSON.parse(text) as Payload) : { text },
    headers: answer.headers,
  };
}

async function readStream(
  { server, token }: At,
  path: string,
  lastEventId: string | null,
  enough: (all: SseEvent[]) => boolean,
): Promise<SseEvent[]> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastEventId === null ? {} : { "last-event-id": lastEventId }),
    },
    signal: AbortSignal.timeout(60_000),
  });
  assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const all: SseEvent[] = [];
  let rest = "";
  for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
    rest += Buffer.from(part).toString();
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(
        block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]),
      );
      if (!fields.has("data")) continue;
      const data = JSON.parse(fields.get("data") ?? "") as Payload;
      all.push({ id: fields.get("id") ?? "", event: fields.get("event") ?? "", data });
    }
    if (enough(all)) break;
  }
  return all;
}
