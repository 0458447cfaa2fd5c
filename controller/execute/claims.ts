/** The claim of one agent, as its effects read and write it: nothing is done to what is not ours, or by a writer whose time is over. */
import { VmAgentError } from "../base/errors.ts";
import type { Claim } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { vanishedKey } from "../store/keys.ts";

export interface ClaimDeps {
  readonly store: Store;
  /** The epoch under which this writer may write. */
  readonly fence: number;
}

/** The claim, or the refusal to touch an instance that is not ours. */
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

/** The claim as it is, written once more: what is not ours, and a writer whose time is over, are refused before anything is done. */
export const reaffirm = (deps: ClaimDeps, name: string): Promise<void> => putClaim(deps, name, {});
