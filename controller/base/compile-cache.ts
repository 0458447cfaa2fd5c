/** Where Node keeps the compiled code of commands, so that the second start need not compile: in a folder that is the user's alone. */
import { mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Makes the folder and returns its path; null: do without. Node checks what it finds there by checksums, not by a key, so whoever
 * can write there decides what runs. Hence not the machine's temporary folder, and nothing that belongs to somebody else (as
 * under `sudo` with the home folder kept) or that others may write to.
 */
export function compileCacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  uid: number | null = process.getuid?.() ?? null,
): string | null {
  const { XDG_CACHE_HOME: xdg } = env;
  try {
    const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), ".cache");
    const folder = join(base, "vm-agent");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return [base, folder].every((path) => isOwn(path, uid)) ? folder : null;
  } catch {
    return null;
  }
}

function isOwn(path: string, uid: number | null): boolean {
  const { uid: owner, mode } = statSync(path);
  return uid === null || (owner === uid && (mode & 0o022) === 0);
}
