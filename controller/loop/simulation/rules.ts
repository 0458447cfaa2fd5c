/** The safety invariants of SPEC section 3, a second time and independently: what is wrong about beginning a change. */
import type { Change, Claim, Desired, DesiredAgent, Observed } from "../../core/types.ts";
import { livingAs } from "./living-as.ts";
import type { SimulatedMultipass } from "./simulated-multipass.ts";

export interface Yes {
  /** agent → the action that a person saw and agreed to. */
  readonly approved: ReadonlyMap<string, Change["action"]>;
  readonly allowDelete: ReadonlySet<string>;
}

const SETTLED = ["Running", "Stopped", "Suspended", "Deleted", "Starting", "Delayed Shutdown"];

export const isRemedy = (change: Change): boolean =>
  change.why.some((w) => w.startsWith("its runtime is silent"));

/** What is wrong about beginning this change now; null: nothing. */
export function wrongToBegin(
  change: Change,
  written: Desired,
  observed: Observed,
  yes: Yes,
  world: SimulatedMultipass,
): string | null {
  const desired = livingAs(written, observed.claims);
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
  if (isRemedy(change)) return wrongToRemedy(change, agent, desired, observed);
  for (const snapshot of change.removes ?? []) {
    const wrong = wrongToPrune(snapshot, { change, agent, desired, claim, yes, world });
    if (wrong) return `${snapshot}: ${wrong}`;
  }
  if (change.action === "restore") return wrongToRestore(change, agent, claim, yes);
  if (change.action !== "replace") return null;
  if (agent.protect && !yes.allowDelete.has(name)) return "replaces what is protected";
  const release = world.get(name)?.release;
  const isOther = release !== undefined && world.releaseOf(agent.image ?? null) !== release;
  const isForImage = change.cause !== "interrupted" && change.patch.some((op) => op.path === "/image");
  if (isForImage && !isOther) return "replaces an instance for another name of its image";
  if (yes.approved.get(name) === "replace") return null;
  // A replacement that was begun lawfully is finished; a removal that was begun is no reason to replace.
  if (claim?.phase === "removing" && claim.replacing) return null;
  if (agent.provision.onChange !== "replace") return "loses data without approval";
  if (claim?.phase === "removing") return "loses data after an interrupted removal, unasked";
  return isOther ? "loses data for an image, unasked" : null;
}

function wrongToRemedy(
  change: Change,
  agent: DesiredAgent,
  desired: Desired,
  observed: Observed,
): string | null {
  if (agent.state !== "running") return "remedied although it need not run";
  if (agent.drift.mode !== "correct") return "remedied although its drift is not corrected";
  if (agent.health.remediate.length === 0) return "remedied without a ladder";
  const runtime = observed.runtimes.find((r) => r.agent === agent.name);
  const claim = observed.claims.find((c) => c.name === agent.name);
  if (runtime?.status === "online" && runtime.nonce === claim?.nonce) return "remedied although it answers";
  if (change.action !== "replace") return null;
  if (!agent.health.remediate.includes("replace")) return "replaced as a remedy, and that is not written";
  if (agent.protect) return "replaces what is protected";
  return desired.guard ? "replaced while the files are not in order" : null;
}

const tokensOf = (claim: Claim | undefined): readonly (string | null)[] =>
  claim ? [claim.restoreToken, ...(claim.formerTokens ?? [])] : [];

function wrongToRestore(
  change: Change,
  agent: DesiredAgent,
  claim: Claim | undefined,
  yes: Yes,
): string | null {
  const { restore } = agent;
  if (!restore || restore.token !== change.restore?.token) return "restores for a token that is not written";
  if (restore.snapshot !== change.restore.snapshot) return "restores another snapshot than is written";
  if (tokensOf(claim).includes(restore.token)) return "restores again for a token that is done";
  const begun = claim?.restoring?.token === restore.token;
  return agent.protect && !begun && !yes.allowDelete.has(agent.name) ? "restores what is protected" : null;
}

interface Prune {
  readonly change: Change;
  readonly agent: DesiredAgent;
  readonly desired: Desired;
  readonly claim: Claim | undefined;
  readonly yes: Yes;
  readonly world: SimulatedMultipass;
}

/** `tick-20261122-0310` is a run of `tick`. */
export const stemOf = (snapshot: string): string | null =>
  /^(.+)-\d{8}-\d{4}(-2)?$/.exec(snapshot)?.[1] ?? null;

function wrongToPrune(snapshot: string, p: Prune): string | null {
  const { agent, desired, change, yes, world } = p;
  const there = world.get(agent.name)?.snapshots ?? [];
  const found = there.find((s) => s.name === snapshot);
  if (found && found.maker !== "fleet") return "removes a person's snapshot";
  if (snapshot.startsWith("before-")) return "removes what was kept before a restore";
  if (desired.guard) return `removed although the fleet is ${desired.guard.reason}`;
  const isPending = agent.restore && !tokensOf(p.claim).includes(agent.restore.token);
  if (isPending && agent.restore?.snapshot === snapshot) return "removes what a restore goes back to";
  const documents = desired.snapshots.filter((s) => s.agent === agent.name);
  if (documents.some((d) => d.schedule === undefined && d.name === snapshot))
    return "removes what is written";
  const stem = stemOf(snapshot);
  const document = documents.find((d) => d.schedule !== undefined && d.name === stem);
  if (!document) {
    const said = yes.approved.get(agent.name) === "prune";
    return desired.settings.prune || said || change.action !== "prune"
      ? null
      : "removed although prune is off";
  }
  return null;
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
  const present = observed.claims.filter((c) => c.phase !== "removing");
  if (removable.length === present.length) return "would leave nothing";
  return null;
}
