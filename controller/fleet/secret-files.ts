/** Watches the files of secrets: calls back when one is changed, replaced, created or removed. */
import { type FileWatch, type WatchLimit, watchFiles } from "./watch-files.ts";

export interface SecretFiles {
  /** Replaces the set of watched files. */
  follow(paths: readonly string[]): void;
  close(): Promise<void>;
}

/**
 * A file is written in several pieces and replaced in several steps. Milliseconds of quiet before a change is reported.
 */
const QUIET_MS = 200;

export function watchSecretFiles(
  changed: () => void,
  onError: (error: unknown) => void,
  polling: (code: WatchLimit) => void,
): SecretFiles {
  const followed = new Set<string>();
  let watcher: Promise<FileWatch> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const tell = () => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(changed, QUIET_MS);
  };
  const start = () => watchFiles([...followed], {}, { changed: tell, failed: onError, polling });
  return {
    follow(paths) {
      const wanted = new Set(paths);
      const added = [...wanted].filter((path) => !followed.has(path));
      const gone = [...followed].filter((path) => !wanted.has(path));
      for (const path of added) followed.add(path);
      for (const path of gone) followed.delete(path);
      if (watcher === null) {
        if (followed.size > 0) watcher = start();
      } else if (added.length + gone.length > 0) {
        watcher = watcher.then((made) => {
          made.unwatch(gone);
          made.add(added);
          return made;
        });
      }
      watcher?.catch(onError);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await (await watcher?.catch(() => null))?.close();
    },
  };
}
