/** One turn, read top-down: look, plan, write down what became true. It changes nothing in the world. */
import { diff, proves, readyAgents } from "../core/diff.ts";
import { desiredView } from "../core/drift.ts";
import { plan } from "../core/plan.ts";
import type { Claim, Desired, Observed, Plan, Policy } from "../core/types.ts";
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
    await recordConverged(deps, desired, turn, options, options.fence);
    await forget(deps, desired, found.forget, observed, options.fence);
  }
  return turn;
}

/** An agent that is as written and Ready is converged, however it came to be so: adopted, or mended by somebody. */
async function recordConverged(
  deps: ObserveDeps,
  desired: Desired,
  turn: Turn,
  options: ObserveOptions,
  fence: number,
): Promise<void> {
  const { observed } = turn;
  if (observed.instances.kind !== "seen") return;
  const differing = new Set(turn.plan.changes.map((c) => c.agent));
  for (const h of turn.plan.held) if (h.would || h.reason === "waiting") differing.add(h.agent);
  const claims = new Map(observed.claims.map((c) => [c.name, c]));
  const instances = new Map(observed.instances.list.map((i) => [i.name, i]));
  const runtimes = new Map(observed.runtimes.map((r) => [r.agent, r]));
  const ready = readyAgents(desired, instances, claims, runtimes);
  for (const agent of desired.agents) {
    const claim = claims.get(agent.name);
    if (!claim || options.busy.has(agent.name)) continue;
    const proven = claim.proven || proves(claim, runtimes.get(agent.name));
    const done = ready.has(agent.name) && !differing.has(agent.name);
    const next: Claim = {
      ...claim,
      proven,
      phase: proven && claim.phase === "launching" ? "launched" : claim.phase,
      protect: agent.protect,
      document: agent.document,
      converged: done ? desiredView(agent) : claim.converged,
    };
    if (JSON.stringify(next) !== JSON.stringify(claim)) await deps.store.claims.put(next, fence);
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
