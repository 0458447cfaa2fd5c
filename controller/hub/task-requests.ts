/** From a request to tasks: validated, allowed, told apart from a repeat, and addressed to an agent or to whoever fits. */
import { hash } from "node:crypto";
import type { Store, TaskRecord } from "../store/store.ts";
import type { Agent } from "./agent.ts";
import { isRecord, type Payload, word, words } from "./frames.ts";
import { refuse } from "./refusals.ts";
import type { Registry } from "./registry.ts";
import type { TaskEngine } from "./task-engine.ts";
import { BASIC_TYPES, TASK_TYPES, taskProblems } from "./task-schema.ts";

export interface TaskRequestsDeps {
  readonly engine: TaskEngine;
  readonly registry: Registry;
  readonly store: Store;
}

export interface TaskRequest {
  readonly spec: Payload;
  readonly actor: string;
  /** The `Idempotency-Key` header; the task's own field counts where there is none. */
  readonly idempotencyKey: string | null;
}

/** Who shall do it: exactly one field. */
export interface Target {
  readonly capability?: string;
  readonly selector?: Payload;
  readonly agents?: readonly string[];
}

export interface Accepted {
  readonly task: TaskRecord;
  /** True: the same request came before, nothing new was begun. */
  readonly repeated: boolean;
}

export function createTaskRequests({ engine, registry, store }: TaskRequestsDeps) {
  /** Requests whose insert is not on disk yet, by agent and key: two at once are still one task. */
  const underway = new Map<string, { readonly bodyHash: string; readonly task: Promise<TaskRecord> }>();

  async function submitTo(agent: Agent, request: TaskRequest, bodyHash: string): Promise<Accepted> {
    const { spec, actor } = request;
    const supported = supports(agent);
    if (!supported.includes(String(spec.type)))
      throw refuse.notSupported(agent.id, String(spec.type), supported);
    if (spec.sudo === true && !agent.sudo) throw refuse.sudo(agent.id);
    const idempotencyKey = request.idempotencyKey ?? (word(spec.idempotencyKey) || null);
    const submission = { agent, spec, actor, idempotencyKey, bodyHash };
    if (idempotencyKey === null) return { task: await engine.submit(submission), repeated: false };

    const slot = `${agent.id} ${idempotencyKey}`;
    const earlier = underway.get(slot);
    if (earlier) {
      const task = await earlier.task;
      if (earlier.bodyHash !== bodyHash) throw refuse.keyReused(idempotencyKey, task.id);
      return { task: engine.current(task), repeated: true };
    }
    const stored = store.tasks.byIdempotencyKey(agent.id, idempotencyKey);
    if (stored) return repeat(stored, idempotencyKey, bodyHash);
    const task = engine.submit(submission);
    underway.set(slot, { bodyHash, task });
    try {
      return { task: await task, repeated: false };
    } finally {
      underway.delete(slot);
    }
  }

  function repeat(stored: TaskRecord, key: string, bodyHash: string): Accepted {
    if (stored.bodyHash !== bodyHash) throw refuse.keyReused(key, stored.id);
    return { task: engine.current(stored), repeated: true };
  }

  return {
    /** Errors: `agent-unknown`, `task-invalid`, `task-type-not-supported`, `sudo-not-allowed`, `idempotency-conflict`, `queue-full`. */
    async submit(agentId: string, request: TaskRequest): Promise<Accepted> {
      const agent = registry.get(agentId);
      if (!agent) throw refuse.unknownAgent(agentId);
      check(request.spec);
      return submitTo(agent, request, hash("sha256", JSON.stringify(request.spec)));
    },

    /** `capability` picks one agent: online before offline, then the least busy. The others address every agent that fits. */
    async submitWhereFits(target: Target, request: TaskRequest): Promise<readonly Accepted[]> {
      check(request.spec);
      const bodyHash = hash("sha256", JSON.stringify([target, request.spec]));
      const key = request.idempotencyKey ?? (word(request.spec.idempotencyKey) || null);
      if (target.capability !== undefined && key !== null) {
        const stored = store.tasks.byIdempotencyKey(null, key);
        if (stored) return [repeat(stored, key, bodyHash)];
      }
      const agents = choose(target, String(request.spec.type));
      return Promise.all(agents.map((agent) => submitTo(agent, request, bodyHash)));
    },
  };

  function choose(target: Target, type: string): readonly Agent[] {
    if (target.agents) {
      return target.agents.map((id) => {
        const agent = registry.get(id);
        if (!agent) throw refuse.unknownAgent(id);
        return agent;
      });
    }
    const { capability, selector } = target;
    const what =
      capability === undefined
        ? `the selector ${JSON.stringify(selector ?? {})}`
        : `the capability "${capability}"`;
    const fitting = [...registry.all()].filter((agent) =>
      capability === undefined ? matches(agent, selector ?? {}) : hasCapability(agent, capability),
    );
    if (fitting.length === 0) throw refuse.nobodyFits(what);
    if (capability === undefined) return fitting;
    const able = fitting.filter((agent) => supports(agent).includes(type));
    const best = (able.length > 0 ? able : fitting).reduce((a, b) => (load(b) < load(a) ? b : a));
    return [best];
  }
}

export function hasCapability(agent: Agent, capability: string): boolean {
  return words(agent.metadata.capabilities).includes(capability);
}

/** A selector's `type` and its labels must all be equal. */
export function matches(agent: Agent, selector: Payload): boolean {
  const labels = isRecord(agent.metadata.labels) ? agent.metadata.labels : {};
  const wanted = isRecord(selector.labels) ? selector.labels : {};
  const names = words(selector.names);
  return (
    (selector.type === undefined || agent.metadata.type === selector.type) &&
    (selector.capability === undefined || hasCapability(agent, String(selector.capability))) &&
    (names.length === 0 || names.includes(agent.id)) &&
    Object.entries(wanted).every(([key, value]) => labels[key] === value)
  );
}

/** What the runtime said it runs; before it said so: what every runtime of ours runs, and all for the first generation's. */
function supports(agent: Agent): readonly string[] {
  if (agent.facts?.supports) return agent.facts.supports;
  return agent.guest ? TASK_TYPES : BASIC_TYPES;
}

/** Offline agents come after all others, draining ones too. */
function load(agent: Agent): number {
  const away = agent.ready === null || agent.queue.draining ? 1_000_000 : 0;
  return away + agent.queue.inFlight.size + agent.queue.waiting;
}

function check(spec: Payload): void {
  const problems = taskProblems(spec);
  if (problems.length > 0) throw refuse.taskInvalid(problems);
}
