/** The safety invariants of SPEC section 3, told once more and independently, over what a controller begins and what reaches Multipass. */
import type { Change, Claim, Desired, Observed } from "../../core/types.ts";
import type { Call } from "./simulated-driver.ts";

export interface Yes {
  /** agent → the action that a person saw and agreed to. */
  readonly approved: ReadonlyMap<string, Change["action"]>;
  readonly allowDelete: ReadonlySet<string>;
}

const SETTLED = ["Running", "Stopped", "Suspended", "Deleted", "Starting", "Delayed Shutdown"];

/** What is wrong about beginning this change now; null: nothing. */
export function wrongToBegin(change: Change, desired: Desired, observed: Observed, yes: Yes): string | null {
  const name = change.agent;
  const agent = desired.agents.find((a) => a.name === name);
  const claim = observed.claims.find((c) => c.name === name);
  const seen = observed.instances;
  if (seen.kind === "unobservable") return "begun without seeing anything";
  const instance = seen.list.find((i) => i.name === name);
  if (agent?.paused) return "begun although it is paused";
  if (!claim && change.action !== "create") return "begun without a claim";
  if (instance && !claim) return "begun on an instance that is not ours";
  const runtime = observed.runtimes.find((r) => r.agent === name);
  const lost = claim?.converged === null && runtime?.status === "online" && runtime.nonce === claim.nonce;
  if (instance?.state === "Unavailable" || (instance?.state === "Unknown" && !lost))
    return `begun on a state that proves nothing: ${instance.state}`;
  if (change.waitsFor.length > 0) return "begun before what it depends on is ready";
  if (change.action === "destroy") return wrongToDestroy(name, desired, observed, yes, claim);
  if (!agent) return "begun for what no document wants";
  if (change.action !== "replace") return null;
  if (agent.protect && !yes.allowDelete.has(name)) return "replaces what is protected";
  if (yes.approved.get(name) === "replace") return null;
  if (agent.provision.onChange !== "replace") return "loses data that nobody agreed to lose";
  // A replacement that was begun lawfully is finished; a removal that was begun is no reason to replace.
  if (claim?.phase === "removing")
    return claim.replacing ? null : "loses data after an interrupted removal, unasked";
  return (agent.image ?? null) === claim?.image ? null : "loses data for an image, unasked";
}

function wrongToDestroy(
  name: string,
  desired: Desired,
  observed: Observed,
  yes: Yes,
  claim: Claim | undefined,
): string | null {
  const named = yes.allowDelete.has(name);
  if (desired.agents.some((a) => a.name === name)) return "destroys what a document wants";
  if (desired.guard && !(desired.guard.reason === "empty" && named))
    return `destroys although the fleet is ${desired.guard.reason}`;
  if (claim?.phase === "removing") return null;
  if (named) return null;
  if (claim?.protect) return "destroys what is protected";
  if (!desired.settings.prune && yes.approved.get(name) !== "destroy")
    return "destroys although prune is off";
  const list = observed.instances.kind === "seen" ? observed.instances.list : [];
  const states = new Map(list.map((i) => [i.name, i.state]));
  const wanted = new Set(desired.agents.map((a) => a.name));
  const removable = observed.claims.filter(
    (c) => !wanted.has(c.name) && c.phase === "launched" && SETTLED.includes(states.get(c.name) ?? ""),
  );
  if (removable.length > desired.settings.maxDeletes) return `destroys one of ${removable.length} at once`;
  if (removable.length > 1 && removable.length === observed.claims.length) return "would leave nothing";
  return null;
}

/** What is wrong about this call of Multipass; null: nothing. */
export function wrongToCall(call: Call, working: Change | null, current: boolean): string | null {
  if (!current) return "called by a controller whose time is over";
  if (!working) return "called without a change that is being worked on";
  if (call.kind === "remove" && working.action !== "destroy" && working.action !== "replace")
    return `removed by a change that only wants to ${working.action}`;
  return null;
}

export const wrongToTouch = (call: Call): string | null =>
  call.instance && call.instance.maker !== "fleet" ? "touched, and it is a stranger's" : null;
