/** Whose an instance is: ownership is proven by a claim and a nonce, never inferred from a name. */
import type { Ownership } from "./actions.ts";
import type { Claim, RuntimeReading } from "./types.ts";

export function ownershipOf(claim: Claim | undefined, runtime: RuntimeReading | undefined): Ownership {
  if (!claim) return "foreign";
  if (claim.phase !== "launching" || claim.proven) return "ours";
  return proves(claim, runtime) ? "ours" : "unproven";
}

/** SPEC section 3, safety 1: the nonce counts only together with the instance's own name in the guest. */
export function proves(claim: Claim, runtime: RuntimeReading | undefined): boolean {
  return runtime !== undefined && runtime.nonce === claim.nonce && runtime.instanceId === claim.name;
}
