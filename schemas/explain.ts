/** Turns the raw errors of a generated validator into problems that a person can act on: all of them, each once. */
import leven from "leven";
import type { RawError, Validator } from "./validator.ts";

export interface Problem {
  /** JSON pointer of the field; empty: the document itself. */
  readonly pointer: string;
  /** What follows the pointer in a sentence, without a final period. */
  readonly message: string;
  /** The value in words, quoted and cut; never a value under `secrets`. */
  readonly found: string | null;
  readonly allowed: string | null;
  /** Words to append, such as `did you mean "memory"?`. */
  readonly suggestion: string | null;
  /** Whether to point at the field's name or at its value; for a missing field: at what should hold it. */
  readonly at: "key" | "value" | "parent";
}

const HIDDEN = "a value that is not shown";
const FOUND_WIDTH = 60;

/** Empty when the value is valid. */
export function problemsOf(validator: Validator, value: unknown): readonly Problem[] {
  if (validator(value)) return [];
  return explain(validator.errors ?? []);
}

export function explain(errors: readonly RawError[]): readonly Problem[] {
  const unions = errors.filter((error) => error.keyword === "oneOf" || error.keyword === "anyOf");
  const badNames = errors.filter((error) => error.keyword === "propertyNames");
  const isNoise = (error: RawError) =>
    error.keyword === "discriminator" ||
    unions.some((union) => union !== error && isBranchOf(error, union)) ||
    badNames.some(
      (bad) =>
        bad !== error && bad.instancePath === error.instancePath && bad.params.propertyName === error.data,
    );
  const problems = new Map<string, Problem>();
  for (const error of errors) {
    if (isNoise(error)) continue;
    const problem = explainOne(error);
    // A field has at most one problem: of several the first, but a wrong type before everything.
    if (!problems.has(problem.pointer) || error.keyword === "type") problems.set(problem.pointer, problem);
  }
  return [...problems.values()];
}

function isBranchOf(error: RawError, union: RawError): boolean {
  if (error.schemaPath.startsWith(`${union.schemaPath}/`) && error.instancePath === union.instancePath)
    return true;
  return union.instancePath !== "" && error.instancePath.startsWith(union.instancePath);
}

function explainOne(error: RawError): Problem {
  const { params, parentSchema = {}, instancePath } = error;
  const secret = isSecret(instancePath);
  switch (error.keyword) {
    case "additionalProperties": {
      if (secret) return wrongValue(instancePath, HIDDEN, allowedBy(parentSchema), null);
      const name = String(params.additionalProperty);
      const fields = Object.keys((parentSchema.properties as object | undefined) ?? {});
      const owner = typeof parentSchema["x-word"] === "string" ? parentSchema["x-word"] : "this object";
      const isMerge = name === "<<";
      return {
        pointer: `${instancePath}/${escapePointer(name)}`,
        message: isMerge
          ? "is a merge key of YAML 1.1, which is not supported; write what is shared as a kind: Profile, and name it with profile:"
          : `is not a field of ${owner}`,
        found: quote(name),
        allowed: fields.join(", "),
        suggestion: didYouMean(name, fields),
        at: "key",
      };
    }
    case "required": {
      const owner = typeof parentSchema["x-word"] === "string" ? parentSchema["x-word"] : "this object";
      return {
        pointer: `${instancePath}/${escapePointer(String(params.missingProperty))}`,
        message: `is missing; ${owner} must have it`,
        found: null,
        allowed: null,
        suggestion: null,
        at: "parent",
      };
    }
    case "propertyNames": {
      const name = String(params.propertyName);
      const allowed = allowedBy((parentSchema.propertyNames as Record<string, unknown> | undefined) ?? {});
      return {
        pointer: `${instancePath}/${escapePointer(name)}`,
        message: `is not a name that can be used here; allowed: ${allowed}`,
        found: quote(name),
        allowed,
        suggestion: null,
        at: "key",
      };
    }
    case "oneOf":
      return explainChoice(error, parentSchema);
    case "uniqueItems": {
      const later = Math.max(Number(params.i), Number(params.j));
      const twice = (error.data as readonly unknown[])[later];
      return wrongValue(
        `${instancePath}/${later}`,
        `${describe(twice)} once more`,
        allowedBy(parentSchema),
        null,
      );
    }
    default: {
      const limit = Number(params.limit);
      // Of a single one its own words say more.
      if (/^max(?:Items|Properties)$/.test(error.keyword) && limit > 1)
        return tooMany(instancePath, Object.keys(error.data as object).length, limit);
      const found = secret && error.data !== null ? HIDDEN : describe(error.data);
      return wrongValue(
        instancePath,
        found,
        allowedBy(parentSchema),
        secret ? null : hint(error.data, parentSchema),
      );
    }
  }
}

/** `oneOf` of fields that exclude each other, each branch being `{required: [field]}`. */
function explainChoice(error: RawError, schema: Readonly<Record<string, unknown>>): Problem {
  const branches = (schema.oneOf ?? []) as readonly { readonly required?: readonly string[] }[];
  const fields = branches.flatMap((branch) => branch.required ?? []);
  const present = fields.filter((field) => Object.hasOwn(error.data as object, field));
  const found = present.length === 0 ? `neither ${fields.join(" nor ")}` : present.join(" and ");
  return {
    pointer: error.instancePath,
    message: `has ${found}; allowed: ${allowedBy(schema)}`,
    found,
    allowed: allowedBy(schema),
    suggestion: null,
    at: present.length === 0 ? "parent" : "value",
  };
}

const tooMany = (pointer: string, count: number, limit: number): Problem => ({
  pointer,
  message: `has ${count} entries, and ${limit} are the most`,
  found: null,
  allowed: null,
  suggestion: null,
  at: "key",
});

function wrongValue(pointer: string, found: string, allowed: string, suggestion: string | null): Problem {
  return { pointer, message: `is ${found}; allowed: ${allowed}`, found, allowed, suggestion, at: "value" };
}

/** What the schema admits, in words. */
function allowedBy(schema: Readonly<Record<string, unknown>>): string {
  if (typeof schema["x-allowed"] === "string") return schema["x-allowed"];
  if (Array.isArray(schema.enum))
    return schema.enum.map((item) => (item === null ? "nothing" : String(item))).join(", ");
  const types = ([] as unknown[]).concat(schema.type ?? []);
  return types.length === 0 ? "something else" : types.map((type) => typeInWords(type, schema)).join(" or ");
}

function typeInWords(type: unknown, schema: Readonly<Record<string, unknown>>): string {
  const { minimum, maximum } = schema;
  const range =
    minimum === undefined
      ? ""
      : maximum === undefined
        ? `, at least ${minimum}`
        : ` from ${minimum} to ${maximum}`;
  switch (type) {
    case "integer":
      return `a whole number${range}`;
    case "number":
      return `a number${range}`;
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "array":
      return "a list";
    case "object": {
      const fields = Object.keys((schema.properties as object | undefined) ?? {});
      return fields.length === 0 ? "a mapping" : `a mapping with ${fields.join(", ")}`;
    }
    default:
      return "nothing";
  }
}

/** A value as a person would name it, quoted and cut. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "an empty mapping" : "a mapping";
  return String(value);
}

function quote(text: string): string {
  const characters = [...text];
  return JSON.stringify(
    characters.length > FOUND_WIDTH ? `${characters.slice(0, FOUND_WIDTH - 1).join("")}…` : text,
  );
}

function hint(value: unknown, schema: Readonly<Record<string, unknown>>): string | null {
  const types = ([] as unknown[]).concat(schema.type ?? []);
  const numeric = types.includes("integer") || types.includes("number");
  if (typeof value === "string" && Array.isArray(schema.enum))
    return didYouMean(value, schema.enum.map(String));
  if (typeof value === "string" && numeric && !types.includes("string") && /^\d+$/.test(value)) {
    return `write it without quotes: ${value}`;
  }
  if (typeof value === "number" && schema["x-min-ms"] !== undefined)
    return `write its unit, such as ${value}s`;
  if (schema["x-min-bytes"] !== undefined) {
    const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)\s*([tp])(?:i?b)?$/i.exec(String(value)) ?? [];
    const factor = unit.toLowerCase() === "p" ? 1024 ** 2 : 1024;
    if (amount !== undefined)
      return `Multipass has no unit ${unit}; write ${Math.round(Number(amount) * factor)}G`;
  }
  const bare = typeof value === "number" || typeof value === "boolean";
  const pattern = typeof schema.pattern === "string" ? new RegExp(schema.pattern, "u") : /(?:)/;
  if (bare && types.includes("string") && !numeric && pattern.test(String(value)))
    return `write it in quotes: "${value}"`;
  return null;
}

const letters = (word: string): string => [...word].sort().join("");

/** `did you mean "memory"?`, or null when nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | null {
  const limit = word.length < 3 ? 0 : word.length < 4 ? 1 : word.length < 8 ? 2 : 3;
  let best: string | null = null;
  let distance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= distance) continue;
    const [a, b] = [word.toLowerCase(), candidate.toLowerCase()];
    // Letters that changed places are one slip, however many they are apart.
    const d = a === b ? 0 : letters(a) === letters(b) ? 1 : leven(a, b);
    if (d < distance) {
      best = candidate;
      distance = d;
    }
  }
  return best === null ? null : `did you mean ${quote(best)}?`;
}

export function escapePointer(token: string): string {
  return token.replace(/~/g, "~0").replace(/\//g, "~1");
}

/** The value itself is never shown, wherever a path leads through `secrets`. */
export function isSecret(pointer: string): boolean {
  return /(?:^|\/)secrets(?:\/|$)/.test(pointer);
}
