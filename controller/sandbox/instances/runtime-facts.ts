// What a look into a running guest tells: this host's real numbers, within the sizes that the instance was given.
import { readdirSync, statSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { readText } from "../files.ts";
import { residentBytes } from "../guest/members.ts";
import type { Instance } from "./instance.ts";
import { guestRoot } from "../paths.ts";

export interface RuntimeFacts {
  readonly cpus: number;
  readonly load: readonly number[];
  /** Bytes, as are the next three. */
  readonly memoryTotal: number;
  readonly memoryUsed: number;
  readonly diskTotal: number;
  readonly diskUsed: number;
  readonly release: string;
}

/** What a guest's kernel and its file system leave of the configured sizes, as recorded with Multipass. */
const MEMORY_SHARE = 0.916;
const DISK_SHARE = 0.973;
/** What an idle guest uses. */
const IDLE_MEMORY = 52 * 1024 * 1024;
const IMAGE_ON_DISK = 532 * 1024 * 1024;
const MAX_FILES = 20_000;

export function runtimeFacts(instance: Instance): RuntimeFacts {
  const memoryTotal = Math.floor(instance.memory * MEMORY_SHARE);
  const diskTotal = Math.floor(instance.disk * DISK_SHARE);
  const root = guestRoot(instance.name);
  const resident = instance.boot ? residentBytes(instance.boot) : 0;
  return {
    cpus: instance.cpus,
    load: loadavg().map((it) => Math.round(it * 100) / 100),
    memoryTotal,
    memoryUsed: Math.min(IDLE_MEMORY + resident, memoryTotal),
    diskTotal,
    diskUsed: Math.min(IMAGE_ON_DISK + usedBytes(root), diskTotal),
    release: /^PRETTY_NAME="?([^"\n]*)/m.exec(readText(join(root, "etc/os-release")) ?? "")?.[1] ?? "",
  };
}

/** The size of a tree; of a very large one only the beginning counts. */
function usedBytes(root: string): number {
  let total = 0;
  let files = 0;
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined && files < MAX_FILES; folder = folders.pop()) {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        files += 1;
        const path = join(folder, entry.name);
        if (entry.isDirectory()) folders.push(path);
        else if (entry.isFile()) total += statSync(path).blocks * 512;
      }
    } catch {
      // It went away, or is closed to us.
    }
  }
  return total;
}
