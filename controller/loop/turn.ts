/** One turn, read top-down: look, plan, write down what became true. It changes nothing in the world. */
import { type Diff, diff, proves } from "../core/diff/diff.ts";
import { type Holds, NO_HOLDS, withHolds } from "../core/holds.ts";
import { plan } from "../core/plan.ts";
import type { Claim, Desired, Held, Instant, Observed, Plan, Policy, Turn } from "../core/types.ts";
import { vanishedKey } from "../store/keys.ts";
import { type ObserveDeps, type ObserveOptions, observe } from "../observe/observe.ts";

export interface TurnOptions extends ObserveOptions {
  /** True for drift that a person wants to have corrected, although its document only warns of it. */
  readonly correct?: (held: Held) => boolean;
  /** What is known beside what was seen. */
  readonly holds?: () => Holds;
}

export async function reconcile(
  deps: ObserveDeps,
  desired: Desired,
  policy: Policy,
  options: TurnOptions,
): Promise<Turn> {
  const observed = await observe(deps, desired, options);
  const { found, plan: planned } = decide(desired, observed, policy, options.correct, deps.clock.now());
  const turn = { observed, plan: withHolds(planned, options.holds?.() ?? NO_HOLDS), busy: options.busy };
  if (options.fence !== null) {
    await remember(deps, found.remember, options.busy, options.fence);
    await prove(deps, observed, options.busy, options.fence);
    await forget(deps, desired, found.forget, observed, options.fence);
  }
  return turn;
}

/** What is to be done about what was seen. Pure. */
export function decide(
  desired: Desired,
  observed: Observed,
  policy: Policy,
  correct: TurnOptions["correct"],
  now: Instant,
): { readonly found: Diff; readonly plan: Plan } {
  const seen = diff(desired, observed, now, policy.bootGrace);
  const found = correct ? corrected(seen, correct) : seen;
  return { found, plan: plan(found, desired, observed, policy, now) };
}

/** What a person wants corrected is a change like any other: every guard of the plan stands before it still. */
function corrected(found: Diff, correct: (held: Held) => boolean): Diff {
  const asked = found.held.filter((h) => h.reason === "drift-mode" && correct(h));
  if (asked.length === 0) return found;
  const held = found.held.filter((h) => !asked.includes(h));
  return { ...found, held, changes: [...found.changes, ...asked.flatMap((h) => h.would ?? [])] };
}

/** Claims learn what their documents say now; an agent that is being worked on learns it when that is done. */
async function remember(
  deps: ObserveDeps,
  facts: Diff["remember"],
  busy: ReadonlySet<string>,
  fence: number,
): Promise<void> {
  const claims = new Map(deps.store.claims.list().map((c) => [c.name, c]));
  for (const { agent, ...fact } of facts) {
    const claim = claims.get(agent);
    if (claim && !busy.has(agent)) await deps.store.claims.put({ ...claim, ...fact }, fence);
  }
}

/** An imported instance whose runtime says hello, and a launch whose end we did not see: and whose runtime has proven itself since, is a launch that succeeded. */
async function prove(
  deps: ObserveDeps,
  observed: Observed,
  busy: ReadonlySet<string>,
  fence: number,
): Promise<void> {
  const seen = observed.instances;
  const open = (c: Claim) => c.phase === "launching" || (c.adopted === true && !c.proven);
  if (seen.kind === "unobservable" || !observed.claims.some(open)) return;
  const there = new Set(seen.list.map((i) => i.name));
  const online = new Map(observed.runtimes.filter((r) => r.status === "online").map((r) => [r.agent, r]));
  for (const claim of deps.store.claims.list()) {
    const { name } = claim;
    if (open(claim) && there.has(name) && !busy.has(name) && proves(claim, online.get(name)))
      await deps.store.claims.put(
        claim.phase === "launching"
          ? { ...claim, phase: "launched", proven: true }
          : { ...claim, proven: true },
        fence,
      );
  }
}

/** Removes claims without instance and document, and vanished names that are not desired. */
async function forget(
  deps: ObserveDeps,
  desired: Desired,
  names: readonly string[],
  observed: Observed,
  fence: number,
): Promise<void> {
  for (const name of names) await deps.store.claims.remove(name, fence);
  const wanted = new Set(desired.agents.map((a) => a.name));
  for (const name of observed.vanished) if (!wanted.has(name)) await deps.store.kv.remove(vanishedKey(name));
}
