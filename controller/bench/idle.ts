/**
 * The row "5,000 idle runtimes connected": what a connection costs in memory, and what the heartbeats cost in processor time.
 *
 * `run.js idle --seconds=5`: 1.67 of bare ws when each connection had listeners, a timer and its request of its own (50 MB of
 * live heap), 1.59 with shared ones (36 MB). What remains is V8's young generation, which 5,000 handshakes grow to 55 MB (24
 * with bare ws) and which stays: with --max-semi-space-size=8 the hub has 173 instead of 191 to 198 MB, with 4 less still.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";
import { type IdleOrder, type IdleReading, factsOf, nameOf, nonceOf } from "./idle-server.ts";
import { below, type Line, type Row, short } from "./measure.ts";

/** A runtime says how it is this often, on average. */
const HEARTBEAT_MS = 30_000;
/** Handshakes at once: more would only wait in the kernel's queue. */
const AT_ONCE = 50;

interface Found {
  /** Bytes for each connection. */
  readonly each: number;
  readonly total: number;
  /** Percent of a core while heartbeats come. */
  readonly heartbeats: number;
}

export const row: Row = async (option) => {
  const count = option("runtimes", 5000);
  const seconds = option("seconds", 20);
  const bare = await measure("bare", count, seconds);
  const hub = await measure("hub", count, seconds);
  const ratio = hub.total / bare.total;
  const memory: Line = {
    name: `${count} idle runtimes: memory`,
    floorIs: "resident memory of a bare ws server with the same connections",
    floor: bare.total / 1e6,
    ours: hub.total / 1e6,
    unit: "MB",
    ratio,
    target: "≤ 1.5 ×",
    ok: ratio <= 1.5,
    note: `each with its own code; what each connection added: ${short(bare.each / 1000)} kB bare, ${short(hub.each / 1000)} kB in the hub`,
  };
  const name = `${count} idle runtimes: heartbeats`;
  const floorIs = "a bare ws server that parses the same frames";
  return [memory, below({ name, unit: "% of a core", floorIs }, hub.heartbeats, 5, bare.heartbeats)];
};

async function measure(which: "bare" | "hub", count: number, seconds: number): Promise<Found> {
  const server = fork(fileURLToPath(new URL("./idle-server.js", import.meta.url)), [which, String(count)], {
    execArgv: ["--expose-gc"],
  });
  const sockets: WebSocket[] = [];
  try {
    const [order] = (await once(server, "message")) as [IdleOrder];
    const empty = await read(server);
    let next = 0;
    const worker = async () => {
      while (next < count) {
        const index = next;
        next += 1;
        sockets[index] = await open(order, index);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await sleep(3000);
    const full = await read(server);
    await heartbeats(sockets, seconds);
    const after = await read(server);
    return {
      each: (full.rss - empty.rss) / count,
      total: after.rss,
      heartbeats: ((after.cpu - full.cpu) / (seconds * 1000)) * 100,
    };
  } finally {
    for (const socket of sockets) socket?.terminate();
    server.kill();
    await once(server, "exit");
  }
}

/** Resolves when the hello was answered and the credential confirmed. */
function open(order: IdleOrder, index: number): Promise<WebSocket> {
  const name = nameOf(index);
  const headers = { authorization: `Bearer ${order.tokens[index] ?? "t"}`, "x-agent": name };
  const socket = new WebSocket(`ws://127.0.0.1:${order.port}/agent`, { headers, perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", (code) => reject(new Error(`${name} was closed with ${code}`)));
    socket.once("open", () => {
      send(socket, name, "hello", { protocol: [1], nonce: nonceOf(index), ...factsOf(name) });
    });
    socket.once("message", () => {
      send(socket, name, "ack", { credential: true });
      resolve(socket);
    });
  });
}

/** Every runtime's turn comes once in 30 s, spread evenly. */
async function heartbeats(sockets: readonly WebSocket[], seconds: number): Promise<void> {
  const ended = performance.now() + seconds * 1000;
  let sent = 0;
  for (const started = performance.now(); performance.now() < ended; await sleep(20)) {
    const due = Math.floor(((performance.now() - started) / HEARTBEAT_MS) * sockets.length);
    for (; sent < due; sent++) {
      const index = sent % sockets.length;
      const socket = sockets[index];
      if (socket) send(socket, nameOf(index), "health", HEALTH);
    }
  }
}

const HEALTH = {
  cpu: 1.5,
  memory: { total: 4000, used: 900, free: 3100, percent: 22.5 },
  disk: { total: 20_000, used: 3000, free: 17_000, percent: 15 },
  uptime: 86_400,
  systemUptime: 90_000,
  loadAverage: [0.1, 0.2, 0.1],
  currentTasks: [],
  version: "0.1.0",
};

function send(socket: WebSocket, from: string, type: string, payload: unknown): void {
  socket.send(JSON.stringify({ id: `${from}-1`, from, to: "hub", type, timestamp: Date.now(), payload }));
}

async function read(server: ChildProcess): Promise<IdleReading> {
  server.send("read");
  const [reading] = (await once(server, "message")) as [IdleReading];
  return reading;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
