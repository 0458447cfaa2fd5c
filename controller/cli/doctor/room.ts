/**
 * Memory and disk for agents that are not created yet. Only warnings: Multipass's disks grow as they are written to.
 */
import { existsSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { freemem, homedir } from "node:os";
import { bytes } from "../../core/units.ts";
import type { Size } from "../../core/types.ts";
import { counted } from "../output/output.ts";
import type { Check, Finding } from "./check.ts";
import { driverDeadline } from "./multipass.ts";
import type { DoctorContext } from "./context.ts";

/** Multipass's folders: as a snap, as a package, on macOS. */
const VAULTS = [
  "/var/snap/multipass/common",
  "/var/lib/multipass",
  "/var/root/Library/Application Support/multipassd",
] as const;

export const room: Check<DoctorContext> = {
  name: "room",
  deadlineMs: driverDeadline,
  async run(context) {
    const read = await context.fleet();
    if (!read.ok)
      return [{ level: "skip", found: "how much room is needed is not known: the fleet cannot be used" }];
    const look = await context.driver().catch(() => null);
    if (look?.seen.kind !== "seen")
      return [{ level: "skip", found: "how much room is needed is not known: instances cannot be seen" }];
    const there = new Set(look.seen.instances.map((i) => i.name));
    const missing = read.desired.agents.filter((a) => !there.has(a.name)).map((a) => a.size);
    const { home } = context.settings;
    const folder = look.info.sandbox
      ? existsSync(home)
        ? home
        : homedir()
      : (VAULTS.find((v) => existsSync(v)) ?? homedir());
    const { bavail, bsize } = await statfs(folder);
    return roomFindings(
      missing,
      { memory: freeMemory(context.platform), disk: bavail * bsize },
      look.info.sandbox,
    );
  },
};

export function roomFindings(
  missing: readonly Size[],
  free: Pick<Size, "memory" | "disk">,
  sandbox: boolean,
): readonly Finding[] {
  if (missing.length === 0)
    return [
      {
        level: "good",
        found: `all agents have their instances; ${bytes(free.memory)} memory and ${bytes(free.disk)} disk free`,
      },
    ];
  const more = counted(missing.length, "more agent");
  if (sandbox)
    return [
      {
        level: "good",
        found: `${more} to be made; the sandbox gives no memory or disk away (${bytes(free.memory)} and ${bytes(free.disk)} free)`,
      },
    ];
  const want = (field: "memory" | "disk") => missing.reduce((sum, size) => sum + size[field], 0);
  const short = (["memory", "disk"] as const).filter((field) => want(field) > free[field]);
  if (short.length === 0)
    return [
      {
        level: "good",
        found: `${bytes(free.memory)} memory and ${bytes(free.disk)} disk free for ${more} of this fleet`,
      },
    ];
  return short.map((field) => ({
    level: "warn",
    found: `${more} of this fleet want ${bytes(want(field))} ${field}, ${bytes(free[field])} is free`,
    next:
      field === "memory"
        ? "stop what is not needed, make agents smaller, or set limits.memory in kind: Fleet so that the rest is held"
        : "free some disk, make agents smaller, or set limits.disk in kind: Fleet so that the rest is held",
  }));
}

/** Available memory; Linux's free memory excludes caches. */
function freeMemory(platform: NodeJS.Platform): number {
  if (platform !== "linux") return freemem();
  try {
    const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
    return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
  } catch {
    return freemem();
  }
}
