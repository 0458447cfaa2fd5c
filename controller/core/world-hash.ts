/** A hash of the world that a plan was made for, and rows that show what changed since. Pure. */
import { createLookup } from "./diff/lookup.ts";
import type { Claim, InstanceState, Observed } from "./types.ts";

/** State of an owned instance; null: absent. */
export interface SeenInstance {
  readonly name: string;
  readonly state: InstanceState | null;
}

/** Owned instances in order of name. `targets`: only these; empty: all. */
export function ourInstances(observed: Observed, targets: readonly string[]): readonly SeenInstance[] {
  return rows(observed, targets).map(({ claim, state }) => ({ name: claim.name, state }));
}

/**
 * Lets a saved plan be refused when the world has changed: owned instances, their states and claims. Not addresses,
 * heartbeats, sizes or snapshots: they are read only now and then, so a new reading is no change, and their effect
 * shows in the plan. Unowned instances do not count. cyrb53 (public domain, 53 bits): for comparison, not for security.
 */
export function observedHash(observed: Observed, targets: readonly string[]): string {
  const blind = observed.instances.kind === "unobservable" ? ["unobservable"] : [];
  const ours = rows(observed, targets).map(
    ({ claim, state }) => `${claim.name}|${claim.nonce}|${claim.phase}|${state ?? ""}`,
  );
  // One text: joining makes it flat; reading rows character by character would do that 20,000 times.
  const text = [...blind, ...ours, ""].join("\n");
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const ch = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ ch, 2654435761);
    h2 = Math.imul(h2 ^ ch, 1597334677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909);
  return (4294967296 * (2097151 & h2) + (h1 >>> 0)).toString(16).padStart(14, "0");
}

interface Row {
  readonly claim: Claim;
  readonly state: InstanceState | null;
}

function rows({ instances, claims }: Observed, targets: readonly string[]): readonly Row[] {
  const stateOf = createLookup(instances.kind === "seen" ? instances.list : [], (i) => i.name);
  const wanted = targets.length === 0 ? claims : claims.filter((c) => targets.includes(c.name));
  const found = wanted.map((claim) => ({ claim, state: stateOf(claim.name)?.state ?? null }));
  const sorted = found.every((r, i) => i === 0 || (found[i - 1] as Row).claim.name <= r.claim.name);
  return sorted ? found : found.sort((a, b) => (a.claim.name < b.claim.name ? -1 : 1));
}
