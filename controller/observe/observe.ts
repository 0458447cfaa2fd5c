/** Observes the world: one list, and only those details that it lacks and that are not cached. Expires claims. */
import type { Clock } from "../base/clock.ts";
import type { Bus } from "../base/events.ts";
import { isTokenDone } from "../core/diff/diff-restore.ts";
import { applyRenames } from "../core/renames.ts";
import type {
  Claim,
  Desired,
  Host,
  Observed,
  ObservedInstance,
  ObservedSnapshot,
  RuntimeReading,
  Size,
} from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import type { Store } from "../store/store.ts";
import { expireClaims, vanishedNames } from "./expired-claims.ts";
import { SNAPSHOTS_KEY, type SizeRow, sizeKey } from "../store/keys.ts";
import { withImages } from "./images.ts";
import { readMounts } from "./mounts.ts";
import { localTimeZone } from "./schedule.ts";
import { dueSnapshots, forgetGone, madeSnapshots } from "./snapshots.ts";

export { sizeKey } from "../store/keys.ts";

export interface ObserveDeps {
  readonly driver: Driver;
  readonly store: Store;
  readonly readings: () => readonly RuntimeReading[];
  readonly clock: Clock;
  readonly bus: Bus;
  readonly host: Host;
  /** Time zone of schedules; absent: that of this process. */
  readonly timeZone?: string;
}

export interface ObserveOptions {
  /** The fencing token of the writer; null: read-only. */
  readonly fence: number | null;
  /** Names in flight: their claims are changing and are left alone. */
  readonly busy: ReadonlySet<string>;
  /** Snapshots are read again when older than this. Milliseconds. */
  readonly snapshotsMaxAge: number;
  readonly signal?: AbortSignal;
}

/** How long the size of a stopped instance is cached: other programs may set it, and no list shows that. */
export const STOPPED_SIZE_MAX_AGE_MS = 10 * 60_000;

interface SnapshotRow {
  readonly at: number;
  readonly all: Readonly<Record<string, readonly ObservedSnapshot[]>>;
}

export async function observe(
  deps: ObserveDeps,
  written: Desired | null,
  options: ObserveOptions,
): Promise<Observed> {
  const started = deps.clock.now();
  // Claims are read before the list: one made after it must not be judged by it.
  const before = deps.store.claims.list();
  const desired = written && applyRenames(written, before);
  const heardBefore = deps.readings();
  const wantsSnapshots = needsSnapshots(deps.store, desired, before);
  const hasSchedule = desired?.snapshots.some((s) => s.schedule !== undefined) ?? false;
  // Reading the machine's own takes 17 ms the first time, most of it for language tables.
  const timeZone = hasSchedule ? (deps.timeZone ?? localTimeZone()) : null;
  const zone = timeZone === null ? {} : { timeZone };
  const [list, snapshots] = await Promise.all([
    deps.driver.list(options.signal),
    wantsSnapshots ? readSnapshots(deps, options, started) : null,
  ]);
  const at = deps.clock.now();
  // After the list, which may take long: a runtime that reported meanwhile is not offline.
  const runtimes = deps.readings();
  if (list.kind === "unobservable") {
    deps.bus.emit("observed", { instances: 0, durationMs: at - started, reason: list.reason });
    const instances = { kind: "unobservable" as const, reason: list.reason, next: list.next };
    const vanished = vanishedNames(deps.store);
    return { at, instances, claims: before, runtimes, vanished, host: deps.host, ...zone };
  }
  const names = new Set(list.instances.map((i) => i.name));
  const { alive, vanished } = await expireClaims(
    deps,
    { claims: before, runtimes: heardBefore, names },
    options,
  );
  const claims = new Map(alive.map((c) => [c.name, c]));
  const running = new Map(runtimes.map((r) => [r.agent, r]));
  const sizes = deps.store.kv.all("size/");
  const { fence, busy } = options;
  const mounts = await readMounts(deps, list.instances, {
    ...{ desired, claims, runtimes: running, busy, fence },
    ...(options.signal && { signal: options.signal }),
  });
  const instances: ObservedInstance[] = [];
  const stale = oldestStopped(list.instances, sizes, at);
  for (const instance of list.instances) {
    const claim = claims.get(instance.name);
    if (!claim) {
      instances.push(instance);
      continue;
    }
    const known =
      instance.name === stale ? undefined : (sizes.get(sizeKey(instance.name)) as SizeRow | undefined);
    const size = await sizeOf(deps, instance, claim, running.get(instance.name), known, options);
    const mounted = mounts.get(instance.name);
    instances.push({
      ...instance,
      ...(size && { size }),
      ...(mounted && { mounts: mounted }),
      ...(snapshots && { snapshots: snapshots[instance.name] ?? [] }),
    });
  }
  const made = madeSnapshots(deps.store, claims);
  const due =
    desired && timeZone !== null
      ? await dueSnapshots(deps.store, desired, { claims, made, snapshots, timeZone, now: at, fence })
      : [];
  deps.bus.emit("observed", {
    instances: instances.length,
    durationMs: deps.clock.now() - started,
    reason: null,
  });
  const observed: Observed = {
    at,
    instances: { kind: "seen", list: instances },
    claims: alive,
    runtimes,
    vanished,
    host: deps.host,
    ...(made.length > 0 && { made }),
    ...(due.length > 0 && { due }),
    ...zone,
  };
  // A one-time reader resolves images now; the loop does it beside its turns (`Images`).
  return withImages(deps, desired, observed, fence === null, options.signal);
}

/** Where a document declares snapshots, and where we made some that may have to go. */
function needsSnapshots(store: Store, desired: Desired | null, claims: readonly Claim[]): boolean {
  const claimed = new Map(claims.map((c) => [c.name, c]));
  if (desired?.snapshots.some((s) => claimed.has(s.agent))) return true;
  const isNew = (name: string, token: string) => {
    const claim = claimed.get(name);
    return claim !== undefined && !isTokenDone(claim, token);
  };
  if (desired?.agents.some((a) => a.restore && isNew(a.name, a.restore.token))) return true;
  return madeSnapshots(store, claimed).length > 0;
}

/** The instance whose size is read again in this refresh; one at a time, so that a refresh stays cheap. */
function oldestStopped(
  instances: readonly ObservedInstance[],
  sizes: ReadonlyMap<string, unknown>,
  now: number,
): string | null {
  let oldest: { readonly name: string; readonly at: number } | null = null;
  for (const { name, state } of instances) {
    const row = sizes.get(sizeKey(name)) as SizeRow | undefined;
    if (state !== "Stopped" || row?.state !== "Stopped" || now - row.at < STOPPED_SIZE_MAX_AGE_MS) continue;
    if (oldest === null || row.at < oldest.at) oldest = { name, at: row.at };
  }
  return oldest?.name ?? null;
}

/**
 * Configured size. `get` costs three calls, so it is cached: `set` needs a stopped instance (CONTRACT section 7), so a
 * reading stays valid for the state and boot in which it was made; while stopped, for a while.
 */
async function sizeOf(
  deps: ObserveDeps,
  instance: ObservedInstance,
  claim: Claim,
  runtime: RuntimeReading | undefined,
  known: SizeRow | undefined,
  options: ObserveOptions,
): Promise<Size | undefined> {
  const { state, name } = instance;
  if (state !== "Running" && state !== "Stopped" && state !== "Suspended") return undefined;
  const bootId = state === "Running" ? (runtime?.bootId ?? null) : null;
  const sameBoot = known?.bootId == null || bootId === null || known.bootId === bootId;
  if (known && known.nonce === claim.nonce && known.state === state && sameBoot) {
    if (known.bootId === null && bootId !== null && options.fence !== null)
      await deps.store.kv.put(sizeKey(name), { ...known, bootId });
    return known.size;
  }
  if (options.busy.has(name)) return undefined;
  try {
    const size = await deps.driver.size(name, options.signal);
    const row: SizeRow = { size, nonce: claim.nonce, state, bootId, at: deps.clock.now() };
    if (options.fence !== null) await deps.store.kv.put(sizeKey(name), row);
    return size;
  } catch {
    // Not read: no decision about its size in this turn.
    return undefined;
  }
}

async function readSnapshots(
  deps: ObserveDeps,
  options: ObserveOptions,
  now: number,
): Promise<SnapshotRow["all"] | null> {
  const known = deps.store.kv.get(SNAPSHOTS_KEY) as SnapshotRow | undefined;
  if (known && now - known.at < options.snapshotsMaxAge) return known.all;
  try {
    const all = Object.fromEntries(await deps.driver.snapshots(options.signal));
    if (options.fence !== null) {
      await deps.store.kv.put(SNAPSHOTS_KEY, { at: now, all });
      const claims = new Map(deps.store.claims.list().map((c) => [c.name, c]));
      await forgetGone(deps.store, madeSnapshots(deps.store, claims), all, options.busy, now);
    }
    return all;
  } catch {
    return null;
  }
}
