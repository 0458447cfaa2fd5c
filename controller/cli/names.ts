/** Resolves typed names against existing ones. */
import { didYouMean } from "../../schemas/explain.ts";
import { EXIT, VmAgentError } from "../base/errors.ts";
import type { Claim, DesiredAgent } from "../core/types.ts";

/** Instance names for a typed name: an agent's own, or a document's for all its replicas. Throws `unknown-agent`. */
export function resolveNames(
  typed: readonly string[],
  agents: readonly DesiredAgent[],
  claims: readonly Claim[],
): readonly string[] {
  if (typed.length === 0) return [];
  const names = new Set([...agents, ...claims].map((x) => x.name));
  return [
    ...new Set(
      typed.flatMap((name) => {
        if (names.has(name)) return [name];
        const replicas = agents.filter((a) => a.document === name).map((a) => a.name);
        if (replicas.length > 0) return replicas;
        throw unknownAgent(name, [...names, ...agents.map((a) => a.document)]);
      }),
    ),
  ];
}

/** An error lists few names; a long list is of no use. */
const SHOWN = 10;

export function unknownAgent(name: string, names: readonly string[]): VmAgentError {
  const all = [...new Set(names)].sort();
  const near = didYouMean(name, all);
  const some = all.slice(0, SHOWN).join(", ");
  const list = all.length > SHOWN ? `${some} and ${all.length - SHOWN} more` : some;
  return new VmAgentError({
    code: "unknown-agent",
    message: `there is no agent "${name}"${near ? `; ${near}` : ""}`,
    next: all.length > 0 ? `there are: ${list}` : "the fleet is empty",
    exit: EXIT.failed,
  });
}
