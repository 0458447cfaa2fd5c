/**
 * One GET by `node:http`: loading `fetch` takes longer than a short command. Importing `node:http` evaluates all its
 * exports, `fetch`'s WebSocket among them, and takes as long (50 ms on Node 26); hence `getBuiltinModule` (2 ms).
 */

import { isLoopback } from "../../base/proxy.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** The pinned fingerprint of the server's certificate. */
  readonly pin?: string | undefined;
}

/** A hub under load closes connections to make room: a GET may be repeated. */
const TRIES = 5;
const PAUSE_MS = 50;

/** Rejects without an answer within the deadline. Redirects are not followed: the hub has none. */
export async function httpGet(url: URL, options: GetOptions = {}): Promise<HttpAnswer> {
  const end = performance.now() + (options.deadlineMs ?? Number.POSITIVE_INFINITY);
  for (let tried = 1; ; tried += 1) {
    const left = end - performance.now();
    try {
      return await getOnce(url, {
        ...options,
        ...(Number.isFinite(left) && { deadlineMs: Math.max(1, left) }),
      });
    } catch (error) {
      const isReset = (error as NodeJS.ErrnoException).code === "ECONNRESET";
      if (!isReset || tried === TRIES || performance.now() >= end) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

async function getOnce(url: URL, options: GetOptions): Promise<HttpAnswer> {
  const { get, Agent } =
    url.protocol === "https:"
      ? process.getBuiltinModule("node:https")
      : process.getBuiltinModule("node:http");
  const { pin } = options;
  const createConnection = pin === undefined ? null : (await import("./pinned.ts")).pinnedConnection(pin);
  const how = {
    headers: { accept: "application/json", ...options.headers },
    ...(createConnection && { createConnection: createConnection as never }),
    // Node's global agent uses the proxy of the environment; a separate agent does not.
    ...(createConnection === null && isLoopback(url.hostname) && { agent: new Agent() }),
  };
  return new Promise((resolve, reject) => {
    const request = get(url, how, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", settled(reject));
      answer.on("end", () =>
        settled(resolve)({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }),
      );
    });
    // The whole answer has to arrive by then.
    const late = () =>
      request.destroy(
        new Error(`no answer from ${url.host} within ${Math.round(options.deadlineMs ?? 0)} ms`),
      );
    const timer = options.deadlineMs === undefined ? null : setTimeout(late, options.deadlineMs);
    const settled =
      <T>(settle: (value: T) => void) =>
      (value: T) => {
        if (timer !== null) clearTimeout(timer);
        settle(value);
      };
    request.on("error", settled(reject));
  });
}
