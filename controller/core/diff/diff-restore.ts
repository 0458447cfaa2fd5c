/** A declared restore that is not done: when it may run, and when only a person can decide. */
import type { AgentCase } from "./agent-case.ts";
import type { Change, Claim, Held } from "../types.ts";

export interface RestoreCase {
  readonly restore?: NonNullable<Change["restore"]>;
  /** It began before, and may begin again: the instance is off, as it was then. */
  readonly begun: boolean;
  readonly held: readonly Held[];
  /** No other change of this agent may come first. */
  readonly blocks: boolean;
}

const NOTHING: RestoreCase = { begun: false, held: [], blocks: false };

/** A restore is done once for each token, regardless of edits in between. */
export const isTokenDone = (claim: Pick<Claim, "restoreToken" | "formerTokens">, token: string): boolean =>
  claim.restoreToken === token || (claim.formerTokens?.includes(token) ?? false);

const FORMER_TOKENS = 200;

/** The token fields of the claim once this restore is done. */
export function withTokenDone(
  { restoreToken, formerTokens = [] }: Pick<Claim, "restoreToken" | "formerTokens">,
  token: string,
): Pick<Claim, "restoreToken" | "formerTokens"> {
  if (restoreToken === null || restoreToken === token) return { restoreToken: token };
  return { restoreToken: token, formerTokens: [...formerTokens, restoreToken].slice(-FORMER_TOKENS) };
}

export const isRestorePending = ({ agent, claim }: Pick<AgentCase, "agent" | "claim">): boolean =>
  agent.restore !== undefined &&
  claim !== undefined &&
  // Before the agent was Ready once there is nothing to restore.
  claim.converged !== null &&
  !isTokenDone(claim, agent.restore.token);

export function restoreCase(c: AgentCase): RestoreCase {
  const { agent, claim, instance } = c;
  if (!isRestorePending(c) || !agent.restore || !claim) return NOTHING;
  const { snapshot, token } = agent.restore;
  const hold = (reason: Held["reason"], message: string, release: string, blocks = false): RestoreCase => ({
    begun: false,
    held: [{ agent: agent.name, reason, would: null, message, release }],
    blocks,
  });
  const begun = claim.restoring?.token === token && claim.restoring.snapshot === snapshot;
  const off = instance?.state === "Stopped";
  if (begun && !off)
    return hold(
      "data-loss",
      `a restore of "${snapshot}" was begun and interrupted, and the instance has run since: whether its disk went back is not known`,
      "look into it; to restore once more write a new restore.token, else remove restore from the document",
    );
  const known = instance?.snapshots;
  if (known === undefined)
    return hold(
      "unobservable",
      `the restore of "${snapshot}" waits until the snapshots can be read`,
      "nothing to do, they are read again",
      begun,
    );
  const names = known.map((s) => s.name).sort();
  if (!names.includes(snapshot))
    return hold(
      "impossible",
      `snapshot "${snapshot}" does not exist; ${names.length === 0 ? "there is none" : `there ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`}`,
      "write the name of one that exists, or remove restore from the document",
    );
  return {
    restore: { snapshot, token, safety: safetyName(token, names) },
    begun,
    held: [],
    blocks: true,
  };
}

const SAFETY_LENGTH = 40;

/**
 * Name of the safety snapshot. Never an existing name: that snapshot would be of another time, and the current disk
 * would be lost.
 */
function safetyName(token: string, taken: readonly string[]): string {
  const word = token
    .replace(/[^A-Za-z0-9]+/g, "-")
    .slice(0, SAFETY_LENGTH)
    .replace(/^-+|-+$/g, "");
  const name = `before-${word === "" ? "restore" : word}`;
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}-${n}`;
    if (!taken.includes(candidate)) return candidate;
  }
}
