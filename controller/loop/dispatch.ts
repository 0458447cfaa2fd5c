/** What may begin now, in order: changes of the plan, approved holds, and remediations. */
import { applyRenames } from "../core/renames.ts";
import type { Change, Desired, DesiredAgent, Instant, Plan, Turn } from "../core/types.ts";
import type { Approvals } from "./approvals.ts";
import type { PlanGate } from "./plan-gate.ts";
import type { PlannedInstall } from "../runtimes/installer.ts";
import type { KeyQueue } from "./queue.ts";
import type { PlannedRemedy } from "../runtimes/remediation-work.ts";
import type { Scope } from "./scope.ts";
import { desiredKey } from "./in-flight.ts";

/** Changes of the plan, and approved holds. */
export function runnable(plan: Plan, approvals: Approvals, scope: Scope): readonly Change[] {
  const released = plan.held.flatMap((h) => approvals.releases(h) ?? []);
  const all = [...plan.changes, ...released].filter((c) => scope.allows(c));
  // Removals first: they free resources.
  return all.sort((a, b) => Number(b.action === "destroy") - Number(a.action === "destroy"));
}

export type Begin =
  | { readonly kind: "change"; readonly change: Change; readonly agent: DesiredAgent | null }
  | { readonly kind: "install"; readonly change: Change; readonly install: PlannedInstall }
  | { readonly kind: "remedy"; readonly change: Change; readonly remedy: PlannedRemedy };

export interface BeginOptions {
  readonly runnable: readonly Change[];
  readonly planGate: PlanGate;
  readonly queue: KeyQueue;
  /** In flight during the refresh: observed half done, and judged by the next refresh. */
  readonly busy: ReadonlySet<string>;
  readonly scope: Scope;
  readonly now: Instant;
}

/** In order; each name at most once. The caller limits how many begin. */
export function toBegin(turn: Turn, desired: Desired, options: BeginOptions): readonly Begin[] {
  const { planGate, queue, busy, scope, now } = options;
  const { agents: kept } = applyRenames(desired, turn.observed.claims);
  const agents = new Map(kept.map((a) => [a.name, a]));
  const changes = options.runnable
    .filter(
      (c) =>
        c.waitsFor.length === 0 && !busy.has(c.agent) && !planGate.isAsked(c.agent) && !planGate.isDelayed(c),
    )
    .filter((c) => queue.ready(c.agent, desiredKey(c), now))
    .map((change) => ({ kind: "change", change, agent: agents.get(change.agent) ?? null }) as const);
  const named = new Set(changes.map((c) => c.change.agent));
  const isFree = ({ agent: { name } }: { readonly agent: DesiredAgent }) =>
    !named.has(name) &&
    !busy.has(name) &&
    !planGate.isAsked(name) &&
    !queue.has(name) &&
    scope.allowsName(name);
  const remedies = planGate
    .due()
    .filter(isFree)
    .map((remedy) => ({ kind: "remedy", change: planGate.remedies.changeOf(remedy), remedy }) as const);
  const installer = planGate
    .dueInstalls()
    .filter(isFree)
    .map((install) => ({ kind: "install", change: planGate.installer.changeOf(install), install }) as const);
  return [...changes, ...remedies, ...installer];
}
