/** SPEC section 3, renames: `previousName` keeps Multipass's instance. An independent second implementation. */
import type { Claim, Desired } from "../../core/types.ts";

/** The fleet with every agent under the name that its instance has. */
export function livingAs(written: Desired, claims: readonly Claim[]): Desired {
  const names = new Map<string, string>();
  const lived = (document: string | undefined) => {
    const of = claims.filter(
      (c) => c.document === document && !/^w-\d$/.test(c.name) && c.phase !== "removing",
    );
    return of.length === 1 && of[0]?.name !== document ? of[0] : undefined;
  };
  for (const { name, previousName } of written.agents) {
    if (claims.some((c) => c.name === name)) continue;
    const former = lived(name) ?? claims.find((c) => c.name === previousName) ?? lived(previousName);
    const isTaken = written.agents.some((a) => a.name === former?.name);
    if (former && former.phase !== "removing" && !isTaken && ![...names.values()].includes(former.name))
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
