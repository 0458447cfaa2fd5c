/**
 * Creates a file exactly once and atomically: of several concurrent creators the first wins, and a kill leaves no
 * partial file.
 */
import { randomUUID } from "node:crypto";
import { linkSync, rmSync, writeFileSync } from "node:fs";

/** Readable by its owner only. An existing file is left unchanged. */
export function createOnce(path: string, contents: string | Buffer): void {
  // Random: threads of one process share one id.
  const between = `${path}.${randomUUID()}.tmp`;
  try {
    writeFileSync(between, contents, { mode: 0o600, flush: true });
    // A link never replaces an existing file.
    linkSync(between, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(between, { force: true });
  }
}
