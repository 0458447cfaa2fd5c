/** A file that is made once, whole or not at all: of several who make it at the same time the first counts, and a kill leaves no part of it. */
import { randomUUID } from "node:crypto";
import { linkSync, rmSync, writeFileSync } from "node:fs";

/** Readable by its owner only. What is there already stays as it is. */
export function createOnce(path: string, contents: string | Buffer): void {
  // By lot: threads of one process have one id.
  const between = `${path}.${randomUUID()}.tmp`;
  try {
    writeFileSync(between, contents, { mode: 0o600, flush: true });
    // A link never takes the place of what is there.
    linkSync(between, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(between, { force: true });
  }
}
