/**
 * From a request to tasks: validated, authorised, deduplicated, and addressed to one agent, to one that fits, or to
 * many.
 */
import { hash } from "node:crypto";
import type { Store, TaskRecord } from "../../store/store.ts";
import type { Agent } from "../runtimes/agent.ts";
import { type Payload, word } from "../runtimes/frames.ts";
import type { Limits } from "../limits.ts";
import { refuse } from "../refusals.ts";
import type { Registry } from "../runtimes/registry.ts";
import type { TaskEngine } from "./engine.ts";
import { inMilliseconds, taskProblems } from "./schema.ts";
import { choose, supports, type Target } from "./targets.ts";

export interface TaskRequestsDeps {
  readonly engine: TaskEngine;
  readonly registry: Registry;
  readonly store: Store;
  readonly limits: Limits;
}

export interface TaskRequest {
  readonly spec: Payload;
  readonly actor: string;
  /** The `Idempotency-Key` header; without it the task's own field. */
  readonly idempotencyKey: string | null;
}

/** One of several tasks in one request. */
export interface Part {
  readonly target: Target;
  readonly spec: Payload;
}

export interface Accepted {
  readonly task: TaskRecord;
  /** True: a repeated request; no task was created. */
  readonly repeated: boolean;
}

/** Separates a key from the number of a further task of the same agent; no header can contain it. */
export const KEY_PART = "\u001f";

export function createTaskRequests({ engine, registry, store, limits }: TaskRequestsDeps) {
  /** Requests whose inserts are not on disk yet, by agent (or "") and key: two at once are still one. */
  const underway = new Map<
    string,
    { readonly bodyHash: string; readonly tasks: Promise<readonly TaskRecord[]> }
  >();

  /** The answer of an earlier request with the same key, or of `make`. */
  async function once(
    slot: string,
    key: string,
    bodyHash: string,
    stored: () => readonly TaskRecord[],
    make: () => Promise<readonly TaskRecord[]>,
  ): Promise<readonly Accepted[]> {
    const place = `${slot} ${key}`;
    const earlier = underway.get(place);
    const known = earlier ? await earlier.tasks : stored();
    const [first] = known;
    if (first) {
      if ((earlier?.bodyHash ?? first.bodyHash) !== bodyHash) throw refuse.keyReused(key, first.id);
      return known.map((task) => ({ task: engine.current(task), repeated: true }));
    }
    const tasks = make();
    underway.set(place, { bodyHash, tasks });
    try {
      return (await tasks).map((task) => ({ task, repeated: false }));
    } finally {
      underway.delete(place);
    }
  }

  const agentsOf = ({ target, spec }: Part): readonly Agent[] => {
    const named = target.agents?.map((id) => {
      const agent = registry.named(id);
      if (!agent) throw refuse.unknownAgent(id);
      return agent;
    });
    // A named agent is refused with the error of its own endpoint.
    const [only] = named ?? [];
    if (named?.length === 1 && only) {
      allow(only, spec);
      return [only];
    }
    const meantBy = named ? { ...target, agents: named.map((a) => a.id) } : target;
    const choice = choose(meantBy, spec, named ?? [...registry.all()], limits);
    if (!choice.ok) throw refuse.noAgentFits(meant(target), choice.candidates);
    return choice.agents;
  };

  return {
    /** Errors: `agent-unknown`, `task-invalid`, `task-type-not-supported`, `sudo-not-allowed`, `idempotency-conflict`, `queue-full`. */
    async submit(
      agentId: string,
      { spec: body, actor, idempotencyKey: given }: TaskRequest,
    ): Promise<Accepted> {
      const agent = registry.named(agentId);
      if (!agent) throw refuse.unknownAgent(agentId);
      const spec = checked(body);
      allow(agent, spec);
      const bodyHash = hash("sha256", JSON.stringify(spec));
      const idempotencyKey = given ?? (word(spec.idempotencyKey) || null);
      const submission = { agent, spec, actor, idempotencyKey, bodyHash };
      if (idempotencyKey === null) return { task: await engine.submit(submission), repeated: false };
      const stored = () => [store.tasks.byIdempotencyKey(agent.id, idempotencyKey) ?? []].flat();
      const make = async () => [await engine.submit(submission)];
      const [accepted] = await once(agent.id, idempotencyKey, bodyHash, stored, make);
      if (!accepted) throw new Error("a request without a task");
      return accepted;
    },

    /** All or nothing: no task is created before each has an agent. */
    async submitWhereFits(
      given: readonly Part[],
      { actor, idempotencyKey: givenKey }: Omit<TaskRequest, "spec">,
    ): Promise<readonly Accepted[]> {
      const parts = given.map((part) => ({ ...part, spec: checked(part.spec) }));
      const [only] = parts;
      const key = givenKey ?? (parts.length === 1 && only ? word(only.spec.idempotencyKey) || null : null);
      const bodyHash = hash("sha256", JSON.stringify(parts.map(({ target, spec }) => [target, spec])));
      const make = (): Promise<readonly TaskRecord[]> => {
        const pairs = parts.flatMap((part) => agentsOf(part).map((agent) => ({ agent, spec: part.spec })));
        engine.assertRoom(pairs.map(({ agent }) => agent));
        const counts = new Map<string, number>();
        // Created together, so that they share one transaction.
        return Promise.all(
          pairs.map(({ agent, spec }) => {
            const nth = counts.get(agent.id) ?? 0;
            counts.set(agent.id, nth + 1);
            const idempotencyKey = key === null || nth === 0 ? key : `${key}${KEY_PART}${nth}`;
            return engine.submit({ agent, spec, actor, idempotencyKey, bodyHash });
          }),
        );
      };
      if (key === null) {
        // A refusal is a rejected promise.
        return (await Promise.resolve().then(make)).map((task) => ({ task, repeated: false }));
      }
      return once(
        "",
        key,
        bodyHash,
        () => store.tasks.allByIdempotencyKey(key),
        async () => make(),
      );
    },
  };

  function allow(agent: Agent, spec: Payload): void {
    const type = String(spec.type);
    const supported = supports(agent);
    if (!supported.includes(type)) throw refuse.notSupported(agent.id, type, supported);
    if (spec.sudo === true && !agent.sudo) throw refuse.sudo(agent.id);
  }
}

function meant({ capability, selector, agents }: Target): string {
  if (agents) return `all of ${agents.length} agents`;
  return capability === undefined
    ? `the selector ${JSON.stringify(selector ?? {})}`
    : `the capability "${capability}"`;
}

function checked(body: Payload): Payload {
  const problems = taskProblems(body);
  if (problems.length > 0) throw refuse.taskInvalid(problems);
  return inMilliseconds(body);
}
