/** A program of its own, for the row "5,000 idle runtimes": the hub, or a bare ws server, whose memory is then its own alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocketServer } from "ws";

/** What the parent is told: where to connect, and as whom. */
export interface IdleOrder {
  readonly port: number;
  readonly tokens: readonly string[];
}

export interface IdleReading {
  /** Bytes after a full collection. */
  readonly rss: number;
  /** User and system time so far, milliseconds. */
  readonly cpu: number;
}

export const nameOf = (index: number): string => `agent-${index}`;
export const nonceOf = (index: number): string => `nonce-${index}`;

const [which = "", count = "0"] = process.argv.slice(2);
if (which === "bare") await bare();
else if (which === "hub") await hub(Number(count));

async function hub(runtimes: number): Promise<void> {
  // Loaded here, so that the bare server does not carry the hub's code.
  const { systemClock } = await import("../base/clock.ts");
  const { createBus } = await import("../base/events.ts");
  const { createHub } = await import("../hub/hub.ts");
  const { openStore } = await import("../store/sqlite.ts");
  const home = mkdtempSync(join(tmpdir(), "vm-agent-bench-"));
  process.on("exit", () => rmSync(home, { recursive: true, force: true }));
  const onError = (error: unknown) => void process.stderr.write(`${String(error)}\n`);
  const store = openStore(join(home, "vm-agent.db"));
  const bus = createBus(systemClock.now, onError);
  const settings = { home, bind: "127.0.0.1", agentPort: 0, advertise: "auto", hostNames: [] };
  const limits = { maxPreAuthConnections: runtimes };
  const made = createHub({ store, bus, clock: systemClock, settings, limits, onError });
  await made.start();
  const tokens = await Promise.all(
    Array.from({ length: runtimes }, (_, i) => made.enrol(nameOf(i), nonceOf(i))),
  );
  serve(made.agentPort, tokens);
}

async function bare(): Promise<void> {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as { readonly type: string };
      if (frame.type === "hello") socket.send(JSON.stringify({ type: "hello", payload: { protocol: 1 } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  serve((server.address() as AddressInfo).port, []);
}

function serve(port: number, tokens: readonly string[]): void {
  process.on("message", () => {
    (globalThis as { gc?: () => void }).gc?.();
    const { user, system } = process.cpuUsage();
    const reading: IdleReading = { rss: process.memoryUsage().rss, cpu: (user + system) / 1000 };
    process.send?.(reading);
  });
  process.on("disconnect", () => process.exit());
  process.on("SIGTERM", () => process.exit());
  const order: IdleOrder = { port, tokens };
  process.send?.(order);
}
