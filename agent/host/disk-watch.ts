/** Says whether the disk still takes what the runtime must write, and since when it does not. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, errorCode, errorMessage, writeAtomic } from "./files.ts";
import type { Log } from "./log.ts";

/** A page, as no file system has less to give; more than one, as the last one may be free by chance. */
const PROBE = Buffer.alloc(8192, 1);

/** Called for every heartbeat. An empty list means no problem. Each change is logged once. */
export function createDiskWatch(dir: string, log: Log): () => readonly string[] {
  const probe = join(dir, "probe");
  let full = false;
  return () => {
    try {
      ensureDir(dir);
      writeAtomic(probe, PROBE, { sync: false });
      rmSync(probe, { force: true });
    } catch (error) {
      if (!full) log.error(`nothing can be written any more: ${errorMessage(error)}; new tasks are refused`);
      full = true;
      return [`its disk takes nothing (${errorCode(error)}): new tasks are refused until there is room`];
    }
    if (full) log.info("the disk takes what is written again");
    full = false;
    return [];
  };
}
