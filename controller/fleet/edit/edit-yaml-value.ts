/** A value as YAML on one line that reads back as the same value in any position. */
import { parse } from "yaml";

export type FieldValue =
  | string
  | number
  | boolean
  | readonly FieldValue[]
  | { readonly [field: string]: FieldValue };

/** `json`: with all text in quotes, as in a document of that style. */
export function valueText(value: FieldValue, json = false): string {
  if (typeof value === "string") return json ? JSON.stringify(value) : textOf(value);
  if (typeof value !== "object") return String(value);
  if (json) return JSON.stringify(value);
  if (isList(value)) return `[${value.map((v) => valueText(v)).join(", ")}]`;
  const fields = Object.entries(value).map(([k, v]) => `${textOf(k)}: ${valueText(v)}`);
  return `{${fields.join(", ")}}`;
}

const isList = (value: object): value is readonly FieldValue[] => Array.isArray(value);

/** Plain where that is safe: text that looks like a number, boolean or date needs quotes. */
function textOf(text: string): string {
  const plain = /^[A-Za-z_./~][\w./~+-]*$/.test(text) && parse(text, { version: "1.2" }) === text;
  // YAML 1.1 readers take these for booleans, hence quotes.
  return plain && !/^(y|n|yes|no|on|off)$/i.test(text) ? text : JSON.stringify(text);
}
