/**
 * Keeps a live stream open while it is needed: resumes at its last event, backs off after each failure, reports the
 * state of the connection.
 */
import { type Api, ApiError } from "./api.ts";
import type { ServerEvent } from "./transport.ts";
import { backoff } from "../../schemas/backoff.ts";

export interface FollowOptions {
  readonly path: string;
  /** Where to begin; null: with what comes from now on. */
  readonly from: string | null;
  readonly signal: AbortSignal;
  readonly onEvent: (event: ServerEvent) => void;
  readonly onConnecting: () => void;
  readonly onLive: () => void;
  /** `retryIn` milliseconds. */
  readonly onLost: (message: string, retryIn: number) => void;
  /** Milliseconds without a byte after which the stream counts as lost. */
  readonly idle?: number;
  /** Between 0 and 1. */
  readonly random?: () => number;
}

const RETRY = { firstMs: 500, lastMs: 15_000 } as const;

/** Half of it for sure, the other half by lot, so that many pages do not come back at one moment. */
export function waitBefore(attempt: number, random: () => number): number {
  const full = backoff(RETRY, attempt + 1);
  return Math.round(full / 2 + (full / 2) * random());
}

/** Resolves when the signal is aborted; rejects only with what trying again cannot mend (a token that is refused). */
export async function follow(api: Api, options: FollowOptions): Promise<void> {
  const {
    path,
    signal,
    onEvent,
    onConnecting,
    onLive,
    onLost,
    idle = 45_000,
    random = Math.random,
  } = options;
  let last = options.from;
  let attempt = 0;
  while (!signal.aborted) {
    let why = "the hub ended the stream";
    try {
      onConnecting();
      const onOpen = () => {
        attempt = 0;
        onLive();
      };
      for await (const event of api.events(path, last, signal, { onOpen, idle })) {
        last = event.id || last;
        onEvent(event);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && (error.status === 401 || error.status === 404)) throw error;
      why = lostWords(error);
    }
    if (signal.aborted) return;
    const wait = waitBefore(attempt, random);
    attempt += 1;
    onLost(why, wait);
    await pause(wait, signal);
  }
}

/** `fetch` says "Failed to fetch" or "network error" for everything: neither helps anybody. */
export function lostWords(error: unknown): string {
  if (error instanceof ApiError) return error.next === "" ? error.message : `${error.message}; ${error.next}`;
  if (error instanceof TypeError || (error as Error).name === "TimeoutError")
    return "the hub does not answer";
  return error instanceof Error ? error.message : String(error);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
