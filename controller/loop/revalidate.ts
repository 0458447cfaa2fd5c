/**
 * Whether a change that was begun is wanted still: it may have waited for tasks or for a guest's answer while the fleet was
 * edited. Steps that cannot be undone ask before they act; pure but for what it is given.
 */
import { isDeepStrictEqual } from "node:util";
import { withKeptInstances } from "../core/renames.ts";
import type { Change, Claim, Desired, DesiredAgent, Policy, Turn } from "../core/types.ts";
import type { Approvals } from "./approvals.ts";
import { type Begin, runnable } from "./dispatch.ts";
import { type TurnOptions, decide } from "./turn.ts";
import { Scope } from "./scope.ts";
import { wantedKey } from "./in-flight.ts";

export interface NowInForce {
  readonly desired: Desired | null;
  readonly policy: Policy;
  readonly approvals: Approvals;
  readonly correct: NonNullable<TurnOptions["correct"]>;
  readonly claim: Claim | undefined;
}

/** `begunFor`: the hash of what was written then. While nothing was written since, what was decided is decided. */
export function isStillWanted(begin: Begin, begunFor: string, turn: Turn, now: NowInForce): boolean {
  const { desired } = now;
  if (!desired || desired.hash === begunFor) return desired !== null;
  if (begin.kind === "change") return isDecidedAgain(begin.change, turn, { ...now, desired });
  const { agent } = begin.kind === "remedy" ? begin.remedy : begin.install;
  return isSameDocument(agent, desired, turn.observed.claims);
}

/** What was seen stays as it was, so that only what people wrote and said since can make another decision of it. */
function isDecidedAgain(
  change: Change,
  { observed, plan: { at } }: Turn,
  { desired, policy, approvals, correct, claim }: NowInForce & { readonly desired: Desired },
): boolean {
  // A removal that has cut its agent off is finished or taken back as such; all else is as it was when this was begun.
  const claims =
    claim?.phase === "removing"
      ? observed.claims.map((c) => (c.name === claim.name ? claim : c))
      : observed.claims;
  const { plan } = decide(desired, { ...observed, claims }, policy, correct, at);
  return runnable(plan, approvals, new Scope()).some(
    (c) => c.agent === change.agent && workOf(c) === workOf(change),
  );
}

const workOf = (change: Change): string =>
  JSON.stringify([wantedKey(change), change.removes ?? [], change.restore?.snapshot]);

/** For remedies, which follow from what an agent's document says: it says the same, in files that are in order. */
function isSameDocument(agent: DesiredAgent, desired: Desired, claims: readonly Claim[]): boolean {
  if (desired.guard) return false;
  const now = withKeptInstances(desired, claims).agents.find((a) => a.name === agent.name);
  return now !== undefined && isDeepStrictEqual({ ...now, source: null }, { ...agent, source: null });
}
