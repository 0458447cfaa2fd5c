/** What may be begun now, in which order: changes of the plan, what a yes released, and remedies for silent runtimes. */
import { withKeptInstances } from "../core/renames.ts";
import type { Change, Desired, DesiredAgent, Instant, Plan, Turn } from "../core/types.ts";
import type { Approvals } from "./approvals.ts";
import type { Care } from "./care.ts";
import type { PlannedInstall } from "../runtimes/installer.ts";
import type { KeyQueue } from "./queue.ts";
import type { PlannedRemedy } from "../runtimes/remediation-work.ts";
import type { Scope } from "./scope.ts";
import { wantedKey } from "./in-flight.ts";

/** Changes of the plan, and those held only for want of a yes that was given. */
export function runnable(plan: Plan, approvals: Approvals, scope: Scope): readonly Change[] {
  const released = plan.held.flatMap((h) => approvals.releases(h) ?? []);
  const all = [...plan.changes, ...released].filter((c) => scope.allows(c));
  // Removals first: they make room.
  return all.sort((a, b) => Number(b.action === "destroy") - Number(a.action === "destroy"));
}

export type Begin =
  | { readonly kind: "change"; readonly change: Change; readonly agent: DesiredAgent | null }
  | { readonly kind: "install"; readonly change: Change; readonly install: PlannedInstall }
  | { readonly kind: "remedy"; readonly change: Change; readonly remedy: PlannedRemedy };

export interface BeginOptions {
  readonly runnable: readonly Change[];
  readonly care: Care;
  readonly queue: KeyQueue;
  /** In flight when the world was looked at: seen half done, and judged by the next look. */
  readonly busy: ReadonlySet<string>;
  readonly scope: Scope;
  readonly now: Instant;
}

/** In order; each name at most once. How many of them are begun is the caller's. */
export function toBegin(turn: Turn, desired: Desired, options: BeginOptions): readonly Begin[] {
  const { care, queue, busy, scope, now } = options;
  const { agents: kept } = withKeptInstances(desired, turn.observed.claims);
  const agents = new Map(kept.map((a) => [a.name, a]));
  const changes = options.runnable
    .filter(
      (c) => c.waitsFor.length === 0 && !busy.has(c.agent) && !care.isAsked(c.agent) && !care.isDelayed(c),
    )
    .filter((c) => queue.ready(c.agent, wantedKey(c), now))
    .map((change) => ({ kind: "change", change, agent: agents.get(change.agent) ?? null }) as const);
  const named = new Set(changes.map((c) => c.change.agent));
  const isFree = ({ agent: { name } }: { readonly agent: DesiredAgent }) =>
    !named.has(name) && !busy.has(name) && !care.isAsked(name) && !queue.has(name) && scope.allowsName(name);
  const remedies = care
    .due()
    .filter(isFree)
    .map((remedy) => ({ kind: "remedy", change: care.remedies.changeOf(remedy), remedy }) as const);
  const installs = care
    .dueInstalls()
    .filter(isFree)
    .map((install) => ({ kind: "install", change: care.installs.changeOf(install), install }) as const);
  return [...changes, ...remedies, ...installs];
}
