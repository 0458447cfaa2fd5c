/** Claims as effects read and write them. Unowned instances and fenced writers are refused. */
import { VmAgentError } from "../base/errors.ts";
import type { Claim } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { vanishedKey } from "../store/keys.ts";

export interface ClaimDeps {
  readonly store: Store;
  /** The fencing token of this writer. */
  readonly fence: number;
}

/** The claim; throws for an unowned instance. */
export function owned(deps: ClaimDeps, name: string): Claim {
  const mine = deps.store.claims.get(name);
  if (mine) return mine;
  throw new VmAgentError({
    code: "not-ours",
    message:
      deps.store.kv.get(vanishedKey(name)) === undefined
        ? `"${name}" is not claimed by this fleet`
        : `the instance "${name}" is gone: something else removed it while this step was under way`,
    next: "nothing to do: it is planned again",
    transient: true,
  });
}

export async function putClaim(deps: ClaimDeps, name: string, change: Partial<Claim>): Promise<void> {
  await deps.store.claims.put({ ...owned(deps, name), ...change }, deps.fence);
}

/** Throws for an unowned instance, and for a fenced writer, before any effect. */
export const assertFence = (deps: ClaimDeps, name: string): Promise<void> => putClaim(deps, name, {});
