/** /tasks and /agents/:id/task: submission, the list, one task, its cancel. */
import type { Context } from "koa";
import { taskWaits } from "../../views/task-waits.ts";
import type { Hub } from "../../hub/hub.ts";
import { isRecord, type Payload, word, words } from "../../hub/runtimes/frames.ts";
import { readResult } from "../../hub/runtimes/guest-input.ts";
import { findTask } from "../../hub/ids.ts";
import { refuse } from "../../hub/refusals.ts";
import type { Accepted, Part } from "../../hub/tasks/requests.ts";
import type { Target } from "../../hub/tasks/targets.ts";
import { TASK_STATES } from "../../hub/tasks/states.ts";
import type { TaskRecord, TaskState } from "../../store/store.ts";
import { readObject } from "../body.ts";
import type { MakeHandlers, RouteDeps } from "../deps.ts";
import { refusal } from "../problem.ts";
import { badCursor, pageOf, readPage } from "../page.ts";
import { many, text } from "../query.ts";

export const taskHandlers: MakeHandlers = (deps) => {
  const { hub } = deps;
  return {
    submitTask: (ctx) => submitTask(ctx, ctx.params.id ?? "", deps),

    submitWhereFits: async (ctx) => {
      const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
      const accepted = await hub.requests.submitWhereFits(readParts(body), {
        actor: "operator",
        idempotencyKey: readKey(ctx),
      });
      const tasks = accepted.map(answer);
      ctx.body = tasks.length === 1 ? { ...tasks[0], tasks } : { tasks };
    },

    listTasks: (ctx) => {
      const agent = text(ctx, "agent");
      const type = text(ctx, "type");
      const states = many(ctx, "state");
      const unknown = states.find((s) => !(TASK_STATES as readonly string[]).includes(s));
      if (unknown !== undefined) {
        throw refusal("query-invalid", `state=${unknown} is not allowed`, `use ${TASK_STATES.join(", ")}`);
      }
      const { limit, cursor } = readPage(ctx);
      if (cursor !== null && !hub.store.tasks.get(cursor)) throw badCursor(cursor);
      const found = hub.store.tasks.list({
        limit: limit + 1,
        ...(agent === undefined ? {} : { agent }),
        ...(type === undefined ? {} : { type }),
        ...(cursor === null ? {} : { before: cursor }),
        ...(states.length === 0 ? {} : { states: states as TaskState[] }),
      });
      const { items, next } = pageOf(ctx, found, limit, (last) => last.id);
      ctx.body = { tasks: items.map((record) => listed(hub, hub.engine.current(record))), next };
    },

    getTask: (ctx) => {
      ctx.body = { task: view(hub, findTask(hub, ctx.params.id ?? "")) };
    },

    cancelTask: async (ctx) => {
      const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
      const reason = word(body.reason) || "cancelled by the operator";
      const { id } = findTask(hub, ctx.params.id ?? "");
      const record = await hub.engine.cancel(id, reason, "operator");
      if (!record) throw refuse.unknownTask(id);
      ctx.body = { taskId: record.id, status: record.state, task: view(hub, record) };
    },
  };
};

async function submitTask(ctx: Context, agentId: string, { hub }: RouteDeps): Promise<void> {
  const spec = await readObject(ctx.req, hub.limits.maxBodyBytes);
  const accepted = await hub.requests.submit(agentId, {
    spec,
    actor: "operator",
    idempotencyKey: readKey(ctx),
  });
  const { taskId, status } = answer(accepted);
  ctx.body = accepted.repeated ? { taskId, status, repeated: true } : { taskId, status };
}

/** The first-generation answer; for a repeated request the task may be further. */
function answer({ task }: Accepted): {
  readonly taskId: string;
  readonly status: string;
  readonly agent: string;
} {
  return { taskId: task.id, status: task.state, agent: task.agent };
}

/** A task in the API: the record without internal fields. */
function view(hub: Hub, record: TaskRecord): Payload {
  const { bodyHash: _, result, ...rest } = record;
  return { ...rest, waits: waitsOf(hub, record), result: result && readResult(result) };
}

function waitsOf({ registry }: Hub, { state, agent: id }: TaskRecord): string | null {
  const agent = state === "queued" ? registry.get(id) : undefined;
  if (!agent) return null;
  const { config, queue } = agent;
  return taskWaits({
    agent: id,
    state: config?.state,
    paused: config?.paused === true,
    online: agent.isOnline,
    draining: queue.draining,
  });
}

/** Characters of each text of a task in a list: scripts, contents and input may have megabytes. */
const LISTED_TEXT = 1000;

function listed(hub: Hub, record: TaskRecord): Payload {
  const cut = (value: unknown): unknown => {
    if (typeof value === "string")
      return value.length > LISTED_TEXT ? `${value.slice(0, LISTED_TEXT)}…` : value;
    if (Array.isArray(value)) return value.map(cut);
    return isRecord(value)
      ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, cut(one)]))
      : value;
  };
  return view(hub, { ...record, spec: cut(record.spec) as Payload });
}

function readKey(ctx: Context): string | null {
  const key = ctx.req.headers["idempotency-key"];
  if (typeof key !== "string" || key === "") return null;
  if (/^[\x20-\x7e]{1,200}$/.test(key)) return key;
  throw refusal("query-invalid", "the Idempotency-Key is not allowed", "use 1 to 200 printable characters");
}

/** Maximum tasks of one request. */
const BATCH = 1000;

function readParts(body: Payload): readonly Part[] {
  const { batch, task } = body;
  if (batch === undefined) return [readPart(body, undefined)];
  if (!Array.isArray(batch) || batch.length === 0 || batch.length > BATCH || !batch.every(isRecord)) {
    throw refusal("task-invalid", `"batch" is not a list of 1 to ${BATCH} objects`, WHO);
  }
  return batch.map((part) => readPart(part, task));
}

function readPart(given: Payload, shared: unknown): Part {
  const { agent, capability, selector, agents, pick, onlineOnly, task, ...rest } = given;
  const own = isRecord(task) ? task : rest;
  const spec = own === rest && Object.keys(rest).length === 0 && isRecord(shared) ? shared : own;
  const target = readTarget({ capability, selector, agents: agent === undefined ? agents : [agent] });
  if (pick !== undefined && pick !== "one" && pick !== "all")
    throw refusal("task-invalid", `"pick" is neither "one" nor "all"`, WHO);
  return {
    target: { ...target, ...(pick && { pick }), ...(onlineOnly === true && { onlineOnly }) },
    spec,
  };
}

const WHO =
  'name exactly one of "capability": "build", "selector": {"type": "builder"} or "agents": ["agent-1"], or a "batch" of such';

function readTarget(given: { capability: unknown; selector: unknown; agents: unknown }): Target {
  const named = Object.values(given).filter((v) => v !== undefined).length;
  if (named === 1) {
    if (word(given.capability) !== "") return { capability: word(given.capability) };
    if (isRecord(given.selector)) return { selector: given.selector };
    const agents = words(given.agents, 10_000);
    if (agents.length > 0) return { agents };
  }
  throw refusal("task-invalid", "it is not said who shall do the task", WHO);
}
