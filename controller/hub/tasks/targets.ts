/** Selects the agents of a task, with the reason why others do not fit. Pure. */
import type { Agent } from "../runtimes/agent.ts";
import { isRecord, type Payload, words } from "../runtimes/frames.ts";
import type { Limits } from "../limits.ts";
import { BASIC_TYPES, TASK_TYPES } from "./schema.ts";

/** Exactly one field selects; `pick` defaults to `one` for a capability and to `all` for the others. */
export interface Target {
  readonly capability?: string;
  readonly selector?: Payload;
  readonly agents?: readonly string[];
  readonly pick?: "one" | "all";
  /** Leaves out offline agents; otherwise the task waits for one of them if no other fits. */
  readonly onlineOnly?: boolean;
}

export interface Candidate {
  readonly agent: string;
  readonly reason: string;
}

export type Choice =
  | { readonly ok: true; readonly agents: readonly Agent[] }
  | { readonly ok: false; readonly candidates: readonly Candidate[] };

/** `one`: the least loaded, online before offline. `all`: every agent that fits, or none if one of them cannot. */
export function choose(target: Target, spec: Payload, all: readonly Agent[], limits: Limits): Choice {
  const pick = target.pick ?? (target.capability === undefined ? "all" : "one");
  const judged = all.map((agent) => ({
    agent,
    unlike: unlike(agent, target),
    unable: unable(agent, spec, target, limits),
  }));
  const able = judged.filter(({ unlike, unable }) => unlike === null && unable === null);
  const failing = judged.filter(({ unlike, unable }) =>
    pick === "one" ? true : unlike === null && unable !== null,
  );
  const candidates = (pick === "one" || able.length === 0 ? judged : failing).flatMap(
    ({ agent, unlike, unable }) => {
      const reason = unlike ?? unable;
      return reason === null ? [] : [{ agent: agent.id, reason }];
    },
  );
  if (able.length === 0 || (pick === "all" && failing.length > 0)) return { ok: false, candidates };
  if (pick === "all") return { ok: true, agents: able.map(({ agent }) => agent) };
  const [first, ...rest] = able.map(({ agent }) => agent);
  return first
    ? { ok: true, agents: [rest.reduce((best, next) => (compare(next, best) < 0 ? next : best), first)] }
    : { ok: false, candidates };
}

/** Why the selector does not match it. */
function unlike(agent: Agent, { capability, selector, agents }: Target): string | null {
  if (agents) return agents.includes(agent.id) ? null : "it is not among those named";
  if (capability !== undefined)
    return hasCapability(agent, capability) ? null : `it has no capability "${capability}"`;
  return mismatch(agent, selector ?? {});
}

/** Why it cannot take this task. */
export function unable(
  agent: Agent,
  spec: Payload,
  { onlineOnly }: Pick<Target, "onlineOnly">,
  limits: Limits,
): string | null {
  const type = String(spec.type);
  if (!supports(agent).includes(type)) return `its runtime does not run tasks of type ${type}`;
  if (spec.sudo === true && !agent.sudo) return "sudo is not allowed there";
  if (agent.config?.paused === true) return "it is paused";
  if (agent.queue.draining) return "it is being drained";
  if (onlineOnly === true && agent.ready === null) return "it is offline";
  if (agent.queue.waiting >= limits.maxQueuedTasks)
    return `${limits.maxQueuedTasks} tasks wait for it already`;
  return null;
}

export function hasCapability(agent: Agent, capability: string): boolean {
  return words(agent.metadata.capabilities).includes(capability);
}

/** A selector's `type`, `capability`, `names` and labels must all match. */
function mismatch(agent: Agent, selector: Payload): string | null {
  const { type, capability } = selector;
  if (type !== undefined && agent.metadata.type !== type)
    return `its type is "${String(agent.metadata.type ?? "")}", not "${String(type)}"`;
  if (capability !== undefined && !hasCapability(agent, String(capability)))
    return `it has no capability "${String(capability)}"`;
  const names = words(selector.names, 10_000);
  if (names.length > 0 && !names.includes(agent.id)) return "it is not among those named";
  const labels = isRecord(agent.metadata.labels) ? agent.metadata.labels : {};
  for (const [key, value] of Object.entries(isRecord(selector.labels) ? selector.labels : {})) {
    if (!(key in labels)) return `it has no label ${key}`;
    if (labels[key] !== value) return `its label ${key} is "${String(labels[key])}", not "${String(value)}"`;
  }
  return null;
}

/**
 * The runtime's supported types; before its hello: those of every current runtime, and all for first-generation
 * clients.
 */
export function supports(agent: Agent): readonly string[] {
  if (agent.facts?.supports) return agent.facts.supports;
  return agent.guest ? TASK_TYPES : BASIC_TYPES;
}

/** Online first, then the fewest running or queued, then the fewest so far, then by name. */
function compare(a: Agent, b: Agent): number {
  const away = (agent: Agent) => (agent.ready === null ? 1 : 0);
  const load = ({ queue }: Agent) => queue.inFlight.size + queue.waiting;
  return (
    away(a) - away(b) ||
    load(a) - load(b) ||
    a.stats.tasksReceived - b.stats.tasksReceived ||
    (a.id < b.id ? -1 : 1)
  );
}
