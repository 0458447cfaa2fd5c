/** Sends notifications by HTTP: in order for each address, with a bounded queue and bounded attempts. */
import { lookup as systemLookup } from "node:dns";
import type { IncomingMessage } from "node:http";
import type { LookupFunction } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { hostOf, isAllowedHost, isPrivate } from "../../base/private-address.ts";
import { refusedUrl, type Trust } from "../../fleet/trust.ts";

/**
 * 5 attempts: at once, then after 2, 8, 32 and 128 s. 100 notifications wait for one address; beyond that the oldest is
 * dropped.
 */
export const SENDING = { tries: 5, firstMs: 2000, factor: 4, timeoutMs: 10_000, waiting: 100 } as const;

export interface SenderDeps {
  readonly clock: Clock;
  /** Called once for each notification that is given up, without the path of its address, which may be a secret. */
  readonly onError: (error: Error) => void;
  readonly fetch?: typeof fetch;
  /** Allowed hosts of the fleet in force; absent: all. */
  readonly trust?: () => Trust;
  readonly lookup?: LookupFunction;
}

export interface Sender {
  send(url: string, body: unknown): void;
  /** Resolves when no request is in flight; waiting ones are dropped. */
  close(): Promise<void>;
}

export function createSender(deps: SenderDeps): Sender {
  const { clock, onError } = deps;
  const queues = new Map<string, string[]>();
  const running = new Map<string, Promise<void>>();
  const closing = new AbortController();

  const once = async (url: string, body: string): Promise<string | null> => {
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(SENDING.timeoutMs)]);
      const trust = deps.trust?.();
      if (trust?.restricted) {
        const refused = refusedUrl(hostOf(url), trust);
        if (refused) return `its address ${refused.message}`;
        const status = await postChecked({ url, body, signal }, trust.allow.hosts, deps.lookup);
        return status >= 200 && status < 300 ? null : `it answered ${status}`;
      }
      // Redirects are not followed: the body is meant for one host.
      const how = { method: "POST", headers: HEADERS, redirect: "manual" } as const;
      const answer = await (deps.fetch ?? fetch)(url, { ...how, body, signal });
      await answer.body?.cancel();
      return answer.ok ? null : `it answered ${answer.status}`;
    } catch (error) {
      const { name, cause, message } = error as Error;
      if (name === "TimeoutError") return `no answer in ${SENDING.timeoutMs / 1000} s`;
      return (cause as Error | undefined)?.message ?? message;
    }
  };
  const deliver = async (url: string, body: string): Promise<void> => {
    let why: string | null = null;
    for (let attempt = 0; attempt < SENDING.tries; attempt++) {
      if (attempt > 0)
        await clock.sleep(SENDING.firstMs * SENDING.factor ** (attempt - 1), closing.signal).catch(() => {});
      if (closing.signal.aborted) return;
      why = await once(url, body);
      if (why === null || closing.signal.aborted) return;
    }
    onError(
      new Error(`a notice to ${new URL(url).origin} was given up after ${SENDING.tries} tries: ${why}`),
    );
  };
  const drain = async (url: string, queue: string[]): Promise<void> => {
    for (let body = queue.shift(); body !== undefined && !closing.signal.aborted; body = queue.shift())
      await deliver(url, body);
    running.delete(url);
  };
  return {
    send(url, body) {
      if (closing.signal.aborted) return;
      const queue = queues.get(url) ?? [];
      queues.set(url, queue);
      queue.push(JSON.stringify(body));
      if (queue.length > SENDING.waiting) {
        queue.shift();
        onError(
          new Error(
            `more than ${SENDING.waiting} notices wait for ${new URL(url).origin}: the oldest is dropped`,
          ),
        );
      }
      if (!running.has(url)) running.set(url, drain(url, queue));
    },
    async close() {
      closing.abort(new Error("stopped"));
      await Promise.allSettled(running.values());
    },
  };
}

const HEADERS = { "content-type": "application/json", "user-agent": "vm-agent" } as const;

interface Post {
  readonly url: string;
  readonly body: string;
  readonly signal: AbortSignal;
}

/**
 * The status. Connects to the address that was checked, because a second lookup may return another one. No proxy, no
 * redirects.
 */
async function postChecked(
  { url, body, signal }: Post,
  allowed: readonly string[],
  lookup: LookupFunction = systemLookup as LookupFunction,
): Promise<number> {
  const { request } = await import(url.startsWith("https:") ? "node:https" : "node:http");
  const isAllowed = isAllowedHost(hostOf(url), allowed);
  const checked: LookupFunction = (name, options, done) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      const addresses = Array.isArray(found) ? found : [];
      const own = isAllowed
        ? undefined
        : addresses.find(({ address }) => isPrivate(address) && !isAllowedHost(address, allowed));
      if (own) {
        const why = `${name} is at ${own.address}, this machine or a private network; VM_AGENT_ALLOW_HOSTS=${name} allows it`;
        done(new Error(why), []);
      } else if (error || options.all) done(error, addresses);
      else done(null, addresses[0]?.address ?? "", addresses[0]?.family);
    });
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers: HEADERS, agent: false, lookup: checked, signal };
    request(url, options, (answer: IncomingMessage) => {
      answer.destroy();
      resolve(answer.statusCode ?? 0);
    })
      .once("error", reject)
      .end(body);
  });
}
