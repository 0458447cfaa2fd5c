/**
 * Mounts of owned instances, read by `info` and cached: it looks into a running guest, so it is called seldom, and only
 * for one that answers.
 */
import type { Clock } from "../base/clock.ts";
import { proves } from "../core/ownership.ts";
import type { Claim, Desired, Mount, ObservedInstance, RuntimeReading } from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import type { Store } from "../store/store.ts";
import { type MountingRow, type MountsRow, mountsKey } from "../store/keys.ts";

/** Other programs may mount at any time, and no list shows it. */
export const MOUNTS_MAX_AGE_MS = 5 * 60_000;

/** How long a mount that was begun is looked for, whatever is edited or converged since. */
const MOUNTING_KEPT_MS = 60 * 60_000;

export interface MountsDeps {
  readonly driver: Driver;
  readonly store: Store;
  readonly clock: Clock;
}

export interface MountsOptions {
  readonly desired: Desired | null;
  readonly claims: ReadonlyMap<string, Claim>;
  readonly runtimes: ReadonlyMap<string, RuntimeReading>;
  readonly busy: ReadonlySet<string>;
  /** Null: read-only, stores nothing. */
  readonly fence: number | null;
  readonly signal?: AbortSignal;
}

/**
 * By name, for instances that have, should have or may have mounts, and may be asked. Each refresh renews one outdated
 * reading.
 */
export async function readMounts(
  deps: MountsDeps,
  instances: readonly ObservedInstance[],
  options: MountsOptions,
): Promise<ReadonlyMap<string, readonly Mount[]>> {
  const found = new Map<string, readonly Mount[]>();
  const { claims, runtimes, busy } = options;
  const wanted = withMounts(deps, options.desired, claims);
  if (wanted.size === 0 || !deps.driver.mounts) return found;
  let renewed = false;
  for (const instance of instances) {
    const { name, state } = instance;
    const claim = claims.get(name);
    if (!claim || !wanted.has(name) || !mayAsk(instance, claim, runtimes.get(name))) continue;
    const bootId = state === "Running" ? (runtimes.get(name)?.bootId ?? null) : null;
    const row = deps.store.kv.get(mountsKey(name)) as MountsRow | undefined;
    const isKnown = row?.nonce === claim.nonce && row.state === state && row.bootId === bootId;
    const age = isKnown ? deps.clock.now() - row.at : 0;
    const isFresh = isKnown && age >= 0 && age < MOUNTS_MAX_AGE_MS;
    if (isKnown && (isFresh || renewed)) {
      found.set(name, row.mounts);
      continue;
    }
    if (busy.has(name)) continue;
    if (isKnown) renewed = true;
    const mounts = await ask(deps, name, { nonce: claim.nonce, state, bootId }, options);
    if (mounts) found.set(name, mounts);
  }
  return found;
}

function withMounts(
  { store, clock }: MountsDeps,
  desired: Desired | null,
  claims: ReadonlyMap<string, Claim>,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const agent of desired?.agents ?? []) if (agent.mounts.length > 0) names.add(agent.name);
  for (const { name, converged } of claims.values())
    if ((converged?.mounts?.length ?? 0) > 0) names.add(name);
  for (const [key, value] of store.kv.all("mounting/")) {
    const name = key.slice("mounting/".length);
    const { nonce, at } = value as MountingRow;
    if (claims.get(name)?.nonce === nonce && clock.now() - at < MOUNTING_KEPT_MS) names.add(name);
  }
  return names;
}

/** CONTRACT section 16: an unresponsive guest wedges the daemon for all clients. */
function mayAsk({ state }: ObservedInstance, claim: Claim, runtime: RuntimeReading | undefined): boolean {
  if (state === "Stopped" || state === "Suspended") return true;
  return state === "Running" && runtime?.status === "online" && proves(claim, runtime);
}

async function ask(
  deps: MountsDeps,
  name: string,
  about: Pick<MountsRow, "nonce" | "state" | "bootId">,
  options: MountsOptions,
): Promise<readonly Mount[] | null> {
  try {
    const mounts = (await deps.driver.mounts?.(name, options.signal)) ?? null;
    if (mounts === null) return null;
    const row: MountsRow = { ...about, mounts, at: deps.clock.now() };
    if (options.fence !== null) await deps.store.kv.put(mountsKey(name), row);
    return mounts;
  } catch {
    // Not read: no decision about its mounts in this turn.
    return null;
  }
}
