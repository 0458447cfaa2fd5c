/** /openapi.json: the API described from its table of routes here and from the schemas. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../base/paths.ts";
import type { AddRoutes } from "./deps.ts";

type Json = Record<string, unknown>;

/** Method, path, what it does, schema of the body. */
const OPERATIONS: readonly (readonly [string, string, string, string?])[] = [
  ["post", "/agents/register", "Register a first-generation client; answers {agent, token, wsUrl}"],
  ["get", "/agents", "Agents; filters: status, type, capability, label=key=value"],
  ["get", "/agents/{id}/status", "One agent"],
  ["post", "/agents/{id}/task", "Give an agent a task; answers {taskId, status}", "task"],
  ["post", "/agents/{id}/messages", "Send an agent a message"],
  ["delete", "/agents/{id}", "Deregister a first-generation client"],
  ["post", "/tasks", "Give a task to whoever fits: capability, selector or agents beside the task", "task"],
  ["get", "/tasks", "Tasks, newest first; filters: agent, type, state, before, limit"],
  ["get", "/tasks/{id}", "One task with its result"],
  ["get", "/tasks/{id}/output", "Its output as server-sent events; resumes by Last-Event-ID"],
  ["post", "/tasks/{id}/cancel", "End a task"],
  ["get", "/events", "Everything that happens as server-sent events; resumes by Last-Event-ID"],
  ["get", "/fleet", "Desired, observed and conditions of every agent"],
  ["get", "/fleet/readings", "What the runtimes last said"],
  ["get", "/plan", "What would be done, and what is held"],
  ["post", "/reconcile", "Nudge the loop; {names} or all"],
  ["post", "/apply", "Apply a plan that was seen"],
  ["post", "/import", "Claim a foreign instance that a document names; {name}"],
  ["get", "/audit", "The audit; after, limit"],
  ["get", "/audit/verify", "The first broken link of the audit"],
  ["get", "/admin/stats", "Statistics of router and agents"],
  ["get", "/admin/dlq", "Undeliverable messages"],
  [
    "post",
    "/admin/dlq/{id}/requeue",
    "Try an undeliverable message again; 409 and it stays if it still cannot be",
  ],
  ["delete", "/admin/dlq", "Forget the undeliverable messages"],
  ["get", "/metrics", "Metrics for Prometheus"],
  ["get", "/health", "Whether the hub runs; the only path without a token"],
  ["get", "/ready", "Whether the hub can write"],
  ["get", "/openapi.json", "This description"],
];

export const addOpenApiRoutes: AddRoutes = (router) => {
  let made: Json | null = null;
  router.get("/openapi.json", (ctx) => {
    made ??= describe();
    ctx.body = made;
  });
};

/** OpenAPI 3.1, whose schemas are JSON Schema 2020-12: ours go in as they are. */
export function describe(): Json {
  const paths: Record<string, Json> = {};
  for (const [method, path, summary, body] of OPERATIONS) {
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    }));
    const content = body && { "application/json": { schema: { $ref: `#/components/schemas/${body}` } } };
    paths[path] = {
      ...paths[path],
      [method]: {
        summary,
        parameters,
        ...(content ? { requestBody: { required: true, content } } : {}),
        ...(path === "/health" ? { security: [] } : {}),
        responses: {
          200: { description: "Done" },
          default: { $ref: "#/components/responses/Problem" },
        },
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "vm-agent", version: readVersion() },
    security: [{ operator: [] }],
    paths,
    components: {
      securitySchemes: { operator: { type: "http", scheme: "bearer" } },
      schemas: readSchemas(),
      responses: {
        Problem: {
          description: "RFC 9457",
          content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
        },
      },
    },
  };
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
    version: string;
  };
  return version;
}

/** Every schema under its name; references between files become references between components. */
function readSchemas(): Json {
  const folder = join(packageRoot(), "schemas");
  const text = (name: string) => ({ type: "string", description: name });
  const schemas: Json = {
    Problem: {
      type: "object",
      required: ["type", "title", "status", "detail", "code", "next"],
      properties: {
        type: text("Reference of the kind of problem"),
        title: text("The kind in words"),
        status: { type: "integer" },
        detail: text("What failed and why"),
        code: text("For programs"),
        next: text("What to do next"),
      },
    },
  };
  for (const file of readdirSync(folder).filter((f) => f.endsWith(".schema.json"))) {
    const name = file.replace(".schema.json", "");
    const source = readFileSync(join(folder, file), "utf8")
      .replaceAll(/"\$ref":\s*"#\//g, `"$ref": "#/components/schemas/${name}/`)
      .replaceAll(/"\$ref":\s*"(\w+)\.schema\.json(?:#\/?)?/g, '"$ref": "#/components/schemas/$1/')
      .replaceAll(/("\$ref": "[^"]*)\/"/g, '$1"');
    schemas[name] = JSON.parse(source) as Json;
  }
  return schemas;
}
