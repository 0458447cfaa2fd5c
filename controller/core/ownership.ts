/** Ownership is proven by a claim and a nonce, never inferred from a name. */
import type { Is, Ownership, Want } from "./actions.ts";
import type { Claim, RuntimeReading } from "./types.ts";

export function ownershipOf(
  claim: Claim | undefined,
  runtime: RuntimeReading | undefined,
  want: Want,
  is: Is,
): Ownership {
  if (!claim) return "foreign";
  if (claim.phase !== "launching" || claim.proven || proves(claim, runtime)) return "ours";
  return claim.leftover && (want === "absent" || !mayProveItself(is)) ? "ours" : "unproven";
}

/** A runtime may say hello in this state, or in the one it leads to. */
const mayProveItself = (is: Is): boolean => is !== "Stopped" && is !== "Suspended";

/** SPEC section 3, safety 1: the nonce counts only together with the instance's own name in the guest. */
export function proves(claim: Claim, runtime: RuntimeReading | undefined): boolean {
  return runtime !== undefined && runtime.nonce === claim.nonce && runtime.instanceId === claim.name;
}

/** Imported without a runtime: nothing will ever say hello, so nothing waits for it. */
export function hasNoRuntime(claim: Claim, runtime: RuntimeReading | undefined): boolean {
  return claim.adopted === true && !proves(claim, runtime);
}

export const EMPTY_INSIDE = "it was imported, and no runtime is inside yet: tasks wait until it has one";
