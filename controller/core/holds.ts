/**
 * The final plan: the plan of a refresh, with the holds that only the running loop knows. It removes changes and never
 * adds one. Pure.
 */
import { compareText } from "./diff/diff.ts";
import { count } from "./plan.ts";
import type { Change, Held, Plan } from "./types.ts";

/** A hold of the loop for one name. */
export interface KnownHold {
  readonly agent: string;
  /**
   * `unproven`: ownership could not be proven, so no step that stops or removes the instance runs. `silent`: the same
   * for a remediation. `stranger`: why an instance is unowned. `contradicted`: the instance did not come from the
   * launch that was begun.
   */
  readonly kind: "unproven" | "silent" | "stranger" | "contradicted";
  readonly message: string;
  readonly release: string;
}

export interface Holds {
  /** Holds with a cause outside of instances, such as an unreadable secret. */
  readonly beside: readonly Held[];
  readonly known: readonly KnownHold[];
}

export const NO_HOLDS: Holds = { beside: [], known: [] };

/** Actions that stop or remove an existing instance. */
const STOPPING: readonly Change["action"][] = [
  "stop",
  "suspend",
  "restart-update",
  "replace",
  "destroy",
  "restore",
  "snapshot",
  "prune",
];

/** The plan with these holds. `targets`: instance names that the plan is restricted to; empty: all. */
export function withHolds(plan: Plan, { beside, known }: Holds, targets: readonly string[] = []): Plan {
  const inScope = ({ agent }: { readonly agent: string }) => targets.length === 0 || targets.includes(agent);
  if (beside.length + known.length === 0) return plan;
  const of = (kind: KnownHold["kind"]) =>
    new Map(known.flatMap((k) => (k.kind === kind ? [[k.agent, k] as const] : [])));
  const [unproven, unowned, contradicted] = [of("unproven"), of("stranger"), of("contradicted")];
  const named = new Set([...plan.changes, ...plan.held].map((x) => x.agent));
  const hold = ({ agent, message, release }: KnownHold, would: Change | null): Held => ({
    agent,
    reason: "unproven",
    would,
    message,
    release,
  });
  const changes: Change[] = [];
  const held = plan.held.map((h): Held => {
    const detail = h.reason === "foreign" ? unowned.get(h.agent) : undefined;
    if (detail) return { ...h, message: `${h.message}; ${detail.message}` };
    const not = h.reason === "waiting" || h.reason === "unproven" ? contradicted.get(h.agent) : undefined;
    return not ? { ...h, reason: "unproven", message: not.message, release: not.release } : h;
  });
  for (const change of plan.changes) {
    const stuck = STOPPING.includes(change.action) ? unproven.get(change.agent) : undefined;
    if (stuck) held.push(hold(stuck, change));
    else changes.push(change);
  }
  for (const silent of of("silent").values())
    if (!named.has(silent.agent) && inScope(silent)) held.push(hold(silent, null));
  held.push(...beside.filter(inScope));
  return sorted(plan, changes, held);
}

/** The plan without changes in flight: a refresh in between shows them half done, which is no difference. */
export function withoutInFlight(plan: Plan, names: ReadonlySet<string>): Plan {
  const isOver = ({ agent }: { readonly agent: string }) => !names.has(agent);
  if (names.size === 0 || (plan.changes.every(isOver) && plan.held.every(isOver))) return plan;
  const held = plan.held.filter((h) => isOver(h) || h.reason === "secret-missing");
  return sorted(plan, plan.changes.filter(isOver), held);
}

function sorted(plan: Plan, changes: readonly Change[], held: Held[]): Plan {
  held.sort((a, b) => compareText(a.agent, b.agent) || compareText(a.reason, b.reason));
  return { ...plan, changes, held, counts: count(changes, held) };
}
