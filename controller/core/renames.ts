/** An agent that was given another name keeps its instance under the old one, because Multipass cannot rename it. Pure. */
import { isDesiredView } from "./diff/fields.ts";
import type { Claim, Desired, DesiredAgent, Policy } from "./types.ts";

const isReplica = ({ name, document }: Pick<Claim, "name" | "document">): boolean =>
  name.startsWith(`${document}-`) && /^\d+$/.test(name.slice(document.length + 1));

/** A claim whose agent goes by another name than its instance. */
const isMoved = (claim: Claim): boolean =>
  claim.name !== claim.document && claim.phase !== "removing" && !isReplica(claim);

/**
 * Name as written to name of the instance that is kept. What a claim remembers of its document counts first: `previousName` may
 * be taken out once it was read, and an agent that is given a third name says the second.
 */
export function keptNames(desired: Desired, claims: readonly Claim[]): ReadonlyMap<string, string> | null {
  const moved = Map.groupBy(claims.filter(isMoved), (c) => c.document);
  const says = (a: DesiredAgent) => a.previousName !== undefined && a.previousName !== a.name;
  const renamed = desired.agents.filter((a) => says(a) || (moved.size > 0 && moved.has(a.name)));
  if (renamed.length === 0) return null;
  const taken = new Set(desired.agents.map((a) => a.name));
  const claimed = new Map(claims.map((c) => [c.name, c]));
  const ofDocument = (document: string): Claim | undefined => {
    const [only, ...others] = moved.get(document) ?? [];
    return others.length === 0 ? only : undefined;
  };
  const kept = new Map<string, string>();
  for (const { name, previousName = "" } of renamed) {
    if (claimed.has(name)) continue;
    const former = ofDocument(name) ?? claimed.get(previousName) ?? ofDocument(previousName);
    // One whose removal was begun is gone for good, and the new name begins anew.
    if (!former || former.phase === "removing" || taken.has(former.name)) continue;
    taken.add(former.name);
    kept.set(name, former.name);
  }
  return kept.size > 0 ? kept : null;
}

/** The name of the instance of which a person speaks, as far as claims tell: the agent's own, or the one that it kept. */
export function livesAs(name: string, claims: readonly Claim[]): string {
  if (claims.some((c) => c.name === name)) return name;
  const [only, ...others] = claims.filter((c) => c.document === name && isMoved(c));
  return only !== undefined && others.length === 0 ? only.name : name;
}

/**
 * The fleet with every agent under the name of its instance, where that is ours and none of the new name is. What comes out may
 * be put in again.
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
  if (agent.document === agent.name || isReplica(agent)) return null;
  return `written as "${agent.document}"; it keeps its instance and its name "${agent.name}", because Multipass cannot rename one`;
}

/** A new agent that is as one was whose document is gone may be that one under another name: who renames it keeps its instance. */
export function renameHint(agent: DesiredAgent, gone: readonly Claim[]): string | null {
  const alike = gone.filter(
    (c) => c.phase === "launched" && c.converged && isDesiredView(agent, c.converged),
  );
  const [only, ...others] = alike;
  if (only === undefined || others.length > 0 || agent.previousName !== undefined) return null;
  return `it is new, and as "${only.name}" was, whose document is gone: if it is the same agent, write previousName: ${only.name}, and it keeps that instance and its disk`;
}
