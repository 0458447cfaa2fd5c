/**
 * Revalidation: whether a change in flight is still desired after it waited for tasks or a guest while the fleet may
 * have been edited. Steps that cannot be undone check it first. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import { applyRenames } from "../core/renames.ts";
import type { Change, Claim, Desired, DesiredAgent, Policy, Turn } from "../core/types.ts";
import type { Approvals } from "./approvals.ts";
import { type Begin, runnable } from "./dispatch.ts";
import { type TurnOptions, decide } from "./turn.ts";
import { Scope } from "./scope.ts";
import { desiredKey } from "./in-flight.ts";

export interface NowInForce {
  readonly desired: Desired | null;
  readonly policy: Policy;
  readonly approvals: Approvals;
  readonly correct: NonNullable<TurnOptions["correct"]>;
  readonly claim: Claim | undefined;
}

/** `begunFor`: the hash of the fleet at that time. Without an edit since, the decision holds. */
export function isStillDesired(begin: Begin, begunFor: string, turn: Turn, now: NowInForce): boolean {
  const { desired } = now;
  if (!desired || desired.hash === begunFor) return desired !== null;
  if (begin.kind === "change") return isDecidedAgain(begin.change, turn, { ...now, desired });
  const { agent } = begin.kind === "remedy" ? begin.remedy : begin.install;
  return isSameDocument(agent, desired, turn.observed.claims);
}

/** The observation stays as it was, so that only edits and approvals since can change the decision. */
function isDecidedAgain(
  change: Change,
  { observed, plan: { at } }: Turn,
  { desired, policy, approvals, correct, claim }: NowInForce & { readonly desired: Desired },
): boolean {
  // A removal that has revoked its agent's access is finished or undone as such; everything else is as it was when this
  // began.
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
  JSON.stringify([desiredKey(change), change.removes ?? [], change.restore?.snapshot]);

/** For remediations, which follow from the document: it is unchanged, in valid files. */
function isSameDocument(agent: DesiredAgent, desired: Desired, claims: readonly Claim[]): boolean {
  if (desired.guard) return false;
  const now = applyRenames(desired, claims).agents.find((a) => a.name === agent.name);
  return now !== undefined && isDeepStrictEqual({ ...now, source: null }, { ...agent, source: null });
}
