/**
 * The row "tasks over HTTP": stored before the answer and again with the result, against a bare relay without a disk.
 *
 * Where the hub's time goes, by profile on a busy machine: of about 210 µs a task 90 are what the relay spends too, mostly
 * writev of answers and frames; about 70 are statements and commits of SQLite; the rest Koa, the task's schema, hashes, events.
 * The disk is not the limit: with the database in memory the rate is within a tenth or two of this.
 */
import { type ChildProcess, fork } from "node:child_process";
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../base/clock.ts";
import { createBus } from "../base/events.ts";
import { createApp } from "../http/app.ts";
import { listenHttp } from "../http/server.ts";
import { createHub } from "../hub/hub.ts";
import { operatorTokenPath } from "../hub/auth/operator-token.ts";
import { openStore } from "../store/sqlite/sqlite.ts";
import { type Line, median, percentile, type Row, short } from "./measure.ts";
import type { ConnectOrder, LoadAnswer, LoadOrder } from "./tasks-clients.ts";
import { startRelay } from "./tasks-relay.ts";

interface Slice extends LoadAnswer {
  /** Processor time of the server's process, milliseconds. */
  readonly serverCpu: number;
}

export const row: Row = async (option) => {
  const agents = option("agents", 100);
  const inFlight = option("in-flight", 100);
  const milliseconds = option("slice", 2500);
  const rounds = option("rounds", 5);
  await using stack = new AsyncDisposableStack();
  const clients = fork(fileURLToPath(new URL("./tasks-clients.js", import.meta.url)));
  stack.defer(() => void clients.kill());
  const names = Array.from({ length: agents }, (_, i) => `agent-${i + 1}`);

  const disk = mkdtempSync(join(tmpdir(), "vm-agent-bench-"));
  stack.defer(() => rmSync(disk, { recursive: true, force: true }));
  const relay = await startRelay();
  stack.defer(() => relay.stop());
  const bare = names.map((name) => ({ name, token: "t", nonce: "n" }));
  const ports = { wsPort: relay.port, httpPort: relay.port, operatorToken: "t" };
  await ask(clients, { kind: "connect", server: "relay", ...ports, agents: bare });

  const hub = await startHub(disk, names);
  stack.defer(hub.stop);
  await ask(clients, { kind: "connect", server: "hub", ...hub.order });
  const servers = ["relay", "hub"];
  // The same on a file system in memory, where fsync costs nothing: the difference is what the disk takes.
  if (existsSync("/dev/shm")) {
    const memory = mkdtempSync("/dev/shm/vm-agent-bench-");
    stack.defer(() => rmSync(memory, { recursive: true, force: true }));
    const second = await startHub(memory, names);
    stack.defer(second.stop);
    await ask(clients, { kind: "connect", server: "hub in memory", ...second.order });
    servers.push("hub in memory");
  }

  const slices = new Map<string, Slice[]>(servers.map((server) => [server, []]));
  const syncs: number[] = [];
  for (let round = -1; round < rounds; round++) {
    for (const server of round % 2 === 0 ? servers : [...servers].reverse()) {
      const cpu = process.cpuUsage();
      const answer = (await ask(clients, { kind: "load", server, milliseconds, inFlight })) as LoadAnswer;
      const { user, system } = process.cpuUsage(cpu);
      if (round >= 0) slices.get(server)?.push({ ...answer, serverCpu: (user + system) / 1000 });
    }
    syncs.push(fsyncRate(disk));
  }
  return lines(slices, `the disk alone: ${short(median(syncs))} fdatasync/s of 4 KiB`);
};

const FLOOR = "bare node:http and ws relaying the same JSON to the same clients, no disk";

function lines(slices: ReadonlyMap<string, readonly Slice[]>, disk: string): readonly Line[] {
  const of = (server: string) => slices.get(server) ?? [];
  const rate = (server: string) => median(of(server).map((s) => (s.done / s.milliseconds) * 1000));
  const late = (server: string, what: "cycle" | "answer") =>
    median(of(server).map((s) => percentile(s[what], 0.99)));
  const cost = (server: string, what: "serverCpu" | "cpu") =>
    `${short(median(of(server).map((s) => (s[what] / s.done) * 1000)))} µs`;
  const inMemory = rate("hub in memory");
  const share = Number.isNaN(inMemory) ? "" : `, ${short(inMemory)}/s with the database in memory`;
  const costs = `processor per task: relay ${cost("relay", "serverCpu")}, hub ${cost("hub", "serverCpu")}, clients ${cost("relay", "cpu")} and ${cost("hub", "cpu")}`;
  const lean =
    median(of("relay").map((s) => s.serverCpu / s.done)) / median(of("hub").map((s) => s.serverCpu / s.done));
  const floor = rate("relay");
  const ours = rate("hub");
  const ratio = ours / floor;
  const p99 = late("hub", "cycle") / late("relay", "cycle");
  const answers = `to the HTTP answer alone: ${short(late("hub", "answer"))} against ${short(late("relay", "answer"))} ms`;
  return [
    {
      name: "tasks over HTTP, fsynced twice",
      floorIs: FLOOR,
      floor,
      ours,
      unit: "/s",
      ratio,
      target: "≥ 0.5 ×",
      ok: ratio >= 0.5,
      note: `${disk}${share}; ${costs} (${short(lean)} × by processor time alone)`,
    },
    {
      name: "tasks over HTTP, p99 to the stored result",
      floorIs: "the same",
      floor: late("relay", "cycle"),
      ours: late("hub", "cycle"),
      unit: "ms",
      ratio: p99,
      target: "≤ 3 ×",
      ok: p99 <= 3,
      note: answers,
    },
  ];
}

/** Sends an order and resolves with the answer. */
export function ask(clients: ChildProcess, order: ConnectOrder | LoadOrder): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`the clients ended with ${code}`));
    clients.once("exit", onExit);
    clients.once("message", (answer) => {
      clients.off("exit", onExit);
      resolve(answer);
    });
    clients.send(order);
  });
}

/** The real hub, HTTP server and database, in this process; agents enrolled and configured as the loop does it. */
export async function startHub(home: string, names: readonly string[]) {
  const onError = (error: unknown) => void process.stderr.write(`${String(error)}\n`);
  const store = openStore(join(home, "vm-agent.db"));
  const bus = createBus(systemClock.now, onError);
  const settings = { home, bind: "127.0.0.1", agentPort: 0, advertise: "auto", hostNames: [] };
  const hub = createHub({ store, bus, clock: systemClock, settings, onError });
  await hub.start();
  const http = await listenHttp({ app: createApp({ hub }), hub, bind: "127.0.0.1", port: 0 });
  const agents = await Promise.all(
    names.map(async (name) => ({
      name,
      nonce: `nonce-${name}`,
      token: await hub.enrol(name, `nonce-${name}`),
    })),
  );
  for (const name of names) {
    hub.configure(name, {
      hash: "config",
      type: "builder",
      capabilities: ["build"],
      labels: {},
      env: {},
      secrets: {},
      tasks: { concurrency: 4, sudo: false, user: "ubuntu" },
      offlineAfter: 90_000,
      size: { cpu: 1, memory: 2 ** 30, disk: 2 ** 33 },
    });
  }
  const operatorToken = readFileSync(operatorTokenPath(home), "utf8").trim();
  return {
    order: { wsPort: hub.agentPort, httpPort: http.port, operatorToken, agents },
    /** Frames that came from an agent so far. */
    heard: (name: string): number => hub.agent(name).stats.messagesSent,
    stop: async () => {
      await http.stop(200);
      await hub.stop(500);
      await store.close();
    },
  };
}

/** What the disk gives by itself: appends of one page, each with fdatasync, one after the other. */
function fsyncRate(folder: string): number {
  const file = openSync(join(folder, "sync"), "a");
  const page = Buffer.alloc(4096, 1);
  const started = performance.now();
  let count = 0;
  for (; performance.now() - started < 300; count++) {
    writeSync(file, page);
    fdatasyncSync(file);
  }
  const rate = (count / (performance.now() - started)) * 1000;
  closeSync(file);
  return rate;
}
