/** A worker thread that keeps so many connections half open until it is terminated: what the other end closes comes back a second later. */
import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

export interface HalfOpen {
  readonly ports: readonly number[];
  readonly connections: number;
}

export interface HalfOpenCounts {
  /** Connections that the other end accepted, so far. */
  readonly opened: number;
  readonly cut: number;
}

const { ports, connections } = workerData as HalfOpen;
/** What each sends before it falls silent. */
const BEGINNINGS = [
  "",
  "GET / HTTP/1.1\r\nHost: loc",
  "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
  "GET /agent HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
] as const;
const AGAIN_MS = 1000;
let opened = 0;
let cut = 0;

function hold(n: number): void {
  const socket = connect({ host: "127.0.0.1", port: ports[n % ports.length] ?? 0, allowHalfOpen: true });
  socket.on("connect", () => {
    opened += 1;
    socket.write(BEGINNINGS[n % BEGINNINGS.length] ?? "");
  });
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.on("end", () => socket.destroy());
  socket.on("close", () => {
    cut += 1;
    setTimeout(hold, AGAIN_MS, n);
  });
}

for (let n = 0; n < connections; n++) hold(n);
setInterval(() => parentPort?.postMessage({ opened, cut } satisfies HalfOpenCounts), 50);
