/** /openapi.json: generated from the table of operations, the table of codes and the schemas. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../base/paths.ts";
import type { MakeHandlers } from "./deps.ts";
import type { Operation, Parameter } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";
import { FAULT_CODES, GUARD_CODES, type KnownCode, PROBLEM_CODES } from "./problem-codes.ts";

type Json = Readonly<Record<string, unknown>>;

export const openApiHandlers: MakeHandlers = () => {
  let made: Json | null = null;
  return {
    getDescription: (ctx) => {
      made ??= describe();
      ctx.body = made;
    },
  };
};

/** OpenAPI 3.1, whose schemas are JSON Schema 2020-12: ours are used unchanged. */
export function describe(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] ??= {};
    Object.assign(paths[operation.path] ?? {}, { [operation.method]: describeOperation(operation) });
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "vm-agent",
      version: readVersion(),
      description: "Hub and controller of a fleet of agents in virtual machines.",
    },
    security: [{ operator: [] }],
    paths,
    components: {
      securitySchemes: { operator: { type: "http", scheme: "bearer" } },
      schemas: { ...readSchemas(), Description: { type: "object", required: ["openapi", "paths"] } },
    },
  };
}

function describeOperation({ id, path, summary, query, headers, body, answer, codes }: Operation): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const guarded = path === "/health" ? GUARD_CODES.slice(0, 2) : GUARD_CODES;
  return {
    operationId: id,
    summary,
    parameters: [...inPath, ...(query ?? []).map(given("query")), ...(headers ?? []).map(given("header"))],
    ...(body !== undefined && {
      requestBody: {
        required: body === "task",
        content: { "application/json": { schema: component(body) } },
      },
    }),
    ...(path === "/health" && { security: [] }),
    responses: {
      [answer.status]: describeAnswer(answer),
      ...problems([...guarded, ...codes]),
      default: problem("The hub, its disk or its database failed", FAULT_CODES),
    },
  };
}

const given =
  (where: "query" | "header") =>
  ({ name, description, schema }: Parameter): Json => ({ name, in: where, description, schema });

const component = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

function describeAnswer({ schema, content, nullable }: Operation["answer"]): Json {
  const body = component(schema ?? "");
  if (schema === undefined)
    return { description: "Done", content: { [content ?? "text/plain"]: { schema: { type: "string" } } } };
  return {
    description: "Done",
    content: {
      "application/json": { schema: nullable ? { anyOf: [body, { type: "null" }] } : body },
      ...(content !== undefined && { [content]: { schema: { type: "string" } } }),
    },
  };
}

/** One response for each status, which lists its codes. */
function problems(codes: readonly KnownCode[]): Json {
  const byStatus = Map.groupBy(codes, (code) => PROBLEM_CODES[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [status, problem(some.map(words).join("; "), some)]),
  );
}

const words = (code: KnownCode): string => `${code}: ${PROBLEM_CODES[code].when}`;

function problem(description: string, codes: readonly KnownCode[]): Json {
  const schema = { allOf: [component("Problem"), { properties: { code: { enum: codes } } }] };
  return { description, content: { "application/problem+json": { schema } } };
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
  const schemas: Record<string, unknown> = {};
  for (const file of readdirSync(folder).filter((f) => f.endsWith(".schema.json"))) {
    const name = file.replace(".schema.json", "");
    const own = name === "api" ? "" : `${name}/`;
    const source = readFileSync(join(folder, file), "utf8")
      .replaceAll(/"\$ref":\s*"#\//g, `"$ref": "#/components/schemas/${own}`)
      .replaceAll("#/components/schemas/$defs/", "#/components/schemas/")
      .replaceAll(/"\$ref":\s*"(\w+)\.schema\.json(?:#\/?)?/g, '"$ref": "#/components/schemas/$1/')
      .replaceAll(/("\$ref": "[^"]*)\/"/g, '$1"');
    const parsed = JSON.parse(source) as { readonly $defs?: Json };
    if (name === "api") Object.assign(schemas, parsed.$defs);
    else schemas[name] = parsed;
  }
  return schemas;
}
