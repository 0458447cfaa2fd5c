/** SPEC section 3, renames: `previousName` keeps Multipass's instance. Told once more and independently. */
import type { Claim, Desired } from "../../core/types.ts";

/** The fleet with every agent under the name that its instance has. */
export function livingAs(written: Desired, claims: readonly Claim[]): Desired {
  const names = new Map<string, string>();
  for (const { name, previousName } of written.agents) {
    const former = claims.find((c) => c.name === previousName);
    const isTaken = written.agents.some((a) => a.name === previousName);
    if (former && former.phase !== "removing" && !isTaken && !claims.some((c) => c.name === name))
      names.set(name, former.name);
  }
  const lives = (name: string) => names.get(name) ?? name;
  return {
    ...written,
    agents: written.agents.map((a) => ({
      ...a,
      name: lives(a.name),
      dependsOn: a.dependsOn.map(lives),
    })),
    snapshots: written.snapshots.map((s) => ({ ...s, agent: lives(s.agent) })),
  };
}
