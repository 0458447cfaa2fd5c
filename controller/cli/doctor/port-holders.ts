/**
 * Which program listens on a port: from /proc on Linux, by lsof elsewhere. Programs of other users may stay unknown.
 */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Run } from "../../base/process/exec.ts";

export interface Holder {
  readonly pid: number;
  readonly command: string;
}

export interface HolderDeps {
  readonly platform: NodeJS.Platform;
  readonly run: Run;
  /** Paths of the kernel's tables. */
  readonly proc?: string;
}

export async function portHolders(
  port: number,
  { platform, run, proc = "/proc" }: HolderDeps,
): Promise<readonly Holder[]> {
  if (platform === "linux") return holdersInProc(port, proc);
  const { stdout } = await run("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"], {
    deadlineMs: 5000,
  });
  const found = parseLsof(stdout);
  return Promise.all(
    found.map(async ({ pid, command }) => {
      const ps = await run("ps", ["-o", "command=", "-p", String(pid)], { deadlineMs: 5000 });
      return { pid, command: ps.stdout.trim() || command };
    }),
  );
}

/** `-Fpc`: a line `pPID`, a line `cCOMMAND`, then lines of its files. */
export function parseLsof(text: string): readonly Holder[] {
  const found: Holder[] = [];
  let pid = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("p")) pid = Number(line.slice(1));
    else if (line.startsWith("c") && pid > 0) found.push({ pid, command: line.slice(1) });
  }
  return found;
}

const LISTEN = "0A";

/** Inodes of the sockets that listen on a port, from the text of /proc/net/tcp or tcp6. */
export function listeningInodes(table: string, port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((cells) => cells[3] === LISTEN && cells[1]?.split(":")[1] === wanted)
    .map((cells) => cells[9] ?? "")
    .filter((inode) => inode !== "");
}

function holdersInProc(port: number, proc: string): readonly Holder[] {
  const tables = ["net/tcp", "net/tcp6"].map((name) => text(join(proc, name)));
  const links = new Set(tables.flatMap((t) => listeningInodes(t, port)).map((inode) => `socket:[${inode}]`));
  if (links.size === 0) return [];
  return names(proc)
    .filter((name) => /^\d+$/.test(name) && holdsOne(join(proc, name, "fd"), links))
    .map((name) => ({
      pid: Number(name),
      command:
        text(join(proc, name, "cmdline"))
          .replaceAll("\0", " ")
          .trim() || text(join(proc, name, "comm")).trim(),
    }));
}

function holdsOne(folder: string, links: ReadonlySet<string>): boolean {
  return names(folder).some((fd) => {
    try {
      return links.has(readlinkSync(join(folder, fd)));
    } catch {
      return false;
    }
  });
}

/** Processes may end meanwhile, and those of other users are unreadable: both are skipped. */
function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
