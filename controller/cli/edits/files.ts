/** Atomic replacement of files: readers see the old one or the new one, never a part. */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * Keeps the file's mode, and follows a symbolic link. The temporary file is hidden, so that no watcher takes it for a
 * document.
 */
export function replaceFile(path: string, content: string): void {
  const known = existing(path);
  const target = known?.path ?? path;
  const between = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
  try {
    writeFileSync(between, content, { mode: known?.mode ?? 0o644 });
    renameSync(between, target);
  } catch (error) {
    rmSync(between, { force: true });
    throw error;
  }
}

function existing(path: string): { readonly path: string; readonly mode: number } | null {
  try {
    const real = realpathSync(path);
    return { path: real, mode: statSync(real).mode & 0o777 };
  } catch {
    return null;
  }
}
