/** A program of its own, for the rows "idle" and "reconnect": the hub, or a bare ws server, whose memory and time are then its own alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { WebSocketServer } from "ws";

/** Sent to the parent: address and credentials. */
export interface IdleOrder {
  readonly port: number;
  readonly tokens: readonly string[];
}

export interface IdleReading {
  /** Bytes after a full collection. */
  readonly rss: number;
  /** User and system time so far, milliseconds. */
  readonly cpu: number;
  /** Bytes: the most that was resident so far. */
  readonly peak: number;
  /** Milliseconds: the longest that the event loop was late so far, since the server listens. */
  readonly late: number;
}

export const nameOf = (index: number): string => `agent-${index}`;
export const nonceOf = (index: number): string => `nonce-${index}`;
/** What hello tells of a runtime beside its nonce. */
export const factsOf = (name: string) => ({
  instanceId: name,
  bootId: "b",
  version: "0.1.0",
  bundleHash: "",
  node: "26",
  tasks: [],
});

/** `home` and `port`: of an earlier server that this one comes after, which enrolled its runtimes. */
const [which = "", count = "0", home = "", port = "0"] = process.argv.slice(2);
if (which === "bare") await bare(Number(port));
else if (which === "hub") await hub(Number(count), home, Number(port));

async function hub(runtimes: number, former: string, agentPort: number): Promise<void> {
  // Loaded here, so that the bare server does not carry the hub's code.
  const { systemClock } = await import("../base/clock.ts");
  const { createBus } = await import("../base/events.ts");
  const { createHub } = await import("../hub/hub.ts");
  const { openStore } = await import("../store/sqlite/sqlite.ts");
  const home = former || mkdtempSync(join(tmpdir(), "vm-agent-bench-"));
  if (former === "") process.on("exit", () => rmSync(home, { recursive: true, force: true }));
  const onError = (error: unknown) => void process.stderr.write(`${String(error)}\n`);
  const store = openStore(join(home, "vm-agent.db"));
  const bus = createBus(systemClock.now, onError);
  const settings = { home, bind: "127.0.0.1", agentPort, advertise: "auto", hostNames: [] };
  const made = createHub({ store, bus, clock: systemClock, settings, onError });
  await made.start();
  const enrolled = agentPort === 0 ? runtimes : 0;
  const tokens = await Promise.all(
    Array.from({ length: enrolled }, (_, i) => made.enrol(nameOf(i), nonceOf(i))),
  );
  serve(made.agentPort, tokens);
}

async function bare(port: number): Promise<void> {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as { readonly type: string };
      if (frame.type === "hello") socket.send(JSON.stringify({ type: "hello", payload: { protocol: 1 } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  serve((server.address() as AddressInfo).port, []);
}

function serve(port: number, tokens: readonly string[]): void {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  process.on("message", () => {
    const late = delay.max / 1e6;
    (globalThis as { gc?: () => void }).gc?.();
    const { user, system } = process.cpuUsage();
    const peak = process.resourceUsage().maxRSS * 1024;
    const reading: IdleReading = {
      rss: process.memoryUsage().rss,
      cpu: (user + system) / 1000,
      peak,
      late,
    };
    process.send?.(reading);
  });
  process.on("disconnect", () => process.exit());
  process.on("SIGTERM", () => process.exit());
  const order: IdleOrder = { port, tokens };
  process.send?.(order);
}
