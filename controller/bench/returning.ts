/** Clients for the row "reconnect": each says a real hello, keeps the credential that it gets, and comes back by the runtime's own policy. */
import WebSocket from "ws";
import { delayAfter } from "../../agent/session/backoff.ts";
import { type IdleOrder, factsOf, nameOf, nonceOf } from "./idle-server.ts";

export interface Returning {
  /** Resolves when these are online for the first time. */
  join(from: number, to: number): Promise<void>;
  /** From now on attempts are counted; no runtime has returned yet. */
  restarted(): void;
  /** When each came back (`performance.now()`). Rejects when some did not within `ms`. */
  allBack(count: number, ms: number): Promise<readonly number[]>;
  counts(): {
    readonly attempts: number;
    readonly noServer: number;
    readonly refused: number;
    readonly cut: number;
    readonly worst: number;
  };
  stop(): void;
}

/** As the runtime waits for the connection and for the hub's hello. */
const CONNECT_MS = 10_000;
const HELLO_MS = 15_000;

interface Client {
  token: string;
  socket: WebSocket | null;
  /** Rounds in a row without an accepted hello. */
  failures: number;
  attempts: number;
}

export function createReturning({ port, tokens }: IdleOrder): Returning {
  const clients = new Map<number, Client>();
  let back = new Map<number, number>();
  let counting = { noServer: 0, refused: 0, cut: 0 };
  let stopped = false;
  let wake = () => {};

  const connect = (index: number, client: Client): void => {
    if (stopped) return;
    const name = nameOf(index);
    let httpStatus: number | null = null;
    let online = false;
    let opened = false;
    client.attempts += 1;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/agent`, {
      headers: { authorization: `Bearer ${client.token}`, "x-agent": name },
      perMessageDeflate: false,
      handshakeTimeout: CONNECT_MS,
    });
    client.socket = socket;
    const send = (type: string, payload: unknown) =>
      socket.send(
        JSON.stringify({ id: `${name}-1`, from: name, to: "hub", type, timestamp: Date.now(), payload }),
      );
    const deaf = setTimeout(() => socket.terminate(), CONNECT_MS + HELLO_MS);
    socket.on("open", () => {
      opened = true;
      send("hello", {
        protocol: [1],
        nonce: nonceOf(index),
        ...factsOf(name),
        features: ["messages", "log", "upgrade"],
      });
    });
    socket.on("message", (data) => {
      const { type, payload } = JSON.parse(String(data)) as {
        readonly type: string;
        readonly payload: { readonly credential?: string };
      };
      if (type !== "hello") return;
      if (payload.credential !== undefined) {
        client.token = payload.credential;
        send("ack", { credential: true });
      }
      online = true;
      client.failures = 0;
      clearTimeout(deaf);
      back.set(index, performance.now());
      wake();
    });
    socket.on("unexpected-response", (request, response) => {
      httpStatus = response.statusCode ?? 0;
      counting.refused += 1;
      request.destroy();
      ended(null);
    });
    socket.on("error", () => {});
    socket.on("close", (code) => ended(opened ? code : null));
    let over = false;
    const ended = (closeCode: number | null) => {
      if (over) return;
      over = true;
      clearTimeout(deaf);
      back.delete(index);
      if (!online && opened) counting.cut += 1;
      else if (!online && httpStatus === null) counting.noServer += 1;
      const ms = delayAfter({ closeCode, httpStatus }, client.failures, Math.random());
      client.failures += 1;
      if (!stopped) setTimeout(() => connect(index, client), ms);
    };
  };

  const reached = async (count: number, ms: number): Promise<void> => {
    const end = performance.now() + ms;
    while (back.size < count) {
      if (performance.now() > end)
        throw new Error(`${count - back.size} of ${count} runtimes are not online`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        wake = () => {
          if (back.size < count) return;
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };

  return {
    async join(from, to) {
      for (let index = from; index < to; index++) {
        const client = { token: tokens[index] ?? "t", socket: null, failures: 0, attempts: 0 };
        clients.set(index, client);
        connect(index, client);
      }
      await reached(to, 60_000);
    },
    restarted() {
      back = new Map();
      counting = { noServer: 0, refused: 0, cut: 0 };
      for (const client of clients.values()) client.attempts = 0;
    },
    async allBack(count, ms) {
      await reached(count, ms);
      return [...back.values()];
    },
    counts() {
      const attempts = [...clients.values()].map((client) => client.attempts);
      const sum = attempts.reduce((total, n) => total + n, 0);
      return { ...counting, attempts: sum, worst: attempts.reduce((most, n) => Math.max(most, n), 0) };
    },
    stop() {
      stopped = true;
      for (const { socket } of clients.values()) socket?.terminate();
    },
  };
}
