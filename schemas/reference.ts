/** Reference parts of docs/, made from the schemas, the command table and the API's table. Prose around the markers is kept. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { SchemaObject } from "ajv";
import { GLOBAL_OPTIONS, JSON_OPTION, nameOf } from "../controller/cli/command-spec.ts";
import { COMMANDS } from "../controller/cli/commands.ts";
import { HOW, type How } from "../controller/core/diff/fields.ts";
import { OPERATIONS } from "../controller/http/operations.ts";
import { PROBLEM_CODES } from "../controller/http/problem-codes.ts";

type Schemas = ReadonlyMap<string, SchemaObject>;
interface Field {
  readonly path: string;
  readonly required: boolean;
  readonly schema: SchemaObject;
}

const EFFECT: Readonly<Record<How, string>> = {
  stopped: "stop, change, start",
  grow: "stop, grow, start; a smaller value is held",
  replace: "replace the instance; held until approved",
  live: "applied while it runs",
  "on-change": "as `provision.onChange` says",
};
/** Parts of the configuration that is pushed to the runtime (`configHash` in core/desired.ts). */
const CONFIG = ["type", "capabilities", "labels", "env", "secrets", "tasks"];
const AGENT_EFFECTS: Readonly<Record<string, string>> = {
  name: "another agent: create one, and hold the deletion of the old (see `previousName`)",
  previousName: "keep the instance under its own name",
  profile: "as the fields that the profile sets",
  replicas: "create or delete instances",
  state: "start, stop or suspend",
  health: "controller, and the pace of heartbeats; no restart",
  restore: "restore once for each new `token`",
};

/** A block between `<!-- generated: NAME -->` and `<!-- end -->`. */
const BLOCK = /(<!-- generated: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** The pages of `docs` whose generated parts are out of date, with the text that they should have. */
export function referencePages(docs: string, schemas: Schemas): ReadonlyMap<string, string> {
  const parts: Readonly<Record<string, () => string>> = {
    agent: () => documentTable(schemas, "agent"),
    profile: () => documentTable(schemas, "profile"),
    snapshot: () => documentTable(schemas, "snapshot"),
    fleet: () => documentTable(schemas, "fleet"),
    tasks: () => taskSections(schemas),
    commands: commandSections,
    operations: operationTable,
    problems: problemTable,
  };
  const pages = new Map<string, string>();
  for (const file of readdirSync(docs).filter((name) => name.endsWith(".md"))) {
    const text = readFileSync(join(docs, file), "utf8");
    const made = text.replace(BLOCK, (_, start: string, name: string, end: string) => {
      const part = parts[name];
      if (part === undefined) throw new Error(`docs/${file}: there is no generated part "${name}"`);
      return `${start}\n${part()}\n\n${end}`;
    });
    if (made !== text) pages.set(file, made);
  }
  return pages;
}

function documentTable(schemas: Schemas, kind: string): string {
  const agent = kind === "agent";
  const rows = fieldsOf(schemas, `${kind}.schema.json`)
    .filter(({ path }) => path !== "kind")
    .map((field) => [...cells(field), ...(agent ? [effectOf(field.path)] : [])]);
  return table(
    ["field", "type and allowed values", "default", "meaning", ...(agent ? ["an edit"] : [])],
    rows,
  );
}

function effectOf(path: string): string {
  const [top = ""] = path.split(/[.[]/);
  if (top in HOW) return EFFECT[HOW[top as keyof typeof HOW].how];
  if (CONFIG.includes(top)) return EFFECT[HOW.config.how];
  return AGENT_EFFECTS[top] ?? "controller only; the instance is not touched";
}

function taskSections(schemas: Schemas): string {
  const { $defs = {} } = schemas.get("task.schema.json") as { $defs?: Record<string, SchemaObject> };
  const at = (name: string) => fieldsOf(schemas, "task.schema.json", $defs[name] ?? {});
  const common = at("TaskOptions");
  const shared = new Set(common.map(({ path }) => path));
  const types = Object.keys($defs).filter((name) => $defs[name]?.properties?.type?.const !== undefined);
  const sections = types.map((name) => {
    const schema = $defs[name] ?? {};
    const own = at(name).filter(({ path }) => path !== "type" && !shared.has(path));
    const examples = ((schema.examples ?? []) as readonly unknown[]).map((e) => JSON.stringify(e));
    return [
      `### \`${schema.properties.type.const}\``,
      String(schema.description),
      `\`\`\`json\n${examples.join("\n")}\n\`\`\``,
      table(
        ["field", "type and allowed values", "default", "meaning"],
        own.map((field) => cells(field)),
      ),
    ].join("\n\n");
  });
  const options = table(
    ["field", "type and allowed values", "default", "meaning"],
    common.map((field) => cells(field)),
  );
  return [...sections, "### Fields of every type", options].join("\n\n");
}

/** Objects are flattened to `a.b`, lists of objects to `a[].b`. */
function fieldsOf(schemas: Schemas, file: string, from = schemas.get(file) ?? {}): readonly Field[] {
  const found: Field[] = [];
  const visit = (value: SchemaObject, home: string, path: string): void => {
    for (const part of (value.allOf ?? []) as readonly SchemaObject[]) {
      const [resolved, where] = resolve(schemas, part, home);
      visit(resolved, where, path);
    }
    for (const [name, raw] of Object.entries((value.properties ?? {}) as Record<string, SchemaObject>)) {
      const [schema, where] = resolve(schemas, raw, home);
      const here = `${path}${name}`;
      const required = ((value.required ?? []) as readonly string[]).includes(name);
      const known = found.findIndex((field) => field.path === here);
      if (known >= 0) {
        // What a type says of a shared field stands before the general words.
        found[known] = { ...found[known]!, required: found[known]!.required || required };
        continue;
      }
      found.push({ path: here, required, schema });
      visit(schema, where, `${here}.`);
      if (schema.items) {
        const [item, at] = resolve(schemas, schema.items as SchemaObject, where);
        visit(item, at, `${here}[].`);
      }
      if (typeof schema.additionalProperties === "object")
        visit(schema.additionalProperties, where, `${here}.*.`);
    }
  };
  visit(from, file, "");
  return found;
}

function resolve(schemas: Schemas, value: SchemaObject, home: string): readonly [SchemaObject, string] {
  if (typeof value.$ref !== "string") return [value, home];
  const [path = "", pointer = ""] = value.$ref.split("#");
  const file = path === "" ? home : path;
  let target: unknown = schemas.get(file);
  for (const part of pointer.split("/").slice(1)) target = (target as SchemaObject | undefined)?.[part];
  if (target === undefined) throw new Error(`${home}: "${value.$ref}" leads nowhere`);
  const [resolved, where] = resolve(schemas, target as SchemaObject, file);
  const { $ref: _, ...own } = value;
  return [{ ...resolved, ...own }, where];
}

function cells({ path, required, schema }: Field): readonly string[] {
  const fallback = schema.default === undefined ? "–" : `\`${JSON.stringify(schema.default)}\``;
  return [`\`${path}\``, typeOf(schema), required ? "required" : fallback, String(schema.description ?? "")];
}

function typeOf(schema: SchemaObject): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum) return (schema.enum as readonly unknown[]).map((one) => `\`${one}\``).join(", ");
  if (schema.type === "array") {
    const item = schema.items as SchemaObject | undefined;
    return item?.enum ? `list of ${typeOf(item)}` : String(schema["x-allowed"] ?? "list");
  }
  if (typeof schema["x-allowed"] === "string") return schema["x-allowed"];
  const { minimum, maximum } = schema;
  const range =
    minimum === undefined
      ? ""
      : maximum === undefined
        ? ` from ${minimum}`
        : ` from ${minimum} to ${maximum}`;
  return `${[schema.type ?? "any"].flat().join(" or ")}${range}`;
}

function commandSections(): string {
  const options = (rows: readonly (readonly [string, string, string?])[]) =>
    table(
      ["option", "meaning"],
      rows.map(([flags, text, fallback]) => [
        `\`${flags}\``,
        fallback === undefined ? text : `${text} (default: ${fallback})`,
      ]),
    );
  const sections = COMMANDS.map((spec) => {
    const own = spec.options ?? [];
    return [
      `### ${nameOf(spec)}`,
      `\`vm-agent ${spec.usage}\`: ${spec.summary}.${spec.noJson ? " It has no `--json`." : ""}`,
      ...(own.length > 0 ? [options(own)] : []),
      `\`\`\`sh\n${spec.example.join("\n")}\n\`\`\``,
    ].join("\n\n");
  });
  return ["### Options of every command", options([...GLOBAL_OPTIONS, JSON_OPTION]), ...sections].join(
    "\n\n",
  );
}

function operationTable(): string {
  return table(
    ["call", "query and headers", "body → answer", "what it does", "errors of its own"],
    OPERATIONS.map(({ method, path, summary, query = [], headers = [], body, answer, codes }) => [
      `\`${method.toUpperCase()} ${path}\``,
      [...query, ...headers].map(({ name }) => `\`${name}\``).join(", "),
      [body && `\`${body}\` →`, answer.status, answer.schema && `\`${answer.schema}\``, answer.content]
        .filter(Boolean)
        .join(" "),
      summary,
      codes.map((code) => `\`${code}\``).join(", "),
    ]),
  );
}

function problemTable(): string {
  return table(
    ["code", "status", "when"],
    Object.entries(PROBLEM_CODES).map(([code, { status, when }]) => [`\`${code}\``, String(status), when]),
  );
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) =>
    `| ${row.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(heads), `|${heads.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}
