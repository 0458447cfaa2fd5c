/** Names that the hub still lets in although nobody stands for them: their instance is gone, and no document wants them. */
import { keptNames } from "../core/renames.ts";
import type { Desired, Turn } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import type { RuntimePort } from "../execute/ports.ts";

/**
 * After a look. A name that a document wants keeps its tasks, and gets another credential when it is made anew; what is there
 * is left alone, whosever it is; and fleet files that prove nothing take nothing from anybody. Looked at in every turn, so a
 * crash between the end of a claim and this costs nothing. Finished tasks and the audit stay.
 */
export async function revokeNobodies(
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
  // Of an agent that lives under its former name, nobody is called as it is written.
  const kept = keptNames(desired, store.claims.list());
  const somebody = new Set([
    ...busy,
    ...seen.list.map((i) => i.name),
    ...store.claims.list().map((c) => c.name),
    ...desired.agents.flatMap((a) => (kept?.has(a.name) ? [] : [a.name, a.previousName ?? a.name])),
  ]);
  for (const name of enrolled) if (!somebody.has(name)) await runtime.revoke(name);
}
