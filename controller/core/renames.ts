/** An agent that was given another name keeps its instance under the old one, because Multipass cannot rename it. Pure. */
import type { Claim, Desired, DesiredAgent, Policy } from "./types.ts";

/** Name as written to name of the instance that is kept. */
function keptNames(desired: Desired, claims: readonly Claim[]): ReadonlyMap<string, string> | null {
  const renamed = desired.agents.filter((a) => a.previousName !== undefined && a.previousName !== a.name);
  if (renamed.length === 0) return null;
  const taken = new Set(desired.agents.map((a) => a.name));
  const claimed = new Map(claims.map((c) => [c.name, c]));
  const kept = new Map<string, string>();
  for (const { name, previousName = "" } of renamed) {
    const former = claimed.get(previousName);
    // One whose removal was begun is gone for good, and the new name begins anew.
    if (!former || former.phase === "removing" || claimed.has(name) || taken.has(previousName)) continue;
    taken.add(previousName);
    kept.set(name, previousName);
  }
  return kept.size > 0 ? kept : null;
}

/**
 * The fleet with every agent under the name of its instance: `previousName` counts where that instance is ours and none of
 * the new name is. What comes out may be put in again.
 */
export function withKeptInstances(desired: Desired, claims: readonly Claim[]): Desired {
  const kept = keptNames(desired, claims);
  if (kept === null) return desired;
  const instance = (name: string): string => kept.get(name) ?? name;
  return {
    ...desired,
    agents: desired.agents.map((agent) =>
      kept.has(agent.name) || agent.dependsOn.some((d) => kept.has(d))
        ? { ...agent, name: instance(agent.name), dependsOn: agent.dependsOn.map(instance) }
        : agent,
    ),
    snapshots: desired.snapshots.map((s) => (kept.has(s.agent) ? { ...s, agent: instance(s.agent) } : s)),
  };
}

/** A person names the agent as it is written, or as its instance is called. */
export function withKeptTargets(policy: Policy, desired: Desired, claims: readonly Claim[]): Policy {
  const kept = keptNames(desired, claims);
  if (kept === null) return policy;
  const both = (names: readonly string[]) => names.map((n) => kept.get(n) ?? n);
  return { ...policy, targets: both(policy.targets), allowDelete: both(policy.allowDelete) };
}

/** The remark for an agent that lives under its former name. */
export function keptNote(agent: DesiredAgent): string | null {
  if (agent.previousName !== agent.name || agent.document === agent.name) return null;
  return `written as "${agent.document}"; it keeps its instance and its name "${agent.name}", because Multipass cannot rename one`;
}
