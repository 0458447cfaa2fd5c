/** One turn, read top-down: look, plan, write down what became true. It changes nothing in the world. */
import { type Diff, diff } from "../core/diff.ts";
import { plan } from "../core/plan.ts";
import type { Desired, Observed, Plan, Policy } from "../core/types.ts";
import { type ObserveDeps, type ObserveOptions, observe, vanishedKey } from "./observe.ts";

export interface Turn {
  readonly observed: Observed;
  readonly plan: Plan;
}

export async function reconcile(
  deps: ObserveDeps,
  desired: Desired,
  policy: Policy,
  options: ObserveOptions,
): Promise<Turn> {
  const observed = await observe(deps, desired, options);
  const found = diff(desired, observed, deps.clock.now(), policy.bootGrace);
  const turn = { observed, plan: plan(found, desired, observed, policy, deps.clock.now()) };
  if (options.fence !== null) {
    await remember(deps, found.remember, options.busy, options.fence);
    await forget(deps, desired, found.forget, observed, options.fence);
  }
  return turn;
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

/** Claims that stand for nothing any more, and vanished names that nobody wants back. */
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
