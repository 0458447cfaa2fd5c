/** The form of a task, generated from the schema that validates tasks: its fields, and a task from the entered values. Pure. */

type Json = Readonly<Record<string, unknown>>;

export type FieldKind = "text" | "long" | "number" | "duration" | "yes" | "choice" | "list" | "pairs";

export interface TaskField {
  readonly name: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly description: string;
  /** In words, from the schema; empty: anything. */
  readonly allowed: string;
  readonly choices: readonly string[];
  /** As it is written in the form; empty: none. */
  readonly fallback: string;
  /** Its own fields, of an object that has them. */
  readonly inner: readonly TaskField[];
}

export interface TaskForm {
  readonly type: string;
  readonly description: string;
  /** A task of this type; null: the schema has none. */
  readonly example: unknown;
  /** Of this type alone, the required ones first. */
  readonly fields: readonly TaskField[];
  /** What every type may have. */
  readonly options: readonly TaskField[];
}

/** Values as they stand in the form, by field. */
export type Written = Readonly<Record<string, string>>;

/** Left to the machine: a key that makes a repeat harmless is not for a person to think of. */
const NOT_ASKED = new Set(["type", "idempotencyKey", "timeouts", "stdinEncoding"]);
const LONG = new Set(["script", "content", "stdin"]);

const record = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});

/** `schemas`: the schemas of /openapi.json by their names, which hold the task's and those that it refers to. */
export function taskForms(schemas: Json, notAsked: ReadonlySet<string> = NOT_ASKED): readonly TaskForm[] {
  const task = record(schemas.task ?? schemas.Task);
  const find = (given: unknown): Json => {
    const { $ref: reference, ...rest } = record(given);
    if (typeof reference !== "string") return rest;
    const name = reference.split("/").at(-1) ?? "";
    const found = record(record(task.$defs)[name] ?? schemas[name] ?? inAnother(schemas, name));
    return { ...find(found), ...rest };
  };
  const branches = Array.isArray(task.oneOf) ? (task.oneOf as readonly unknown[]) : [];
  return branches.map((branch) => {
    const form = find(branch);
    const parts = Array.isArray(form.allOf) ? (form.allOf as readonly unknown[]) : [];
    const shared: Json = Object.assign({}, ...parts.map((part) => record(find(part).properties)));
    const properties = record(form.properties);
    const required = new Set(Array.isArray(form.required) ? form.required.map(String) : []);
    const field = (name: string, schema: unknown): TaskField =>
      toField(name, find(schema), required.has(name));
    const own = Object.entries(properties).filter(([name]) => !(name in shared) && !notAsked.has(name));
    return {
      type: String(record(properties.type).const ?? ""),
      description: String(form.description ?? ""),
      example: Array.isArray(form.examples) ? (form.examples[0] as unknown) : null,
      fields: own
        .map(([name, schema]) => field(name, schema))
        .sort((a, b) => Number(b.required) - Number(a.required)),
      options: Object.entries(shared)
        .filter(([name]) => name in properties && !notAsked.has(name))
        .map(([name, schema]) => field(name, schema)),
    };
  });
}

const inAnother = (schemas: Json, name: string): unknown =>
  Object.values(schemas)
    .map((s) => record(record(s).$defs)[name])
    .find((found) => found !== undefined);

function toField(name: string, schema: Json, required: boolean): TaskField {
  const choices = Array.isArray(schema.enum) ? schema.enum.map(String) : [];
  return {
    name,
    kind: kindOf(name, schema, choices),
    required,
    description: String(schema.description ?? ""),
    allowed: String(schema["x-allowed"] ?? ""),
    choices,
    fallback: schema.default === undefined ? "" : String(schema.default),
    inner: Object.entries(record(schema.properties)).map(([inner, of]) => toField(inner, record(of), false)),
  };
}

function kindOf(name: string, schema: Json, choices: readonly string[]): FieldKind {
  if (choices.length > 0) return "choice";
  if (LONG.has(name)) return "long";
  if (schema["x-min-ms"] !== undefined) return "duration";
  switch (schema.type) {
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "yes";
    case "array":
      return "list";
    case "object":
      return "pairs";
    default:
      return "text";
  }
}

/** What is left empty is left out; lists and pairs are one a line. The hub judges the rest. */
export function toTask(form: TaskForm, written: Written): Json {
  const values = [...form.fields, ...form.options].flatMap((f): [string, unknown][] => {
    const text = written[f.name] ?? "";
    if (f.kind === "yes") return text === "true" ? [[f.name, true]] : [];
    // An empty file is a file.
    if (text.trim() === "" && !(f.required && f.name === "content")) return [];
    if (f.kind === "number" || (f.kind === "duration" && /^\d+$/.test(text.trim())))
      return [[f.name, Number(text)]];
    if (f.kind === "list") return [[f.name, lines(text)]];
    if (f.kind === "pairs") return [[f.name, Object.fromEntries(lines(text).map(pair))]];
    return [[f.name, text]];
  });
  return { type: form.type, ...Object.fromEntries(values) };
}

const lines = (text: string): readonly string[] => text.split("\n").filter((l) => l.trim() !== "");

function pair(line: string): [string, string] {
  const at = line.indexOf("=");
  return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)];
}

/** Names of the fields that must still be written. */
export const missing = (form: TaskForm, written: Written): readonly string[] =>
  form.fields
    .filter((f) => f.required && f.name !== "content" && (written[f.name] ?? "").trim() === "")
    .map((f) => f.name);
