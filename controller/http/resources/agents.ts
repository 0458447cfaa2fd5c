/** /agents: registration, the list, one agent, its end. */
import type { Agent } from "../../hub/runtimes/agent.ts";
import { isRecord, word } from "../../hub/runtimes/frames.ts";
import { type HealthPoint, POINTS_KEPT } from "../../hub/observability/health-history.ts";
import { refuse } from "../../hub/refusals.ts";
import { hasCapability } from "../../hub/tasks/targets.ts";
import { readObject } from "../body.ts";
import type { Handler, MakeHandlers } from "../deps.ts";
import { pageOf, readPage } from "../page.ts";
import { many, text, whole } from "../query.ts";
import { refusal } from "../problem.ts";

export const agentHandlers: MakeHandlers = ({ hub, agentUrl, streams }) => {
  const getAgent: Handler = (ctx) => {
    ctx.body = { agent: hub.agent(ctx.params.id ?? "").toObject() };
  };
  return {
    registerAgent: async (ctx) => {
      const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
      const id = word(body.agentId) || word(body.id);
      const { agent, token } = await hub.register(id, isRecord(body.metadata) ? body.metadata : {});
      // The first-generation form; its token is never logged, and this answer must not be cached.
      const wsUrl = `${agentUrl()}/agent/${encodeURIComponent(id)}/${token}`;
      ctx.set("cache-control", "no-store");
      ctx.body = { agent, token, wsUrl };
    },

    issueJoinToken: async (ctx) => {
      const joining = await hub.joinAgain(ctx.params.id ?? "");
      ctx.set("cache-control", "no-store");
      ctx.body = joining;
    },

    rotateOperatorToken: async (ctx) => {
      await hub.rotateOperatorToken();
      // A holder of the old token loses access.
      streams.closeAll();
      ctx.body = { rotated: true };
    },

    listAgents: (ctx) => {
      const status = text(ctx, "status");
      if (status !== undefined && !STATUSES.has(status)) {
        throw refusal(
          "query-invalid",
          `status=${status.slice(0, 80)} is not allowed`,
          `use ${[...STATUSES].join(", ")}`,
        );
      }
      const { limit, cursor } = readPage(ctx, Number.POSITIVE_INFINITY);
      const type = text(ctx, "type");
      const capability = text(ctx, "capability");
      const labels = many(ctx, "label").map((label) => label.split("=", 2) as [string, string | undefined]);
      const fits = (agent: Agent) =>
        (status === undefined || statusIs(agent, status)) &&
        (type === undefined || agent.metadata.type === type) &&
        (capability === undefined || hasCapability(agent, capability)) &&
        labels.every(([key, value]) => hasLabel(agent, key, value));
      const found = [...hub.registry.all()]
        .filter((agent) => (cursor === null || agent.id > cursor) && fits(agent))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const { items, next } = pageOf(ctx, found, limit, (last) => last.id);
      ctx.body = { agents: items.map((agent) => agent.toObject()), next };
    },

    listHealth: (ctx) => {
      const only = text(ctx, "agent");
      const points = whole(ctx, "points", POINTS_KEPT, 1, POINTS_KEPT);
      const found = only === undefined ? [...hub.registry.all()] : [hub.agent(only)];
      ctx.body = {
        agents: found.sort((a, b) => (a.id < b.id ? -1 : 1)).flatMap((agent) => columns(agent, points)),
      };
    },

    getAgentByName: getAgent,
    getAgent: getAgent,

    removeAgent: async (ctx) => {
      const agent = hub.agent(ctx.params.id ?? "");
      if (!agent.guest && agent.config !== null) throw refuse.stillDeclared(agent.id);
      await hub.revoke(agent.id);
      ctx.body = { success: true, agentId: agent.id };
    },
  };
};

/** As parallel lists: half the bytes of a list of points. */
function columns({ id, healthHistory }: Agent, count: number) {
  const points = healthHistory.latest(count);
  if (points.length === 0) return [];
  const all = (key: keyof HealthPoint) => points.map((p) => p[key]);
  return [{ agent: id, at: all("at"), cpu: all("cpu"), memory: all("memory"), disk: all("disk") }];
}

const STATUSES: ReadonlySet<string> = new Set(["online", "suspect", "offline"]);

/** `online` includes suspect, as in the agent object. */
function statusIs(agent: Agent, wanted: string): boolean {
  if (wanted === "suspect") return agent.status === "suspect";
  return (agent.isOnline ? "online" : "offline") === wanted;
}

function hasLabel(agent: Agent, key: string, value: string | undefined): boolean {
  const labels = isRecord(agent.metadata.labels) ? agent.metadata.labels : {};
  return value === undefined ? key in labels : labels[key] === value;
}
