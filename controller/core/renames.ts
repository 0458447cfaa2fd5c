/** A renamed agent keeps its instance under the old name, because Multipass cannot rename it. Pure. */
import { isDesiredView } from "./diff/fields.ts";
import type { Claim, Desired, DesiredAgent, Policy } from "./types.ts";

const isReplica = ({ name, document }: Pick<Claim, "name" | "document">): boolean =>
  name.startsWith(`${document}-`) && /^\d+$/.test(name.slice(document.length + 1));

/** A claim whose agent has another name than its instance. */
const isMoved = (claim: Claim): boolean =>
  claim.name !== claim.document && claim.phase !== "removing" && !isReplica(claim);

/**
 * Declared name to the name of the kept instance. The claim's memory of its document comes first: `previousName` may be
 * removed once it was read, and an agent that is renamed twice names the second name.
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
    // An instance whose removal has begun is gone for good, and the new name starts from nothing.
    if (!former || former.phase === "removing" || taken.has(former.name)) continue;
    taken.add(former.name);
    kept.set(name, former.name);
  }
  return kept.size > 0 ? kept : null;
}

/** The instance name for a name that a person typed, as far as claims know: the agent's own, or the kept one. */
export function instanceNameOf(name: string, claims: readonly Claim[]): string {
  if (claims.some((c) => c.name === name)) return name;
  const [only, ...others] = claims.filter((c) => c.document === name && isMoved(c));
  return only !== undefined && others.length === 0 ? only.name : name;
}

/**
 * The fleet with every agent under the name of its instance, where that instance is owned and the new name is free.
 * Idempotent.
 */
export function applyRenames(desired: Desired, claims: readonly Claim[]): Desired {
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

/** Accepts the declared name of the agent or the name of its instance. */
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

/** A new agent equal to one whose document is gone may be a rename: `previousName` would keep its instance. */
export function renameHint(agent: DesiredAgent, gone: readonly Claim[]): string | null {
  const alike = gone.filter(
    (c) => c.phase === "launched" && c.converged && isDesiredView(agent, c.converged),
  );
  const [only, ...others] = alike;
  if (only === undefined || others.length > 0 || agent.previousName !== undefined) return null;
  return `it is new, and as "${only.name}" was, whose document is gone: if it is the same agent, write previousName: ${only.name}, and it keeps that instance and its disk`;
}
