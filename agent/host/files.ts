/** Atomic, durable files: temporary file, fsync, rename, fsync of the folder. */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

export function ensureDir(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** `sync: false` omits both fsyncs: for files that must survive a kill, but not a power cut. */
export function writeAtomic(
  path: string,
  data: string | Uint8Array,
  options: { mode?: number; sync?: boolean } = {},
): void {
  const { mode = 0o600, sync = true } = options;
  const temporary = `${path}.tmp`;
  const fd = openSync(temporary, "w", mode);
  try {
    try {
      fchmodSync(fd, mode);
      const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      if (sync) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    // A full disk must not be filled further by a partial file.
    rmSync(temporary, { force: true });
    throw error;
  }
  if (sync) syncDir(dirname(path));
}

export function syncDir(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The parsed file, or null when it is absent or not JSON. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}

/** The trimmed text, or null when the file cannot be read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}

export function errorCode(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error) return String(error.code);
  return "";
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `disk-full` for the errors that mean it, else `io`. */
export function diskProblem(error: unknown): "disk-full" | "io" {
  return ["ENOSPC", "EDQUOT", "EROFS"].includes(errorCode(error)) ? "disk-full" : "io";
}
