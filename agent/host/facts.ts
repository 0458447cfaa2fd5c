/** Facts about the machine: health figures, and ids that distinguish boots and clones. */
import { createHash } from "node:crypto";
import { readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, loadavg, totalmem, uptime } from "node:os";
import { readText } from "./files.ts";
import { guest, INSTANCE_ID_FILE, PROVISION_ERRORS_FILE } from "./paths.ts";
import { readStat } from "../tasks/processes.ts";

export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** Busy and total ticks of all processors from the text of `/proc/stat`; iowait counts as idle. */
export function parseCpu(stat: string): CpuTimes {
  const fields = /^cpu\s+(.*)$/m.exec(stat)?.[1]?.trim().split(/\s+/).map(Number) ?? [];
  // guest and guest_nice (fields 9, 10) are contained in user and nice already.
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields;
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, total: busy + idle + iowait };
}

export function cpuPercent(before: CpuTimes, after: CpuTimes): number {
  const total = after.total - before.total;
  return total <= 0 ? 0 : round((100 * (after.busy - before.busy)) / total);
}

/** Megabytes (MiB) from the text of `/proc/meminfo`; used is what is not available, as `free` prints it. */
export function parseMemory(meminfo: string): Usage {
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(meminfo)?.[1] ?? 0);
  const total = kib("MemTotal") / 1024;
  return usage(total, kib("MemAvailable") / 1024);
}

export interface Usage {
  /** Megabytes (MiB), as all figures here. */
  readonly total: number;
  readonly used: number;
  readonly free: number;
  readonly percent: number;
}

function usage(total: number, free: number): Usage {
  const used = total - free;
  const percent = total > 0 ? round((100 * used) / total) : 0;
  return { total: Math.round(total), used: Math.round(used), free: Math.round(free), percent };
}

const round = (value: number): number => Math.round(value * 10) / 10;

function memory(): Usage {
  const text = readText("/proc/meminfo");
  return text === null ? usage(totalmem() / 2 ** 20, freemem() / 2 ** 20) : parseMemory(text);
}

function disk(): Usage | null {
  try {
    const { bsize, blocks, bfree, bavail } = statfsSync(guest("/"));
    const mebi = bsize / 2 ** 20;
    // As df: what root alone may use counts neither as free nor as part of the whole.
    return usage((blocks - bfree + bavail) * mebi, bavail * mebi);
  } catch {
    return null;
  }
}

function cpuTimes(): CpuTimes {
  const text = readText("/proc/stat");
  if (text !== null) return parseCpu(text);
  const times = cpus().map((cpu) => cpu.times);
  const busy = times.reduce((sum, time) => sum + time.user + time.nice + time.sys + time.irq, 0);
  return { busy, total: busy + times.reduce((sum, time) => sum + time.idle, 0) };
}

export type HealthFigures = () => Readonly<Record<string, unknown>>;

/** Each call gives the CPU percentage since the call before it. */
export function createHealth(): HealthFigures {
  let before = cpuTimes();
  let percent = 0;
  return () => {
    const now = cpuTimes();
    // Two readings within a few ticks would show 0 or 100: the former figure is closer to the truth.
    if (now.total - before.total >= 10) {
      percent = cpuPercent(before, now);
      before = now;
    }
    return {
      cpu: percent,
      memory: memory(),
      disk: disk(),
      uptime: Math.round(process.uptime()),
      systemUptime: Math.round(uptime()),
      loadAverage: loadavg(),
      rss: Math.round(process.memoryUsage().rss / 2 ** 20),
    };
  };
}

export function instanceId(): string {
  return readText(guest(INSTANCE_ID_FILE)) ?? "";
}

/** Set by the sandbox for every process of one boot of an instance; tasks carry it on. */
export const SANDBOX_BOOT = "VM_AGENT_SANDBOX_BOOT";

/**
 * One boot of this instance. In a sandbox the kernel is the host's and process 1 is the host's or this service's own, so
 * there the sandbox says which boot it is; elsewhere the kernel's id, with the start of process 1 for containers.
 */
export function bootId(): string {
  const given = process.env[SANDBOX_BOOT];
  if (given) return given;
  return `${readText("/proc/sys/kernel/random/boot_id") ?? "unknown"}.${readStat(1)?.startTime ?? "0"}`;
}

/** SHA-256 (hex) of the bundle that runs. */
export function bundleHash(file: string): string {
  try {
    return createHash("sha256").update(readFileSync(file)).digest("hex");
  } catch {
    return "";
  }
}

/** What cloud-init wrote about commands of the document that failed; at most 20 lines. */
export function provisionProblems(): readonly string[] {
  const text = readText(guest(PROVISION_ERRORS_FILE));
  return text === null || text === "" ? [] : text.split("\n").slice(0, 20);
}
