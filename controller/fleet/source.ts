/** The watched fleet folder: its current content, or its last valid version while it is invalid. */
import { basename, resolve } from "node:path";
import type { Bus } from "../base/events.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { Desired } from "../core/types.ts";
import { errorLine, fileError, type FleetError } from "./errors.ts";
import { isIgnoredName } from "./files.ts";
import { type GitState, shortRevision } from "./git/git.ts";
import { startFollowing } from "./git/follow.ts";
import { type FileWatch, type WatchLimit, watchFiles } from "./watch-files.ts";
import { createGitReader } from "./git/reader.ts";
import { createFleetReader, type FleetRead, type LoadOptions } from "./load.ts";

export { type FleetRead, type LoadOptions, loadFleet } from "./load.ts";

/** Persists the last valid fleet. Plain JSON without secrets. */
export interface LastGoodPort {
  load(): unknown;
  save(value: unknown): Promise<void>;
}

export interface FleetSourceOptions extends LoadOptions {
  readonly folder: string;
  /** Use the folder's repository, and follow it where the fleet says so. */
  readonly git?: boolean;
  readonly bus?: Bus;
  readonly clock?: Clock;
  readonly lastGood?: LastGoodPort;
  /** Quiet time after the last event before the folder is read; default 100 ms. */
  readonly debounceMs?: number;
  /** Interval of full reads without an event, for file systems that lose some; default 30 s, 0: never. */
  readonly resyncMs?: number;
  /** Called after every change of `current()`. */
  readonly onChange?: (state: FleetState) => void;
  /** The limit of file watches is reached: edits are found by polling from now on. */
  readonly polling?: (code: WatchLimit) => void;
}

export interface FleetState {
  /** null: there was never a valid one. */
  readonly desired: Desired | null;
  readonly errors: readonly FleetError[];
  readonly warnings: readonly FleetError[];
  /** True: `desired` is the last valid one, not the folder's content; its guard has the reason. */
  readonly stale: boolean;
  /** null or absent: the folder is in no repository. */
  readonly git?: GitState | null;
}

export interface FleetSource {
  current(): FleetState;
  /** Reads everything now, after a fetch where a remote is followed. */
  refresh(): Promise<FleetState>;
  close(): Promise<void>;
}

const SAVE_DELAY_MS = 500;
/** Continuous events delay a read by at most this many quiet times. */
const MAX_WAITS = 10;

/** Resolves after the first read, with the watch in place. */
export async function createFleetSource(options: FleetSourceOptions): Promise<FleetSource> {
  const { folder, bus, clock = systemClock, lastGood, debounceMs = 100, resyncMs = 30_000 } = options;
  const polling = options.polling ?? (() => {});
  const abort = new AbortController();
  let good: Desired | null = loadLastGood(lastGood);
  const inGit = options.git
    ? createGitReader(folder, { ...options, remembered: good?.settings.git ?? null })
    : null;
  const reader = inGit ?? createFleetReader(folder, options);
  let state: FleetState = { desired: null, errors: [], warnings: [], stale: false };
  let fingerprint = "";
  let working: Promise<void> = Promise.resolve();
  let saving: Promise<void> = Promise.resolve();
  let unsaved: Desired | null = null;

  const put = (read: FleetRead) => {
    const git = inGit?.state() ?? null;
    if (read.ok) {
      if (good?.hash !== read.desired.hash || good.revision !== read.desired.revision) unsaved = read.desired;
      good = read.desired;
      state = { desired: read.desired, errors: [], warnings: read.warnings, stale: false, git };
    } else {
      const desired = good === null ? null : { ...good, guard: guardAt(read.guard, git, good) };
      state = { desired, errors: read.errors, warnings: read.warnings, stale: desired !== null, git };
    }
    const errors = state.errors.map(errorLine);
    const { desired } = state;
    const next = JSON.stringify([
      desired?.hash,
      desired?.revision,
      desired?.dirty,
      desired?.guard,
      git,
      errors,
      state.warnings.map(errorLine),
    ]);
    if (next === fingerprint) return;
    fingerprint = next;
    const data = {
      hash: desired?.hash ?? "",
      revision: desired?.revision ?? null,
      agents: desired?.agents.length ?? 0,
    };
    bus?.emit("fleet.read", { ...data, errors });
    options.onChange?.(state);
    if (unsaved !== null) saveSoon();
  };

  const saveSoon = () => {
    const timer = clock.sleep(SAVE_DELAY_MS, abort.signal).catch(() => {});
    saving = Promise.all([saving, timer]).then(saveNow);
  };
  const saveNow = async () => {
    const value = unsaved;
    unsaved = null;
    // Without it, a restart with an invalid folder knows only an older fleet.
    if (value !== null) await lastGood?.save({ format: 1, desired: value }).catch(() => {});
  };

  const readNow = async (paths: readonly string[] | null) => {
    const first = paths === null ? await reader.read() : await reader.reread(paths);
    // An editor that writes in place shows an empty file for a moment: an agent must be missing twice.
    if (first.ok && good !== null && losesAgents(good, first.desired) && !abort.signal.aborted) {
      await clock.sleep(debounceMs, abort.signal).catch(() => {});
      put(await reader.read());
    } else put(first);
    following?.update();
  };
  const enqueue = (paths: readonly string[] | null) => {
    working = working
      .then(() => (abort.signal.aborted ? undefined : readNow(paths)))
      // A failed read proves nothing, and does not prevent later reads.
      .catch((error: unknown) => put(failedRead(error)));
    return working;
  };

  const following = inGit && startFollowing(inGit, () => void enqueue(null), debounceMs, polling);
  const debounce = createDebounce(debounceMs, (paths) => void enqueue(paths));
  await enqueue(null);
  const watcher = await startWatch(folder, () => reader.needs(), debounce.add, polling);
  // Changes between the first read and the watch.
  await enqueue(null);
  const resync = resyncMs === 0 ? null : setInterval(() => void enqueue(null), resyncMs);
  resync?.unref();

  return {
    current: () => state,
    refresh: async () => {
      await following?.fetch();
      await enqueue(null);
      return state;
    },
    close: async () => {
      abort.abort(new Error("closed"));
      debounce.close();
      if (resync !== null) clearInterval(resync);
      await watcher.close();
      await following?.close();
      await working;
      await saving;
      await saveNow();
    },
  };
}

function failedRead(error: unknown): FleetRead {
  const why = error instanceof Error ? error.message : String(error);
  const found = fileError("", `the fleet folder cannot be read: ${why}`, "unreadable");
  const guard = { reason: "unreadable", message: found.message } as const;
  return { ok: false, errors: [found], warnings: [], files: [], guard, git: null };
}

/** The same, with the invalid revision and the one that stays in force. */
function guardAt(
  guard: NonNullable<Desired["guard"]>,
  git: GitState | null,
  good: Desired,
): NonNullable<Desired["guard"]> {
  if (!git?.follows || git.tip === null || guard.reason !== "invalid") return guard;
  const stays =
    good.revision === null ? "the last good state" : `the last good revision ${shortRevision(good.revision)}`;
  const what = guard.message.split(";")[0];
  return { ...guard, message: `${what} at ${shortRevision(git.tip)}; ${stays} stays in force` };
}

function losesAgents(before: Desired, after: Desired): boolean {
  const names = new Set(after.agents.map((agent) => agent.name));
  return before.agents.some((agent) => !names.has(agent.name));
}

function loadLastGood(port: LastGoodPort | undefined): Desired | null {
  try {
    const saved = port?.load() as
      | { readonly format?: unknown; readonly desired?: Desired }
      | null
      | undefined;
    if (
      saved?.format !== 1 ||
      typeof saved.desired?.hash !== "string" ||
      !Array.isArray(saved.desired.agents)
    )
      return null;
    const { guard: _guard, ...desired } = saved.desired;
    return desired;
  } catch {
    return null;
  }
}

interface Debounce {
  /** null: needs a full read. */
  readonly add: (path: string | null) => void;
  readonly close: () => void;
}

function createDebounce(ms: number, fire: (paths: readonly string[] | null) => void): Debounce {
  let timer: NodeJS.Timeout | null = null;
  let paths: Set<string> | null = new Set();
  let waits = 0;
  const run = () => {
    const what = paths;
    timer = null;
    waits = 0;
    paths = new Set();
    fire(what === null ? null : [...what]);
  };
  return {
    add(path) {
      if (path === null) paths = null;
      else paths?.add(path);
      if (timer !== null) {
        if (waits >= MAX_WAITS) return;
        clearTimeout(timer);
      }
      waits += 1;
      timer = setTimeout(run, ms);
    },
    close() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}

async function startWatch(
  folder: string,
  needs: () => readonly string[],
  changed: Debounce["add"],
  polling: (code: WatchLimit) => void,
): Promise<FileWatch> {
  const root = resolve(folder);
  const outside = () => needs().filter((path) => !path.startsWith(`${root}/`));
  let watch: FileWatch | null = null;
  watch = await watchFiles(
    [root, ...outside()],
    { ignored: (path) => path !== root && path.startsWith(`${root}/`) && isIgnoredName(basename(path)) },
    {
      changed: (event, path) => {
        changed(event === "change" ? path : null);
        const extra = outside();
        if (extra.length > 0) watch?.add(extra);
      },
      failed: () => changed(null),
      polling,
    },
  );
  return watch;
}
