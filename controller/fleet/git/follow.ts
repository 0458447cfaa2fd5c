/** Watches a repository for commits and moved branches, and fetches a followed remote periodically. */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { jittered } from "../../core/backoff.ts";
import type { Repository } from "./git.ts";
import { PROGRESS_NAMES } from "./progress.ts";
import type { GitFleetReader } from "./reader.ts";
import { type FileWatch, type WatchLimit, watchFiles } from "../watch-files.ts";

export interface Following {
  /** Fetches now, where a remote is followed. */
  fetch(): Promise<void>;
  /** After every read: the paths to watch and the remote may have changed. */
  update(): void;
  close(): Promise<void>;
}

/** `changed` reads the fleet again; debounced. */
export function startFollowing(
  reader: GitFleetReader,
  changed: () => void,
  debounceMs: number,
  polling: (code: WatchLimit) => void,
): Following {
  const abort = new AbortController();
  let watcher: { readonly of: string; readonly closing: () => Promise<void> } | null = null;
  let timer: { readonly of: number; readonly handle: NodeJS.Timeout } | null = null;
  let pending: NodeJS.Timeout | null = null;
  let fetching: Promise<void> | null = null;

  const soon = () => {
    if (abort.signal.aborted) return;
    if (pending !== null) clearTimeout(pending);
    pending = setTimeout(changed, debounceMs);
  };
  const fetch = () => {
    fetching ??= reader.fetch(abort.signal).finally(() => {
      fetching = null;
    });
    return fetching;
  };
  const schedule = (every: number, delay: number) => {
    const handle = setTimeout(async () => {
      await fetch();
      if (abort.signal.aborted) return;
      changed();
      if (timer?.handle === handle) schedule(every, jittered(every, Math.random()));
    }, delay);
    handle.unref();
    timer = { of: every, handle };
  };
  return {
    fetch,
    update() {
      if (abort.signal.aborted) return;
      const every = reader.fetchEvery();
      if (every !== (timer?.of ?? null)) {
        if (timer !== null) clearTimeout(timer.handle);
        timer = null;
        if (every !== null) schedule(every, 0);
      }
      const repository = reader.repository();
      const places = repository === null ? null : placesOf(repository, reader.branch());
      const of = JSON.stringify(places);
      if (places === null || watcher?.of === of) return;
      void watcher?.closing();
      const started = watchPlaces(places, soon, polling);
      watcher = { of, closing: async () => void (await (await started).close()) };
    },
    async close() {
      abort.abort(new Error("closed"));
      if (timer !== null) clearTimeout(timer.handle);
      if (pending !== null) clearTimeout(pending);
      await watcher?.closing();
      await fetching?.catch(() => {});
    },
  };
}

interface Places {
  readonly folders: readonly string[];
  readonly names: readonly string[];
}

/** Git replaces these files by renaming others over them, so their folders are watched. */
function placesOf(repository: Repository, branch: string | null): Places {
  const { gitDir, commonDir } = repository;
  const ref = branch === null ? null : join(commonDir, "refs", "heads", branch);
  const files = [
    join(gitDir, "HEAD"),
    // A packed branch has no file, perhaps no folder; the reflog records every move of HEAD.
    join(gitDir, "logs", "HEAD"),
    join(commonDir, "packed-refs"),
    join(commonDir, "reftable", "tables.list"),
    ...PROGRESS_NAMES.map((name) => join(gitDir, name)),
    ...(ref === null ? [] : [ref]),
  ];
  return {
    folders: [...new Set(files.map((file) => dirname(file)))],
    names: files.map((file) => basename(file)),
  };
}

async function watchPlaces(
  { folders, names }: Places,
  changed: () => void,
  polling: (code: WatchLimit) => void,
): Promise<FileWatch> {
  const known = new Set(names);
  const roots = new Set(folders.filter((folder) => existsSync(folder)));
  const watch = await watchFiles(
    [...roots],
    { depth: 0, ignored: (path) => !roots.has(path) && !known.has(basename(path)) },
    { changed, failed: () => {}, polling },
  );
  // Changes between the read that asked for this watch and the watch.
  changed();
  return watch;
}
