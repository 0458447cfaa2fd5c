/**
 * Revokes orphaned credentials: names that the hub still admits although their instance is gone and no document
 * declares them.
 */
import { keptNames } from "../core/renames.ts";
import type { Desired, Turn } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import type { RuntimePort } from "../execute/ports.ts";

/**
 * Runs after each refresh. A declared name keeps its tasks, and gets another credential when it is recreated; existing
 * instances are left alone, whoever owns them; an unreadable fleet revokes nothing. Checked in every turn, so a crash
 * between the end of a claim and this costs nothing. Finished tasks and the audit stay.
 */
export async function revokeOrphanedCredentials(
  {
    runtime,
    store,
  }: { readonly runtime: Pick<RuntimePort, "enrolled" | "revoke">; readonly store: Pick<Store, "claims"> },
  { observed }: Turn,
  desired: Desired,
  busy: ReadonlySet<string>,
): Promise<void> {
  const seen = observed.instances;
  if (seen.kind === "unobservable" || desired.guard) return;
  const enrolled = runtime.enrolled();
  if (enrolled.length === 0) return;
  // An agent that lives under its former name leaves its declared name unused.
  const kept = keptNames(desired, store.claims.list());
  const known = new Set([
    ...busy,
    ...seen.list.map((i) => i.name),
    ...store.claims.list().map((c) => c.name),
    ...desired.agents.flatMap((a) => (kept?.has(a.name) ? [] : [a.name, a.previousName ?? a.name])),
  ]);
  for (const name of enrolled) if (!known.has(name)) await runtime.revoke(name);
}
