/**
 * Desired against observed: every difference with its reason; what cannot be decided is held. Pure, independent of
 * order.
 */
import { type Want, cellOf } from "../actions.ts";
import { satisfied, waitText } from "../dependencies.ts";
import type { AgentCase, Note } from "./agent-case.ts";
import { diffAgent, repair, silentWords } from "./diff-agent.ts";
import { desiredView, isDesiredView } from "./fields.ts";
import { imageIs } from "./image-name.ts";
import { createLookup } from "./lookup.ts";
import { renameHint, applyRenames } from "../renames.ts";
import { EMPTY_INSIDE, hasNoRuntime, ownershipOf } from "../ownership.ts";
import { provisionFailure } from "../provisioning.ts";
import { startByHand } from "../start-by-hand.ts";
import type {
  Change,
  Claim,
  ConvergedView,
  Desired,
  DesiredAgent,
  DesiredSnapshot,
  DueSnapshot,
  Held,
  Instant,
  MadeSnapshot,
  Observed,
  ObservedInstance,
} from "../types.ts";

export { ownershipOf, proves } from "../ownership.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface Diff {
  readonly changes: readonly Change[];
  readonly held: readonly Held[];
  readonly notes: readonly Note[];
  /** Claims without document and instance: to be removed; no instance is touched. */
  readonly forget: readonly string[];
  /** Claims whose copy of the document is out of date: to be updated; no instance is touched. */
  readonly remember: readonly Remember[];
}

/**
 * `protect` and `document` as the fleet declares them now, so that both outlive the document. `converged`: the desired
 * view where the agent is in sync (an edit that needed no change), else the former value: without it every later drift
 * would count as an edit.
 */
export interface Remember {
  readonly agent: string;
  readonly protect: boolean;
  readonly document: string;
  readonly converged: ConvergedView | null;
  /** The name that the document uses for the instance's image. */
  readonly image: string | null;
}

/** `bootGrace`: milliseconds after a boot began during which `Unknown` and an unlisted launch are normal. */
export function diff(desired: Desired, observed: Observed, now: Instant, bootGrace: number): Diff {
  desired = applyRenames(desired, observed.claims);
  const seen = observed.instances;
  const list = seen.kind === "seen" ? seen.list : [];
  const instanceOf = createLookup(list, (i) => i.name);
  const claimOf = createLookup(observed.claims, (c) => c.name);
  const runtimeOf = createLookup(observed.runtimes, (r) => r.agent);
  const snapshots = groupByAgent(desired.snapshots);
  const made = Map.groupBy(observed.made ?? [], (m) => m.agent);
  const due = Map.groupBy(observed.due ?? [], (d) => d.agent);
  const guarded = desired.guard !== undefined;
  const vanished = new Set(observed.vanished);
  const result = { changes: [] as Change[], held: [] as Held[], notes: [] as Note[], forget: [] as string[] };
  const remember: Remember[] = [];

  const caseOf = (name: string, claim: Claim | undefined, want: Want): Omit<AgentCase, "agent"> => {
    const instance = instanceOf(name);
    const runtime = runtimeOf(name);
    const is = seen.kind === "unobservable" ? "unobservable" : (instance?.state ?? "absent");
    const found: Writable<Omit<AgentCase, "agent">> = {
      is,
      ownership: ownershipOf(claim, runtime, want, is),
      snapshots: snapshots.get(name) ?? NONE,
      made: made.get(name) ?? NONE_MADE,
      due: due.get(name) ?? NONE_DUE,
      guarded,
      vanished: vanished.has(name),
      unobservable: seen.kind === "unobservable" ? seen : null,
      booting: claim !== undefined && now - claim.bootAt < bootGrace,
    };
    if (instance) found.instance = instance;
    if (claim) found.claim = claim;
    if (runtime) found.runtime = runtime;
    return found;
  };

  let matched = 0;
  for (const agent of desired.agents) {
    const claim = claimOf(agent.name);
    const found = diffAgent(Object.assign(caseOf(agent.name, claim, agent.state), { agent }));
    if (found.change) result.changes.push(found.change);
    for (const held of found.held) result.held.push(held);
    for (const note of found.notes) result.notes.push(note);
    if (!claim) continue;
    if (claim.adopted && hasNoRuntime(claim, runtimeOf(agent.name)))
      result.notes.push({ agent: agent.name, message: EMPTY_INSIDE });
    matched += 1;
    const fact = toRemember(agent, claim, instanceOf(agent.name), found.asWritten ?? false);
    if (fact) remember.push(fact);
  }
  result.notes.push(...scheduleNotes(desired.snapshots, observed.timeZone));
  const withWaits = waits(desired, observed);
  const agentOf = new Map(desired.agents.map((a) => [a.name, a]));
  result.held = result.held.map((h) => (h.would ? { ...h, would: withWaits(h.would) } : h));
  const changes = result.changes;
  result.changes = [];
  for (const change of changes.map(withWaits)) {
    const blocked = change.waitsFor.flatMap((name) => {
      const why = provisionFailure(runtimeOf(name), agentOf.get(name));
      return why === null ? [] : { name, why };
    })[0];
    if (!blocked) result.changes.push(change);
    else
      result.held.push({
        agent: change.agent,
        reason: "dependency",
        would: change,
        message: `it depends on ${blocked.name}, whose provisioning failed: ${blocked.why}`,
        release: `mend the provisioning of ${blocked.name} (vm-agent why ${blocked.name}), and have it run again: provision.onChange: rerun or replace`,
      });
  }

  const wanted = matched === observed.claims.length ? null : new Set(desired.agents.map((a) => a.name));
  for (const claim of wanted === null ? [] : observed.claims) {
    if (wanted?.has(claim.name)) continue;
    const found = diffRemoved(claim, caseOf(claim.name, claim, "absent"));
    if (found.forget) result.forget.push(claim.name);
    if (found.change) result.changes.push(found.change);
    if (found.held) result.held.push(found.held);
  }
  const gone = observed.claims.filter((c) => wanted !== null && !wanted.has(c.name));
  const created = new Set(
    result.changes.flatMap((c) => (c.action === "create" && c.cause === "new" ? c.agent : [])),
  );
  for (const agent of gone.length > 0 ? desired.agents.filter((a) => created.has(a.name)) : []) {
    const message = renameHint(agent, gone);
    if (message !== null) result.notes.push({ agent: agent.name, message });
  }
  const byName = (a: { readonly agent: string | null }, b: { readonly agent: string | null }) =>
    compareText(a.agent ?? "", b.agent ?? "");
  return {
    changes: result.changes.sort(byName),
    held: result.held.sort((a, b) => byName(a, b) || compareText(a.reason, b.reason)),
    notes: result.notes.sort((a, b) => byName(a, b) || compareText(a.message, b.message)),
    forget: result.forget.sort(compareText),
    remember: remember.sort(byName),
  };
}

/** Adds the agents that a creation or a start has to wait for. */
function waits(desired: Desired, observed: Observed): (change: Change) => Change {
  const dependent = desired.agents.filter((a) => a.dependsOn.length > 0);
  if (dependent.length === 0) return (change) => change;
  const seen = observed.instances;
  const ready = satisfied(
    desired,
    new Map(seen.kind === "seen" ? seen.list.map((i) => [i.name, i]) : []),
    new Map(observed.claims.map((c) => [c.name, c])),
    new Map(observed.runtimes.map((r) => [r.agent, r])),
  );
  const waiting = new Map(dependent.map((a) => [a.name, a.dependsOn.filter((d) => !ready.has(d))]));
  const agents = new Map(desired.agents.map((a) => [a.name, a]));
  return (change) => {
    const waitsFor =
      change.action === "create" || change.action === "start" ? (waiting.get(change.agent) ?? []) : [];
    if (waitsFor.length === 0) return change;
    return { ...change, waitsFor, waitsUntil: waitText(waitsFor.flatMap((name) => agents.get(name) ?? [])) };
  };
}

function toRemember(
  agent: DesiredAgent,
  claim: Claim,
  instance: ObservedInstance | undefined,
  asWritten: boolean,
): Remember | null {
  const last = claim.converged;
  const stale = asWritten && last !== null && !isDesiredView(agent, last);
  const wanted = agent.image ?? null;
  const image =
    claim.image !== wanted && instance && imageIs(agent, claim.image, instance) === "same"
      ? wanted
      : claim.image;
  if (!stale && image === claim.image && claim.protect === agent.protect && claim.document === agent.document)
    return null;
  return {
    agent: agent.name,
    protect: agent.protect,
    document: agent.document,
    converged: stale ? desiredView(agent) : last,
    image,
  };
}

/** Code-unit order: the same on every machine, whatever its locale. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const NONE: readonly DesiredSnapshot[] = [];
const NONE_MADE: readonly MadeSnapshot[] = [];
const NONE_DUE: readonly DueSnapshot[] = [];

/** A schedule shows only when it is due; its time zone shows nowhere else. */
function scheduleNotes(snapshots: readonly DesiredSnapshot[], timeZone: string | undefined): readonly Note[] {
  const texts = new Set<string>();
  for (const { name, schedule, keep } of snapshots) {
    if (schedule === undefined) continue;
    const kept = keep === undefined ? "" : `, the newest ${keep === 1 ? "is" : `${keep} are`} kept`;
    const text = `"${schedule}"${timeZone === undefined ? "" : ` in the time zone ${timeZone}`}${kept}`;
    texts.add(`snapshot "${name}" is taken by its schedule ${text}`);
  }
  return [...texts].map((message) => ({ agent: null, message }));
}

function groupByAgent(
  snapshots: readonly DesiredSnapshot[],
): ReadonlyMap<string, readonly DesiredSnapshot[]> {
  const groups = new Map<string, DesiredSnapshot[]>();
  for (const snapshot of snapshots) {
    const group = groups.get(snapshot.agent);
    if (group) group.push(snapshot);
    else groups.set(snapshot.agent, [snapshot]);
  }
  for (const group of groups.values()) group.sort((a, b) => compareText(a.name, b.name));
  return groups;
}

function diffRemoved(
  claim: Claim,
  c: Omit<AgentCase, "agent">,
): { readonly change?: Change; readonly held?: Held; readonly forget?: boolean } {
  const hold = (reason: Held["reason"], message: string, release: string) => ({
    held: { agent: claim.name, reason, would: null, message, release },
  });
  const cell = cellOf(c.ownership, "absent", c.is);
  switch (cell) {
    case "forget":
      return { forget: true };
    case "destroy": {
      const interrupted = claim.phase === "removing";
      return {
        change: {
          agent: claim.name,
          action: "destroy",
          patch: [{ op: "remove", path: "" }],
          before: claim.converged ?? { state: "running", image: claim.image },
          after: null,
          cause: interrupted ? "interrupted" : "removed",
          why: [
            interrupted
              ? "its removal was begun and interrupted"
              : `its document "${claim.document}" is gone`,
          ],
          consequences: ["the instance, its disk and its snapshots are deleted for good"],
          snapshots: [],
          waitsFor: [],
          seen: c.is === "absent" || c.is === "unobservable" ? null : c.is,
          source: null,
        },
      };
    }
    case "settle":
      if (c.booting)
        return hold(
          "waiting",
          "its boot was begun a short while ago; it is removed once that is over",
          "nothing to do, it is looked at again",
        );
      if (c.is === "absent") return { forget: true };
      return hold(
        "unknown-state",
        `Multipass shows it as ${c.is}, which proves nothing`,
        `look at it with "multipass info ${claim.name}"`,
      );
    case "wait":
      return hold("waiting", `it is ${c.is}`, "nothing to do, it is looked at again");
    case "adopt":
      return hold(
        "unproven",
        "its launch was begun, but nothing proves yet that this instance came from it",
        `start it, so that its runtime can prove itself (${startByHand(claim.name, c.is)}), or delete it yourself: vm-agent multipass delete --purge ${claim.name}`,
      );
    case "hold-unproven":
      return hold("unproven", ...silentWords(claim.name, c.is));
    case "hold-unobservable":
      return hold("unobservable", `nothing can be seen: ${c.unobservable?.reason}`, repair(c.unobservable));
    case "hold-unavailable":
      return hold("unobservable", "its availability zone is unavailable", "enable the zone in Multipass");
    case "hold-deleted":
      return hold(
        "deleted-elsewhere",
        "a deleted instance holds the name",
        `vm-agent multipass recover ${claim.name}, or vm-agent multipass delete --purge ${claim.name}`,
      );
    case "none":
    case "create":
    case "start":
    case "stop":
    case "suspend":
    case "recover":
    case "ignore":
    case "hold-foreign":
      return {};
    default: {
      const never: never = cell;
      return never;
    }
  }
}
