/** The row "runtime": the size of the bundle, and its resident memory while it is connected and idle. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { createBus } from "../base/events.ts";
import { createHub } from "../hub/hub.ts";
import { createMemoryStore } from "../store/memory/memory.ts";
import { loadRuntime } from "../../provisioning/runtime.ts";
import { below, type Line, type Row } from "./measure.ts";

const NAME = "agent-bench";
const NONCE = "nonce-of-the-bench";

export const row: Row = async (option) => {
  const artifact = loadRuntime();
  const lines: Line[] = [below({ name: "runtime: bundle", unit: "kB" }, artifact.bytes / 1000, 150)];
  const own = process.execPath;
  const others = ["/usr/bin/node"].filter((file) => existsSync(file) && versionOf(file) !== versionOf(own));
  for (const file of [own, ...others]) {
    const { rss, cpu } = await idle(file, artifact.file, option("seconds", 10));
    const note = `${cpu.toFixed(2)} % of a core while idle`;
    lines.push(below({ name: `runtime: resident, Node ${versionOf(file)}`, unit: "MB", note }, rss, 60));
  }
  return lines;
};

const versionOf = (file: string): string => String(spawnSync(file, ["--version"]).stdout).trim();

/** RSS in MB (10^6 bytes) and CPU in percent, of a bundle that said hello to a real hub and then has nothing to do. */
async function idle(
  node: string,
  bundle: string,
  seconds: number,
): Promise<{ readonly rss: number; readonly cpu: number }> {
  const root = mkdtempSync(join(tmpdir(), "vm-agent-bench-guest-"));
  const bus = createBus(systemClock.now);
  const store = createMemoryStore();
  const settings = { home: root, bind: "127.0.0.1", agentPort: 0, advertise: "auto", hostNames: [] };
  const hub = createHub({ store, bus, clock: systemClock, settings });
  await hub.start();
  const online = new Promise<void>((resolve) => bus.on("runtime.online", () => resolve()));
  const joinToken = await hub.enrol(NAME, NONCE);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode: 0o600 });
  };
  write("var/lib/cloud/data/instance-id", `${NAME}\n`);
  const hubs = [`127.0.0.1:${hub.agentPort}`];
  write(
    "etc/vm-agent/runtime.json",
    JSON.stringify({ agent: NAME, nonce: NONCE, joinToken, hub: hubs, port: hub.agentPort }),
  );
  const child = spawn(node, [bundle, "--config", "/etc/vm-agent/runtime.json"], {
    env: { PATH: process.env.PATH, VM_AGENT_GUEST_ROOT: root },
    stdio: "ignore",
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    await Promise.race([online, rejectAfter(15_000)]);
    await sleep(2000);
    const before = ticks(child.pid);
    await sleep(seconds * 1000);
    const cpu = ((ticks(child.pid) - before) / 100 / seconds) * 100;
    const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
    return { rss: (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / 1e6, cpu };
  } finally {
    child.kill("SIGKILL");
    await ended;
    await hub.stop(500);
    rmSync(root, { recursive: true, force: true });
  }
}

/** User and system time of a process so far, in hundredths of a second. */
function ticks(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function rejectAfter(ms: number): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, ms).unref());
  throw new Error(`not within ${ms} ms: the runtime says hello`);
}
