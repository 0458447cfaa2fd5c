/** One look at the world: one list, and only what it does not tell and is not known already. Reads, and buries dead claims. */
import type { Bus } from "../base/events.ts";
import type { Clock } from "../base/clock.ts";
import type {
  Claim,
  Desired,
  Host,
  InstanceState,
  Observed,
  ObservedInstance,
  ObservedSnapshot,
  RuntimeReading,
  Size,
} from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import type { Store } from "../store/store.ts";

export interface ObserveDeps {
  readonly driver: Driver;
  readonly store: Store;
  readonly readings: () => readonly RuntimeReading[];
  readonly clock: Clock;
  readonly bus: Bus;
  readonly host: Host;
}

export interface ObserveOptions {
  /** The epoch of the writer; null: a reader, which writes nothing down. */
  readonly fence: number | null;
  /** Names being worked on: their claims are in motion and are left alone. */
  readonly busy: ReadonlySet<string>;
  /** Snapshots are read again when older than this. Milliseconds. */
  readonly snapshotsMaxAge: number;
  readonly signal?: AbortSignal;
}

/** A configured size as it was read, and what it is valid for. */
export interface SizeRow {
  readonly size: Size;
  readonly nonce: string;
  readonly state: InstanceState;
  readonly bootId: string | null;
}

interface SnapshotRow {
  readonly at: number;
  readonly all: Readonly<Record<string, readonly ObservedSnapshot[]>>;
}

export const sizeKey = (name: string): string => `size/${name}`;
export const vanishedKey = (name: string): string => `vanished/${name}`;
export const SNAPSHOTS_KEY = "snapshots";

export async function observe(
  deps: ObserveDeps,
  desired: Desired | null,
  options: ObserveOptions,
): Promise<Observed> {
  const started = deps.clock.now();
  // Claims are read before the list: one made after it must not be judged by it.
  const before = deps.store.claims.list();
  const runtimes = deps.readings();
  const wantsSnapshots = desired?.snapshots.some((s) => before.some((c) => c.name === s.agent)) ?? false;
  const [list, snapshots] = await Promise.all([
    deps.driver.list(options.signal),
    wantsSnapshots ? readSnapshots(deps, options, started) : null,
  ]);
  const at = deps.clock.now();
  if (list.kind === "unobservable") {
    deps.bus.emit("observed", { instances: 0, durationMs: at - started, reason: list.reason });
    const instances = { kind: "unobservable" as const, reason: list.reason };
    return { at, instances, claims: before, runtimes, vanished: vanishedNames(deps.store), host: deps.host };
  }
  const names = new Set(list.instances.map((i) => i.name));
  const { alive, vanished } = await bury(deps, before, names, options);
  const claims = new Map(alive.map((c) => [c.name, c]));
  const running = new Map(runtimes.map((r) => [r.agent, r]));
  const sizes = deps.store.kv.all("size/");
  const instances: ObservedInstance[] = [];
  for (const instance of list.instances) {
    const claim = claims.get(instance.name);
    if (!claim) {
      instances.push(instance);
      continue;
    }
    const known = sizes.get(sizeKey(instance.name)) as SizeRow | undefined;
    const size = await sizeOf(deps, instance, claim, running.get(instance.name), known, options);
    instances.push({
      ...instance,
      ...(size && { size }),
      ...(snapshots && { snapshots: snapshots[instance.name] ?? [] }),
    });
  }
  deps.bus.emit("observed", {
    instances: instances.length,
    durationMs: deps.clock.now() - started,
    reason: null,
  });
  return {
    at,
    instances: { kind: "seen", list: instances },
    claims: alive,
    runtimes,
    vanished,
    host: deps.host,
  };
}

/** SPEC section 3, safety 1: a claim dies when a trustworthy observation shows the name absent. */
async function bury(
  deps: ObserveDeps,
  claims: readonly Claim[],
  names: ReadonlySet<string>,
  options: ObserveOptions,
): Promise<{ alive: readonly Claim[]; vanished: readonly string[] }> {
  const dead = claims.filter(
    (c) => c.phase === "launched" && !names.has(c.name) && !options.busy.has(c.name),
  );
  const vanished = new Set([...vanishedNames(deps.store), ...dead.map((c) => c.name)]);
  if (options.fence !== null && dead.length > 0) {
    for (const claim of dead) {
      await deps.store.kv.put(vanishedKey(claim.name), { at: deps.clock.now() });
      await deps.store.claims.remove(claim.name, options.fence);
      await deps.store.kv.remove(sizeKey(claim.name));
      deps.bus.emit("agent.drifted", { agent: claim.name, message: "its instance is gone" });
    }
  }
  return {
    alive: dead.length === 0 ? claims : claims.filter((c) => !dead.includes(c)),
    vanished: [...vanished],
  };
}

const vanishedNames = (store: Store): readonly string[] =>
  [...store.kv.all("vanished/").keys()].map((k) => k.slice("vanished/".length));

/**
 * Configured size. `get` costs three calls, so a reading is kept: `set` needs a stopped instance (CONTRACT section 7), so it
 * stays true for as long as the instance is in the state, and in the boot, in which it was read.
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
    const row: SizeRow = { size, nonce: claim.nonce, state, bootId };
    if (options.fence !== null) await deps.store.kv.put(sizeKey(name), row);
    return size;
  } catch {
    // Not read: nothing is decided about its size in this turn.
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
    if (options.fence !== null) await deps.store.kv.put(SNAPSHOTS_KEY, { at: now, all });
    return all;
  } catch {
    return null;
  }
}
