/**
 * SPEC section 3, safety 1: a claim expires when a trustworthy observation shows an instance absent that an earlier one
 * showed present.
 */
import type { Clock } from "../base/clock.ts";
import type { Bus } from "../base/events.ts";
import { proves } from "../core/ownership.ts";
import type { Claim, RuntimeReading } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { goneKey, listedKey, sizeKey, vanishedKey } from "../store/keys.ts";

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly bus: Bus;
}

/** `claims` and `runtimes` from before the list; `names`: the list. */
export interface ListedInstances {
  readonly claims: readonly Claim[];
  readonly runtimes: readonly RuntimeReading[];
  readonly names: ReadonlySet<string>;
}

/**
 * A claim that changed since the list was requested is left to the next refresh; so is one whose instance we are
 * removing. A launching instance may be unlisted while its image is prepared, so its claim expires only if the instance
 * existed before: listed by an earlier refresh, or proven by its runtime's nonce.
 */
export async function expireClaims(
  deps: Deps,
  { claims: before, runtimes, names }: ListedInstances,
  options: { readonly fence: number | null; readonly busy: ReadonlySet<string> },
): Promise<{ readonly alive: readonly Claim[]; readonly vanished: readonly string[] }> {
  const { store } = deps;
  const { fence } = options;
  const listed = store.kv.all("listed/");
  const now = new Map(store.claims.list().map((c) => [c.name, c]));
  const unchanged = before.filter((c) => {
    const current = now.get(c.name);
    return current?.nonce === c.nonce && current.phase === c.phase;
  });
  const wasThere = (c: Claim) =>
    listed.get(listedKey(c.name)) === c.nonce || runtimes.some((r) => r.agent === c.name && proves(c, r));
  const dead = unchanged.filter((c) => {
    if (names.has(c.name)) return false;
    if (c.phase === "launching") return wasThere(c);
    return c.phase === "launched" || !options.busy.has(c.name);
  });
  // Only an instance that was known to exist can vanish.
  const missed = dead.filter((c) => c.phase === "launched");
  if (fence !== null) {
    // A removal in flight ends its own claim.
    for (const c of unchanged)
      if (c.phase === "removing" && !names.has(c.name) && options.busy.has(c.name))
        await store.kv.put(goneKey(c.name), c.nonce);
    for (const c of unchanged)
      if (c.phase === "launching" && names.has(c.name) && listed.get(listedKey(c.name)) !== c.nonce)
        await store.kv.put(listedKey(c.name), c.nonce);
    for (const claim of dead) {
      // Checks the fencing token before any record.
      await store.claims.put(claim, fence);
      if (missed.includes(claim)) await store.kv.put(vanishedKey(claim.name), { at: deps.clock.now() });
      await store.claims.remove(claim.name, fence);
      await store.kv.remove(sizeKey(claim.name));
      await store.kv.remove(listedKey(claim.name));
      if (missed.includes(claim))
        deps.bus.emit("agent.drifted", { agent: claim.name, message: "its instance is gone" });
    }
  }
  return {
    alive: dead.length === 0 ? before : before.filter((c) => !dead.includes(c)),
    vanished: [...new Set([...vanishedNames(store), ...missed.map((c) => c.name)])],
  };
}

/**
 * Another instance has the name: the claim's instance is gone, and was replaced between two refreshes. Nothing is
 * touched; from now on the name is unowned.
 */
export async function expireReplacedClaim(
  deps: Deps,
  claim: Claim,
  why: string,
  fence: number,
): Promise<void> {
  const { store, bus, clock } = deps;
  await store.claims.put(claim, fence);
  await store.kv.put(vanishedKey(claim.name), { at: clock.now() });
  await store.claims.remove(claim.name, fence);
  await store.kv.remove(sizeKey(claim.name));
  await store.kv.remove(listedKey(claim.name));
  bus.emit("agent.drifted", { agent: claim.name, message: `another instance has its name: ${why}` });
}

export const vanishedNames = (store: Store): readonly string[] =>
  [...store.kv.all("vanished/").keys()].map((k) => k.slice("vanished/".length));
