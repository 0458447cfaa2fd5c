/**
 * The row "reconnect": all runtimes come back to a hub that was killed and started again on the same port and store.
 *
 * `run.js reconnect` on two cores (load 5), before the handshake was made leaner: 5,000 online 6.0 s after the start (bare ws
 * 2.5 s), one attempt each, 4.5 s of processor time against 1.3, 193 MB at most against 137, the event loop never more than
 * 44 ms late. The policy's jitter spreads them over more than the hub needs: nothing storms.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { IdleOrder, IdleReading } from "./idle-server.ts";
import { type Line, type Row, short } from "./measure.ts";
import { createReturning, type Returning } from "./returning.ts";

/** What is given up on: a storm that never settles is a failure of the row, not a figure. */
const GIVE_UP_MS = 180_000;

interface Found {
  /** Milliseconds from the second server's first answer until the last runtime was online. */
  readonly settled: number;
  readonly median: number;
  readonly peak: number;
  readonly late: number;
  /** Processor time of the second server, its start included. */
  readonly cpu: number;
  /** Of all clients, since the kill. */
  readonly attempts: number;
  readonly noServer: number;
  readonly refused: number;
  readonly cut: number;
  /** Most attempts that one client needed. */
  readonly worst: number;
}

export const row: Row = async (option) => {
  const count = option("count", 5000);
  const bare = await measure("bare", count);
  const hub = await measure("hub", count);
  const floorIs = "a bare ws server restarted under the same clients and the same policy";
  const line = (name: string, unit: string, floor: number, ours: number, note = ""): Line => ({
    name: `${count} runtimes return: ${name}`,
    floorIs: note === "" ? "" : floorIs,
    floor,
    ours,
    unit,
    ratio: ours / floor,
    target: "",
    ok: null,
    note,
  });
  return [
    line(
      "until the last is online",
      "s",
      bare.settled / 1000,
      hub.settled / 1000,
      reported("hub", hub, count),
    ),
    line("processor time", "s", bare.cpu / 1000, hub.cpu / 1000, reported("bare", bare, count)),
    line("peak memory", "MB", bare.peak / 1e6, hub.peak / 1e6),
    line("event loop late at most", "ms", bare.late, hub.late),
  ];
};

function reported(which: string, found: Found, count: number): string {
  const { attempts, noServer, refused, cut, worst, median } = found;
  return `${which}: half were online after ${short(median / 1000)} s; ${short(attempts / count)} attempts a runtime (${worst} at most): ${noServer} found no server, ${refused} were refused, ${cut} were cut, ${count} came in`;
}

async function measure(which: "bare" | "hub", count: number): Promise<Found> {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-bench-"));
  let server: ChildProcess | null = null;
  let clients: Returning | null = null;
  try {
    const first = await start(which, count, home, 0);
    server = first.server;
    clients = createReturning(first.order);
    for (let from = 0; from < count; from += 50) await clients.join(from, Math.min(count, from + 50));
    const gone = once(server, "exit");
    server.kill("SIGKILL");
    await gone;
    clients.restarted();
    const second = await start(which, count, home, first.order.port);
    server = second.server;
    const since = performance.now();
    const came = await clients.allBack(count, GIVE_UP_MS);
    server.send("read");
    const [{ peak, late, cpu }] = (await once(server, "message")) as [IdleReading];
    const times = came.map((at) => Math.max(0, at - since)).sort((a, b) => a - b);
    return {
      settled: times.at(-1) ?? Number.NaN,
      median: times[Math.floor(times.length / 2)] ?? Number.NaN,
      peak,
      late,
      cpu,
      ...clients.counts(),
    };
  } finally {
    clients?.stop();
    server?.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

async function start(which: string, count: number, home: string, port: number) {
  const server = fork(fileURLToPath(new URL("./idle-server.js", import.meta.url)), [
    which,
    String(count),
    home,
    String(port),
  ]);
  const [order] = (await once(server, "message")) as [IdleOrder];
  return { server, order };
}
