/**
 * Watches files by kernel notifications, and by polling where their limit is reached: Linux answers EMFILE beyond
 * `fs.inotify.max_user_instances` and ENOSPC beyond `fs.inotify.max_user_watches` (inotify(7)).
 */
import type { ChokidarOptions, FSWatcher } from "chokidar";

export interface FileWatch {
  add(paths: readonly string[]): void;
  unwatch(paths: readonly string[]): void;
  close(): Promise<void>;
}

export interface WatchHandlers {
  readonly changed: (event: string, path: string) => void;
  readonly failed: (error: unknown) => void;
  /** The limit is reached: from now on the files are polled. */
  readonly polling: (code: WatchLimit) => void;
}

export type WatchLimit = "EMFILE" | "ENOSPC";

/** Interval of polling, in milliseconds. */
const POLL_MS = 1000;

export const isWatchLimit = (code: unknown): code is WatchLimit => code === "EMFILE" || code === "ENOSPC";

/** Resolves once the watch is in place. chokidar is loaded here: commands that read the fleet once do not need it. */
export async function watchFiles(
  paths: readonly string[],
  options: Pick<ChokidarOptions, "depth" | "ignored">,
  { changed, failed, polling }: WatchHandlers,
): Promise<FileWatch> {
  const { watch } = await import("chokidar");
  const followed = new Set(paths);
  const ready = Promise.withResolvers<void>();
  let usePolling = false;
  let closing: Promise<unknown> = Promise.resolve();
  const open = (): FSWatcher => {
    const common = { ignoreInitial: true, ignorePermissionErrors: true, interval: POLL_MS };
    const made = watch([...followed], { ...common, ...options, usePolling });
    made.on("all", changed);
    made.on("error", (error) => {
      const { code } = error as { readonly code?: unknown };
      if (!isWatchLimit(code)) return failed(error);
      // One watcher reports the limit for each of its files.
      if (made !== watcher || usePolling) return;
      usePolling = true;
      polling(code);
      closing = made.close().catch(failed);
      watcher = open();
    });
    made.once("ready", () => {
      if (made === watcher) ready.resolve();
    });
    return made;
  };
  let watcher = open();
  await ready.promise;
  return {
    add(more) {
      for (const path of more) followed.add(path);
      watcher.add([...more]);
    },
    unwatch(gone) {
      for (const path of gone) followed.delete(path);
      watcher.unwatch([...gone]);
    },
    async close() {
      await Promise.all([closing, watcher.close()]);
    },
  };
}
