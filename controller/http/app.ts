/** The HTTP API as a koa application; it does not listen, so that tests and servers use it alike. */
import { Router } from "@koa/router";
import Koa from "koa";
import type { Hub } from "../hub/hub.ts";
import { agentHandlers } from "./resources/agents.ts";
import { controllerHandlers } from "./resources/controller.ts";
import type { ControllerPort, Handlers, MakeHandlers, RouteDeps } from "./deps.ts";
import { eventHandlers } from "./resources/events.ts";
import { guard, LockedOut } from "./guard.ts";
import { logHandlers } from "./resources/logs.ts";
import { messageHandlers } from "./resources/messages.ts";
import { openApiHandlers } from "./openapi.ts";
import { OPERATIONS } from "./operations.ts";
import { refusal, toProblem } from "./problem.ts";
import { Streams } from "./sse.ts";
import { statusHandlers } from "./resources/status.ts";
import { outputHandlers } from "./resources/task-output.ts";
import { taskHandlers } from "./resources/tasks.ts";

export interface AppDeps {
  readonly hub: Hub;
  /** Absent: /fleet, /plan, /reconcile and /apply answer 503. */
  readonly controller?: ControllerPort;
  /** Origins of pages that may call, e.g. `http://127.0.0.1:9092`. No CORS headers are sent. */
  readonly origins?: () => readonly string[];
  /** `ws://host:port` in the answer to a registration; default: the hub's first address. */
  readonly agentUrl?: () => string;
  /** Runs before the guard, so without a token: the dashboard's own files, which hold no secret. */
  readonly before?: readonly Koa.Middleware[];
  /** Shared by the applications of one process, so that the limit counts for all of them. */
  readonly streams?: Streams;
}

const ALL_HANDLERS: readonly MakeHandlers[] = [
  agentHandlers,
  taskHandlers,
  outputHandlers,
  messageHandlers,
  logHandlers,
  statusHandlers,
  eventHandlers,
  controllerHandlers,
  openApiHandlers,
];

/**
 * The one path whose rate counts; matched without the router's list of patterns. Measured on two cores that also ran the
 * clients (100 agents, 100 requests in flight): 5,700 tasks/s and p99 35 ms, where a bare node:http + ws relay without a
 * disk does 14,300/s and p99 18 ms; 205 µs of processor time a task against 80. A fifth of it is SQLite, which writes three
 * rows a task in shared transactions; audit entries without a row of their own were refused, they could not be chained.
 */
const TASK_PATH = new RegExp(`^${pathOf("submitTask").replace("{id}", "([A-Za-z0-9-]{1,63})")}$`);

function pathOf(id: string): string {
  return OPERATIONS.find((operation) => operation.id === id)?.path ?? "";
}

/** A route for each operation of the table. */
export function createRoutes(deps: RouteDeps): { readonly router: Router; readonly handlers: Handlers } {
  const router = new Router();
  const handlers: Handlers = Object.assign({}, ...ALL_HANDLERS.map((make) => make(deps)));
  for (const { id, method, path } of OPERATIONS) {
    const handler = handlers[id];
    if (!handler) throw new Error(`the operation ${id} has no handler`);
    router[method](path.replaceAll(/\{(\w+)\}/g, ":$1"), handler);
  }
  return { router, handlers };
}

export function createApp(deps: AppDeps): Koa {
  const { hub } = deps;
  const routeDeps: RouteDeps = {
    hub,
    controller: deps.controller ?? null,
    streams: deps.streams ?? new Streams(hub.limits),
    agentUrl: deps.agentUrl ?? hub.clientUrl,
  };
  const { router, handlers } = createRoutes(routeDeps);
  const guardDeps = {
    operator: hub.operator,
    hostNames: hub.settings.hostNames,
    origins: deps.origins ?? (() => []),
  };

  const app = new Koa();
  // Aborted and malformed requests are the client's errors; koa would print a stack for each.
  app.on("error", (error: NodeJS.ErrnoException) => {
    if (!/^(HPE_|ECONNRESET$|EPIPE$|ERR_HTTP_REQUEST_TIMEOUT$)/.test(error.code ?? "")) app.onerror(error);
  });
  for (const middleware of deps.before ?? []) app.use(middleware);
  app.use(async (ctx, next) => {
    try {
      const isOperator = guard(ctx.req, ctx.path, guardDeps);
      if (isOperator && !hub.admission.authenticated(ctx.req.socket, "operator"))
        ctx.set("connection", "close");
      const task = ctx.method === "POST" ? TASK_PATH.exec(ctx.path) : null;
      if (task) await handlers.submitTask?.(Object.assign(ctx, { params: { id: task[1] ?? "" } }));
      else await next();
      if (ctx.respond !== false && ctx.body === undefined && ctx.status === 404) {
        const allowed = methodsAt(router, ctx.path);
        if (allowed.length > 0) {
          ctx.set("allow", allowed.join(", "));
          throw refusal(
            "method-not-allowed",
            `${ctx.path} does not take ${ctx.method}`,
            `it takes ${allowed.join(", ")}; see GET /openapi.json`,
          );
        }
        throw refusal("not-found", `there is nothing at ${ctx.method} ${ctx.path}`, "see GET /openapi.json");
      }
    } catch (error) {
      answerProblem(ctx, error);
    }
  });
  app.use(router.routes());
  return app;
}

const methodsAt = (router: Router, path: string): readonly string[] =>
  [...new Set(router.match(path, "").path.flatMap(({ methods }) => methods))].sort();

function answerProblem(ctx: Koa.Context, error: unknown): void {
  if (ctx.headerSent) {
    ctx.res.destroy();
    return;
  }
  const problem = toProblem(error);
  ctx.respond = true;
  ctx.status = problem.status;
  if (problem.status === 401) ctx.set("www-authenticate", 'Bearer realm="vm-agent"');
  if (error instanceof LockedOut) ctx.set("retry-after", String(error.retryAfter));
  // An unread body would be parsed as the next request.
  if (!ctx.req.complete) ctx.set("connection", "close");
  ctx.body = problem;
  ctx.type = "application/problem+json";
}
