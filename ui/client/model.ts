/** The state of a dashboard, and how it changes: one pure reducer over fleet readings, events, tasks and heartbeats. */
import type { HealthHistories } from "../../schemas/types.ts";
import type { ServerEvent } from "./transport.ts";
import { type EventLine, eventLine } from "./event-lines.ts";
import { type HealthSample, type HubAgentView, readHealth, withHistory, withSample } from "./health.ts";
import type { AgentView, FleetView, TaskView } from "./types.ts";

export interface Link {
  /** `looking-again`: it was live, and after a pause this is being checked. */
  readonly status: "connecting" | "live" | "looking-again" | "lost";
  readonly since: number;
  /** Why it was lost, in words; empty while it is not. */
  readonly message: string;
  readonly retryAt: number | null;
  /** When a connection that was lost or in doubt was good again; null: it never was. */
  readonly foundAt: number | null;
  /** Whether it was really lost then. */
  readonly wasLost: boolean;
}

export interface Model {
  readonly link: Link;
  readonly fleet: FleetView | null;
  /** Why there is no newer fleet than this one, in words; null: it is current. */
  readonly fleetError: string | null;
  /** The hub's clock less our own. */
  readonly offset: number;
  /** Oldest first. */
  readonly events: readonly EventLine[];
  /** Newest first. */
  readonly tasks: readonly TaskView[];
  readonly health: Readonly<Record<string, readonly HealthSample[]>>;
  /** When each agent's runtime first came to the hub. */
  readonly registered: Readonly<Record<string, number>>;
}

export type Action =
  | { readonly type: "fleet"; readonly fleet: FleetView; readonly now: number }
  | { readonly type: "fleet-failed"; readonly message: string }
  | { readonly type: "event"; readonly event: ServerEvent; readonly now: number }
  | { readonly type: "tasks"; readonly tasks: readonly TaskView[] }
  | { readonly type: "task"; readonly task: TaskView }
  | { readonly type: "health"; readonly agents: readonly HubAgentView[] }
  | { readonly type: "history"; readonly agents: HealthHistories["agents"] }
  | { readonly type: "connecting"; readonly now: number }
  | { readonly type: "live"; readonly now: number }
  | { readonly type: "looking-again"; readonly now: number }
  | { readonly type: "lost"; readonly now: number; readonly message: string; readonly retryAt: number };

export const EVENTS_KEPT = 1000;
export const TASKS_KEPT = 500;

export const emptyModel = (now: number): Model => ({
  link: { status: "connecting", since: now, message: "", retryAt: null, foundAt: null, wasLost: false },
  fleet: null,
  fleetError: null,
  offset: 0,
  events: [],
  tasks: [],
  health: {},
  registered: {},
});

export function reduce(model: Model, action: Action): Model {
  switch (action.type) {
    case "fleet":
      return {
        ...model,
        fleet: sharing(model.fleet, action.fleet),
        fleetError: null,
        offset: action.fleet.at - action.now,
      };
    case "fleet-failed":
      return { ...model, fleetError: action.message };
    case "event":
      return withEvent(model, action.event, action.now);
    case "tasks":
      return { ...model, tasks: merge(model.tasks, action.tasks) };
    case "task":
      return { ...model, tasks: merge(model.tasks, [action.task]) };
    case "health":
      return withHealth(model, action.agents);
    case "history":
      return withHistories(model, action.agents);
    case "connecting":
    case "live":
    case "looking-again":
    case "lost":
      return { ...model, link: nextLink(model.link, action) };
    default: {
      const never: never = action;
      return never;
    }
  }
}

function nextLink(
  link: Link,
  action: Extract<Action, { readonly type: "connecting" | "live" | "looking-again" | "lost" }>,
): Link {
  const { now } = action;
  if (action.type === "lost") {
    const { message, retryAt } = action;
    return { ...link, status: "lost", since: link.status === "lost" ? link.since : now, message, retryAt };
  }
  // A try while it is lost does not make it less lost.
  if (action.type === "connecting") return link.status === "lost" ? { ...link, retryAt: null } : link;
  if (action.type === "looking-again")
    return link.status === "live" ? { ...link, status: "looking-again", since: now } : link;
  const wasLost = link.status === "lost";
  const found = wasLost || link.status === "looking-again" ? { foundAt: now, wasLost } : {};
  return { ...link, ...found, status: "live", since: now, message: "", retryAt: null };
}

/** Agents that did not change stay the same objects, so that only what changed is drawn again. */
function sharing(old: FleetView | null, fresh: FleetView): FleetView {
  if (old === null) return fresh;
  const before = new Map(old.agents.map((a) => [a.name, a]));
  return {
    ...fresh,
    agents: fresh.agents.map((a) => {
      const former = before.get(a.name);
      return former && JSON.stringify(former) === JSON.stringify(a) ? former : a;
    }),
  };
}

function withEvent(model: Model, event: ServerEvent, now: number): Model {
  // The hub restarted or forgot: what it still knows follows.
  if (event.event === "open") return model;
  if (event.event === "reset") return model.events.length === 0 ? model : withGap(model, event, now);
  const line = unlessSaid(model.events, eventLine(event, now));
  // Behind a reconnect or a gap the same event may come twice.
  if (model.events.some((e) => e.id === line.id)) return model;
  const events = [...model.events, line].slice(-EVENTS_KEPT);
  return {
    ...model,
    events,
    tasks: event.event === "task.changed" ? taskChanged(model.tasks, event, line.at) : model.tasks,
  };
}

/** A plan equal to the last one is no event. */
function unlessSaid(events: readonly EventLine[], line: EventLine): EventLine {
  if (line.name !== "planned") return line;
  return events.findLast((e) => e.name === "planned")?.text === line.text ? { ...line, routine: true } : line;
}

/** What was seen stays; that something may be missing is said where it is missing. */
function withGap(model: Model, { id }: ServerEvent, now: number): Model {
  const gap: EventLine = {
    id: `gap-${id}-${now}`,
    at: now,
    name: "gap",
    kind: "hub",
    agent: null,
    glyph: "⋯",
    tone: "warn",
    text: "events may be missing here: the hub was restarted, or the connection was lost for long",
    routine: false,
    step: null,
    call: null,
  };
  return { ...model, events: [...model.events, gap].slice(-EVENTS_KEPT) };
}

function withHistories(model: Model, agents: HealthHistories["agents"]): Model {
  let { health } = model;
  for (const given of agents) {
    const before = health[given.agent] ?? [];
    const after = withHistory(before, given);
    if (after !== before) health = { ...health, [given.agent]: after };
  }
  return health === model.health ? model : { ...model, health };
}

function taskChanged(tasks: readonly TaskView[], { data }: ServerEvent, at: number): readonly TaskView[] {
  const { taskId, agent, state, type } = data as Readonly<
    Record<"taskId" | "agent" | "state" | "type", string>
  >;
  const known = tasks.find((t) => t.id === taskId);
  if (known) return merge(tasks, [{ ...known, state, ...(state !== "queued" && { waits: null }) }]);
  const task: TaskView = {
    id: taskId,
    agent,
    type,
    state,
    spec: {},
    createdAt: at,
    startedAt: null,
    finishedAt: null,
    exitCode: null,
    error: null,
    droppedBytes: 0,
  };
  return merge(tasks, [task]);
}

/** What is known by an event alone has no words yet; if it is new, it is read the next moment. */
export const isRead = (task: TaskView): boolean => Object.keys(task.spec).length > 0;

function merge(old: readonly TaskView[], fresh: readonly TaskView[]): readonly TaskView[] {
  const all = new Map([...old, ...fresh].map((t) => [t.id, t]));
  return [...all.values()]
    .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
    .slice(0, TASKS_KEPT);
}

function withHealth(model: Model, agents: readonly HubAgentView[]): Model {
  let { health, registered } = model;
  for (const agent of agents) {
    if (agent.registeredAt && agent.registeredAt !== registered[agent.id])
      registered = { ...registered, [agent.id]: agent.registeredAt };
    const sample = readHealth(agent);
    if (sample === null) continue;
    const before = health[agent.id] ?? [];
    const after = withSample(before, sample);
    if (after !== before) health = { ...health, [agent.id]: after };
  }
  return health === model.health && registered === model.registered
    ? model
    : { ...model, health, registered };
}

export const findAgent = (model: Model, name: string): AgentView | undefined =>
  model.fleet?.agents.find((a) => a.name === name);
