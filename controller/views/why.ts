/** Why an agent is in its state, in sentences: desired, observed, last change, holds, next. Pure. */
import { doingText } from "./step-words.ts";
import { age, bytes } from "../core/units.ts";
import type { Cause, Instant, Size, SourceRef } from "../core/types.ts";

/** An entry of an agent's journal: a change or an event. */
export interface JournalEntry {
  readonly at: Instant;
  readonly kind: "step" | "converged" | "failed" | "drifted";
  /** The change and its cause; null: an event. */
  readonly action: string | null;
  readonly cause: Cause | null;
  readonly why: readonly string[];
  /** The step with its subject; empty for a whole change. */
  readonly step: string;
  /** For a failure or drift. */
  readonly message: string;
  readonly durationMs: number | null;
}

export interface WhyFacts {
  readonly agent: {
    readonly name: string;
    readonly wanted: string;
    readonly seen: string;
    readonly size: Size | null;
    readonly seenSize: Size | null;
    readonly ipv4: readonly string[];
    readonly runtime: {
      readonly status: string;
      readonly version: string;
      readonly lastSeen: Instant;
    } | null;
    readonly sync: string;
    readonly health: string;
    readonly source: SourceRef | null;
    readonly conditions: readonly {
      readonly type: string;
      readonly reason: string;
      readonly message: string;
    }[];
    readonly held: readonly { readonly reason: string; readonly message: string; readonly release: string }[];
    readonly work: {
      readonly action: string;
      readonly step: string | null;
      readonly detail: string;
      readonly since: Instant;
      readonly stepSince: Instant;
    } | null;
    readonly failure: {
      readonly message: string;
      readonly next: string;
      readonly count: number;
      readonly retryAt: Instant | null;
    } | null;
  };
  /** Author of the document's last commit; null: unknown to git. */
  readonly written: {
    readonly revision: string;
    readonly author: string;
    readonly at: Instant;
    /** The file differs from that revision. */
    readonly edited: boolean;
  } | null;
  readonly driver: string;
  /** When it was observed; null: never. */
  readonly seenAt: Instant | null;
  readonly change: {
    readonly action: string;
    readonly why: readonly string[];
    readonly waitsUntil?: string;
    readonly snapshots: readonly { readonly name: string }[];
    readonly before: { readonly cpu?: number; readonly memory?: number; readonly disk?: number } | null;
    readonly after: { readonly cpu?: number; readonly memory?: number; readonly disk?: number } | null;
  } | null;
  /** Newest last. */
  readonly journal: readonly JournalEntry[];
  readonly tasks: readonly { readonly id: string; readonly what: string; readonly since: Instant }[];
  /** A loop runs and keeps the fleet in sync. */
  readonly live: boolean;
  /** How long running tasks are waited for before an instance is stopped. Milliseconds. */
  readonly drainMs: number;
  readonly now: Instant;
}

export interface Sentence {
  readonly label: "Desired" | "Observed" | "Now" | "Last" | "Held" | "Next";
  readonly text: string;
}

/** `time`: formats an instant, since the core knows no time zone. */
export function why(facts: WhyFacts, time: (at: Instant) => string): readonly Sentence[] {
  const { agent } = facts;
  const last = lastText(facts.journal, time);
  return [
    { label: "Desired", text: desiredText(facts) },
    { label: "Observed", text: seenText(facts) },
    ...(agent.work ? [{ label: "Now", text: workText(facts, agent.work, time) } as const] : []),
    ...(last === null ? [] : [{ label: "Last", text: last } as const]),
    ...agent.held
      .filter((h) => h.reason !== "waiting")
      .map((h) => ({ label: "Held", text: `${h.message}; release: ${h.release}` }) as const),
    { label: "Next", text: nextText(facts, time) },
  ];
}

const sizeText = (size: Size): string =>
  `${size.cpu} cpu, ${bytes(size.memory)} memory, ${bytes(size.disk)} disk`;

function desiredText({ agent, written, now }: WhyFacts): string {
  if (agent.wanted === "absent" || !agent.source) return "nothing: no document wants it";
  const where = `${agent.source.file}:${agent.source.line}`;
  const by = written
    ? ` at ${written.revision} by ${written.author}, ${age(now - written.at)} ago${written.edited ? "; edited since, and not committed" : ""}`
    : "";
  return `${agent.wanted}${agent.size ? `, ${sizeText(agent.size)}` : ""} (${where}${by})`;
}

function seenText({ agent, driver, seenAt, live, now }: WhyFacts): string {
  const ago = seenAt === null ? "not looked yet" : `${driver}, ${age(now - seenAt)} ago`;
  const state = agent.seen === "?" ? "nothing can be seen" : agent.seen;
  const parts = [state, ...(agent.seenSize ? [sizeText(agent.seenSize)] : []), ...agent.ipv4];
  const heard =
    DOWN.has(agent.seen) && agent.runtime?.status !== "online" ? "" : `; ${runtimeText(agent, live, now)}`;
  return `${parts.join(", ")} (${ago})${heard}`;
}

/** A stopped instance is not expected to report. */
const DOWN = new Set(["absent", "Stopped", "Suspended", "Deleted"]);

function runtimeText({ runtime, conditions }: WhyFacts["agent"], live: boolean, now: Instant): string {
  if (conditions.some((c) => c.reason === "NoRuntime")) return "no runtime is inside yet, so tasks wait";
  if (!live) return "no hub runs, so its runtime is not heard";
  if (!runtime) return "its runtime was never heard of";
  const heard = `heartbeat ${age(now - runtime.lastSeen)} ago`;
  if (runtime.status === "online") return `runtime ${runtime.version} connected, ${heard}`;
  return runtime.status === "suspect"
    ? `runtime ${runtime.version} missed heartbeats, last ${heard}`
    : `runtime ${runtime.version} silent, last ${heard}`;
}

function workText(
  facts: WhyFacts,
  work: NonNullable<WhyFacts["agent"]["work"]>,
  time: (at: Instant) => string,
) {
  const { now } = facts;
  const text = `${work.action}: ${doingText(work)} for ${age(now - work.stepSince)}`;
  if (work.step !== "drain") return text;
  return `${text}: ${tasksText(facts)}; at ${time(work.stepSince + facts.drainMs)} it goes on at the latest`;
}

const tasksText = ({ tasks, now }: WhyFacts): string =>
  tasks.length === 0
    ? "none is left"
    : tasks.map((t) => `task ${t.id.slice(0, 8)} (${t.what}, running ${age(now - t.since)})`).join(", ");

/** Past tense of each action. */
const DONE: Readonly<Record<string, string>> = {
  create: "created",
  update: "changed",
  "restart-update": "changed, with a stop and a start",
  replace: "recreated",
  destroy: "destroyed",
  start: "started",
  stop: "stopped",
  suspend: "suspended",
  restore: "restored",
  snapshot: "a snapshot was taken",
  prune: "old snapshots were removed",
};

function lastText(journal: readonly JournalEntry[], time: (at: Instant) => string): string | null {
  const entry = journal.at(-1);
  if (!entry) return null;
  const because = entry.why.length > 0 ? `: ${entry.why.join("; ")}` : "";
  const cause = entry.cause === "drift" ? " (drift, corrected)" : "";
  const took = entry.durationMs === null ? "" : ` in ${age(entry.durationMs)}`;
  switch (entry.kind) {
    case "converged": {
      const done = DONE[entry.action ?? ""] ?? entry.action ?? "converged";
      return `${done} at ${time(entry.at)}${took}${because}${cause}`;
    }
    case "failed":
      return `${entry.step || "it"} failed at ${time(entry.at)}: ${entry.message}`;
    case "drifted":
      return `drifted at ${time(entry.at)}: ${entry.message}`;
    case "step":
      return `${entry.step} done at ${time(entry.at)}${took}, on the way to ${entry.action ?? "what is written"}${because}`;
    default: {
      const never: never = entry.kind;
      return never;
    }
  }
}

function nextText(facts: WhyFacts, time: (at: Instant) => string): string {
  const { agent, change, live } = facts;
  if (agent.sync === "Paused") return `nothing: it is paused; vm-agent resume ${agent.name}`;
  if (agent.work) return "in sync, when this is done";
  const { failure } = agent;
  if (failure?.retryAt === null) return `nothing by itself, after ${failure.count} attempts: ${failure.next}`;
  if (failure)
    return `attempt ${failure.count + 1} at ${time(failure.retryAt ?? facts.now)}; ${failure.next}`;
  if (change) {
    const what = changeText(change);
    if (change.waitsUntil !== undefined) return `as soon as ${change.waitsUntil}: ${what}`;
    if (!live) return `at the next vm-agent apply or vm-agent up: ${what}`;
    if (facts.tasks.length > 0 && STOPS.has(change.action))
      return `as soon as ${tasksText(facts)} ends, or ${age(facts.drainMs)} after it is begun at the latest: ${what}`;
    return `as soon as it is its turn: ${what}`;
  }
  const waits = agent.held.find((h) => h.reason === "waiting");
  if (waits) return `looked at again by itself: ${waits.message}`;
  if (agent.held.length > 0) return "nothing until it is released";
  if (agent.seen === "?") return "nothing until Multipass can be seen again";
  // In sync concerns the instance alone; the state of its runtime and its remediation is in its condition.
  const ready = agent.conditions.find((c) => c.type === "Ready");
  if (ready && (agent.health === "Offline" || agent.health === "Degraded"))
    return `its instance is in sync, and its runtime is not well: ${ready.message}`;
  return live ? "nothing to do: it is in sync, and the loop keeps it so" : "nothing to do: it is in sync";
}

const STOPS = new Set(["restart-update", "stop", "suspend", "replace", "destroy", "snapshot", "restore"]);

function changeText({
  action,
  before,
  after,
  snapshots,
  why: reasons,
}: NonNullable<WhyFacts["change"]>): string {
  const fields = (["cpu", "memory", "disk"] as const).flatMap((f) => {
    const [from, to] = [before?.[f], after?.[f]];
    if (from === undefined || to === undefined || from === to) return [];
    return [`${f} ${f === "cpu" ? `${from} → ${to}` : `${bytes(from)} → ${bytes(to)}`}`];
  });
  const taken = snapshots.map((s) => `snapshot ${s.name}`);
  const what = [...fields, ...taken].join(", ");
  return `${action}${what ? ` (${what})` : ""}, because ${reasons.join("; ")}`;
}
