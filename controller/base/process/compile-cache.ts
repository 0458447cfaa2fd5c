/** Node's compile cache, in a folder of the user alone, so that later starts need not compile. */
import { mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Creates the folder and returns its path; null: no cache. Node checks cached code by checksum and not by a key, so
 * write access to the folder is the right to run code. Hence not the machine's temporary folder, and no folder that
 * another user owns (as under `sudo` with the home folder kept) or may write to.
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
