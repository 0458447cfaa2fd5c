/** Status of each agent on two axes, sync and health, with conditions. Pure. */
import { compareText } from "../core/diff/diff.ts";
import { applyRenames } from "../core/renames.ts";
import {
  type AgentFacts,
  type Failure,
  type Health,
  type NextTry,
  type Truth,
  healthOf,
  nextWords,
} from "./explain-health.ts";
import type {
  Desired,
  DesiredAgent,
  Held,
  HoldReason,
  Instant,
  InstanceState,
  Observed,
  Plan,
  PowerState,
  Refused,
  RuntimeReading,
  Size,
  SourceRef,
} from "../core/types.ts";

export type { AgentFacts, Failure, Health, NextTry, Truth } from "./explain-health.ts";

export type Sync = "Synced" | "OutOfSync" | "Unknown" | "Paused" | "Held";
export const CONDITION_TYPES = ["Ready", "Reconciling", "Stalled", "Drifted"] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];

export interface Condition {
  readonly type: ConditionType;
  readonly status: Truth;
  /** One word in CamelCase, for programs. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  /** Since when status, reason and message have these values. */
  readonly since: Instant;
  /**
   * The fleet revision of the judgement: its commit, or the hash of its content where it has none; empty before the
   * first refresh.
   */
  readonly observedRevision: string;
}

/** A finding; since and revision are added to all alike. */
type Finding = Omit<Condition, "since" | "observedRevision">;

export interface AgentStatus {
  readonly name: string;
  readonly document: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capabilities: readonly string[];
  readonly wanted: PowerState | "absent";
  /** `?`: unobservable. */
  readonly seen: InstanceState | "absent" | "?";
  /** As declared; null: no document. */
  readonly size: Size | null;
  /** As last read; null: not read. */
  readonly seenSize: Size | null;
  readonly ipv4: readonly string[];
  readonly runtime: Pick<RuntimeReading, "status" | "version" | "lastSeen"> | null;
  readonly tasks: { readonly running: number; readonly queued: number };
  /** Names; null: not read. */
  readonly snapshots: readonly string[] | null;
  readonly held: readonly Pick<Held, "reason" | "message" | "release">[];
  readonly source: SourceRef | null;
  readonly sync: Sync;
  readonly health: Health;
  readonly conditions: readonly Condition[];
  /** The next automatic attempt, and when; null: none is delayed. */
  readonly next: Omit<NextTry, "agent"> | null;
  /** Further remarks, in sentences. */
  readonly notes: readonly string[];
}

export interface StatusOptions {
  /** As in Policy: how long after a boot began silence is normal. Milliseconds. */
  readonly bootGrace: number;
  /** Failures of the loop's last turn. */
  readonly failures?: readonly Failure[];
  /** Delayed attempts of the loop's last turn. */
  readonly next?: readonly NextTry[];
  /** Diagnoses of offline runtimes, by name. */
  readonly diagnoses?: ReadonlyMap<string, string>;
  /** Agents with a change in flight now or during the refresh. */
  readonly busy?: ReadonlySet<string>;
}

/**
 * Every declared agent, and every claim whose document is gone, by name. `plan`: of the whole fleet, without targets.
 * Unowned instances are not in it: `foreignInstances` counts them.
 */
export function fleetStatus(
  written: Desired,
  observed: Observed,
  plan: Plan,
  previous: readonly AgentStatus[],
  now: Instant,
  options: StatusOptions,
): readonly AgentStatus[] {
  const desired = applyRenames(written, observed.claims);
  const seen = observed.instances;
  const instances = new Map(seen.kind === "seen" ? seen.list.map((i) => [i.name, i]) : []);
  const claims = new Map(observed.claims.map((c) => [c.name, c]));
  const runtimes = new Map(observed.runtimes.map((r) => [r.agent, r]));
  const changes = new Map(plan.changes.map((c) => [c.agent, c]));
  const failures = new Map(options.failures?.map((f) => [f.agent, f]));
  const next = new Map(options.next?.map((n) => [n.agent, n]));
  const before = new Map(previous.map((s) => [s.name, s.conditions]));
  const agents = new Map(desired.agents.map((a) => [a.name, a]));
  const held = Map.groupBy(plan.held, (h) => h.agent);
  const isOlder = plan.desiredHash !== written.hash;
  const names = [...new Set([...agents.keys(), ...claims.keys()])].sort(compareText);
  return names.map((name) => {
    const claim = claims.get(name);
    const facts: AgentFacts = {
      ...present("agent", agents.get(name)),
      ...present("instance", instances.get(name)),
      ...present("claim", claim),
      ...present("runtime", runtimes.get(name)),
      ...present("change", changes.get(name)),
      ...present("failure", failures.get(name)),
      ...present("next", next.get(name)),
      ...present("diagnosis", options.diagnoses?.get(name)),
      held: held.get(name) ?? [],
      unobservable: seen.kind === "unobservable" ? seen.reason : null,
      busy: options.busy?.has(name) ?? false,
      booting: claim !== undefined && now - claim.bootAt < options.bootGrace,
    };
    const agent = agents.get(name);
    const seenAs = facts.instance?.state.toLowerCase() ?? "absent";
    const unplanned =
      isOlder &&
      agent !== undefined &&
      !agent.paused &&
      facts.unobservable === null &&
      seenAs !== agent.state;
    return agentStatus(
      name,
      { ...facts, unplanned },
      before.get(name) ?? [],
      now,
      plan.revision ?? plan.desiredHash,
    );
  });
}

const present = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };

/** Instances without claim and document; null: unobservable. */
export function foreignInstances(desired: Desired, observed: Observed): number | null {
  if (observed.instances.kind === "unobservable") return null;
  const ours = new Set([...observed.claims.map((c) => c.name), ...desired.agents.map((a) => a.name)]);
  return observed.instances.list.filter((i) => !ours.has(i.name)).length;
}

export function agentStatus(
  name: string,
  facts: AgentFacts,
  previous: readonly Condition[],
  now: Instant,
  observedRevision: string,
): AgentStatus {
  const { agent, instance, runtime, claim } = facts;
  const { health, ready, reason, message } = healthOf(facts);
  const found: readonly Finding[] = [
    { type: "Ready", status: ready, reason, message },
    reconciling(facts),
    stalled(facts),
    drifted(
      facts,
      previous.find((c) => c.type === "Drifted"),
    ),
  ];
  // An unowned instance with the name of an agent is shown as a state, with no other data.
  const mine = claim ? instance : undefined;
  return {
    name,
    document: agent?.document ?? claim?.document ?? name,
    type: agent?.type ?? "",
    labels: agent?.labels ?? {},
    capabilities: agent?.capabilities ?? [],
    wanted: agent?.state ?? "absent",
    seen: facts.unobservable === null ? (instance?.state ?? "absent") : "?",
    size: agent?.size ?? null,
    seenSize: mine?.size ?? null,
    ipv4: mine?.ipv4 ?? [],
    // Heartbeats of a stopped instance are from before the stop.
    runtime: runtime
      ? {
          status: isDown(facts) ? "offline" : runtime.status,
          version: runtime.version,
          lastSeen: runtime.lastSeen,
        }
      : null,
    tasks: { running: runtime?.runningTasks ?? 0, queued: runtime?.queuedTasks ?? 0 },
    snapshots: mine?.snapshots?.map((s) => s.name) ?? null,
    held: facts.held.map(({ reason: why, message: text, release }) => ({
      reason: why,
      message: text,
      release,
    })),
    source: agent?.source ?? null,
    sync: syncOf(facts),
    health,
    conditions: found.map((c) => ({ ...c, since: since(c, previous, now), observedRevision })),
    next: facts.next ? withoutName(facts.next) : null,
    notes: notesOf(facts),
  };
}

const DOWN: readonly string[] = ["Stopped", "Suspended", "Deleted"];
const isDown = ({ unobservable, instance }: AgentFacts): boolean =>
  unobservable === null && (instance === undefined || DOWN.includes(instance.state));

const withoutName = ({ agent: _, ...next }: NextTry): Omit<NextTry, "agent"> => next;

function notesOf({ runtime }: AgentFacts): readonly string[] {
  return [...refusedNotes(runtime?.refused), ...upgradeNotes(runtime), ...(runtime?.warnings ?? [])];
}

function upgradeNotes(runtime: RuntimeReading | undefined): readonly string[] {
  const { state = "", reason = "" } = runtime?.upgrade ?? {};
  if (state === "unsupported") {
    return [
      `its runtime is older and cannot be upgraded over its connection (${reason}): a newer one is put in its place through Multipass as soon as none of its tasks runs`,
    ];
  }
  if (state === "failed" || state === "refused")
    return [`its runtime was not upgraded and the older one runs on: ${reason}`];
  if (state === "paused") return ["its runtime is another version, and is not upgraded while it is paused"];
  return state === "" ? [] : ["its runtime is being upgraded"];
}

function refusedNotes(refused: Refused | undefined): readonly string[] {
  if (!refused) return [];
  if (refused.code !== "clone") return [`a runtime that came in its name was refused: ${refused.reason}`];
  return [
    `the instance "${refused.instanceId}" carries its files (a clone), came in its name, and was refused: declare it under its own name, or delete it`,
  ];
}

function since(c: Finding, previous: readonly Condition[], now: Instant): Instant {
  const old = previous.find((p) => p.type === c.type);
  const same = old && old.status === c.status && old.reason === c.reason && old.message === c.message;
  return same ? old.since : now;
}

const blind = (f: AgentFacts): boolean =>
  f.unobservable !== null ||
  f.instance?.state === "Unavailable" ||
  (f.instance?.state === "Unknown" && !f.booting);
const waits = (h: Held): boolean => h.reason === "waiting";
const stops = (f: AgentFacts): Held | undefined => f.held.find((h) => !waits(h));

function syncOf(f: AgentFacts): Sync {
  if (f.agent?.paused) return "Paused";
  if (blind(f)) return "Unknown";
  if (f.change || f.unplanned) return "OutOfSync";
  if (stops(f)) return "Held";
  return f.held.length > 0 || !f.agent ? "OutOfSync" : "Synced";
}

function reconciling(f: AgentFacts): Finding {
  const is = (status: Truth, reason: string, message: string) =>
    ({ type: "Reconciling", status, reason, message }) as const;
  if (f.agent?.paused) return is("False", "Paused", "it is paused: observed, and not acted on");
  if (f.failure && !f.failure.terminal)
    return is("True", "Retrying", `${f.failure.message}; it is tried again`);
  if (f.change && !f.failure?.terminal) {
    const { action, why, waitsUntil } = f.change;
    if (f.next?.kind === "drift") return is("True", "Damped", `${why.join("; ")}; ${nextWords(f.next)}`);
    if (waitsUntil !== undefined) return is("True", "WaitsForDependency", `${action} after ${waitsUntil}`);
    return is("True", camel(action), why.join("; "));
  }
  if (f.unplanned) return is("True", "Edited", "the fleet was edited; the next plan says what is done");
  const wait = f.held.find(waits);
  if (wait) return is("True", "Waiting", wait.message);
  if (blind(f)) return is("Unknown", "Unobservable", "nothing is changed until Multipass shows it again");
  if (f.failure || stops(f)) return is("False", "Held", "nothing is done until it is released");
  return is("False", "AsDeclared", "there is nothing to do");
}

function stalled(f: AgentFacts): Finding {
  const is = (status: Truth, reason: string, message: string) =>
    ({ type: "Stalled", status, reason, message }) as const;
  if (f.failure?.terminal) return is("True", "Failed", f.failure.message);
  const held = stops(f);
  if (held) return is("True", camel(held.reason), `${held.message}; release: ${held.release}`);
  const { state, reason = "" } = f.runtime?.upgrade ?? {};
  if (state === "failed" || state === "refused")
    return is("True", "RuntimeUpgradeFailed", `the older runtime runs on: ${reason}`);
  return is("False", "NotStalled", "nothing stands in the way");
}

/** A change in flight says nothing about drift: until it ends, the former condition stays. */
function drifted(f: AgentFacts, before: Condition | undefined): Finding {
  const is = (status: Truth, reason: string, message: string) =>
    ({ type: "Drifted", status, reason, message }) as const;
  const drift = [f.change, ...f.held.map((h) => h.would)].find((c) => c?.cause === "drift");
  if (f.busy && before) return before;
  if (drift && !f.busy) return is("True", camel(drift.action), drift.why.join("; "));
  if (blind(f)) return is("Unknown", "Unobservable", "nothing can be compared");
  return is("False", "NotDrifted", "no drift");
}

/** `restart-update` as `RestartUpdate`. */
const camel = (word: HoldReason | string): string =>
  word.replace(/(^|-)([a-z])/g, (_, _dash: string, letter: string) => letter.toUpperCase());

/** The row of a fleet before the first refresh, for dashboards. */
export const unread = (agent: DesiredAgent, now: Instant): AgentStatus =>
  agentStatus(agent.name, { agent, held: [], unobservable: "not looked yet", booting: false }, [], now, "");
