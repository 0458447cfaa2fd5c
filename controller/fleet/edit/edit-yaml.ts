/** Minimal edits of a fleet file: one field or one document changes, every other byte stays. */
import { isDeepStrictEqual } from "node:util";
import { type Document, type Pair, type ParsedNode, isMap, isScalar, parseAllDocuments } from "yaml";
import { VmAgentError } from "../../base/errors.ts";
import { type FieldValue, valueText } from "./edit-yaml-value.ts";

export type { FieldValue } from "./edit-yaml-value.ts";

/** Which document of the file; `kind: Fleet` has no name. */
export interface DocumentKey {
  readonly kind: string;
  readonly name?: string;
  /** For a Snapshot: its agent. Snapshots of two agents may share a name. */
  readonly agent?: string;
}

interface Field {
  readonly value: unknown;
  /** A comment at the end of the field's line. */
  readonly commented: boolean;
}

interface Place {
  readonly text: string;
  readonly key: DocumentKey;
  readonly index: number;
  readonly flow: boolean;
  readonly pairs: readonly FieldPair[];
  readonly documents: readonly Document.Parsed[];
}
type FieldPair = Pair<ParsedNode, ParsedNode | null>;

/** The same YAML options as the fleet loader. */
const OPTIONS = { version: "1.2", strict: true, stringKeys: true, logLevel: "silent" } as const;

/** The document's own value of a field; null: none. */
export function fieldOf(text: string, key: DocumentKey, field: string): Field | null {
  const place = find(text, key);
  const pair = pairOf(place, field);
  if (!pair) return null;
  const js = valuesOf(place.documents)[place.index] as Readonly<Record<string, unknown>>;
  return { value: js[field], commented: text.slice(endOf(pair), lineEnd(text, endOf(pair))).includes("#") };
}

/** Whether the file holds it; false also when the file is invalid. */
export const hasDocument = (text: string, key: DocumentKey): boolean => indexOf(parse(text) ?? [], key) >= 0;

/** The text with this top-level field of this document set; a new field is placed after the name. */
export function setField(text: string, key: DocumentKey, field: string, value: FieldValue): string {
  const place = find(text, key);
  const pair = pairOf(place, field);
  const edited = pair ? replaced(text, pair, place, value) : inserted(place, field, value);
  return checked(place, edited, (js) => ({ ...js, [field]: value }));
}

/** The text without this field and the comment on its line. */
export function removeField(text: string, key: DocumentKey, field: string): string {
  const place = find(text, key);
  const pair = pairOf(place, field);
  if (!pair) return text;
  const edited = place.flow ? cutFlow(place, pair) : cutBlock(text, pair);
  return checked(place, edited, ({ [field]: _gone, ...rest }) => rest);
}

/** The text without this document; null: the file has no other document. */
export function removeDocument(text: string, key: DocumentKey): string | null {
  const place = find(text, key);
  const { documents, index } = place;
  if (documents.every((d, i) => i === index || !isMap(d.contents))) return null;
  const [from, , to] = rangeOf(documents[index] as Document.Parsed);
  return checked(place, text.slice(0, from) + text.slice(to), () => null);
}

function find(text: string, key: DocumentKey): Place {
  const documents = parse(text);
  if (documents === null) throw unsafe(key, "the file is not valid YAML", brokenAt(text));
  const index = indexOf(documents, key);
  const contents = documents[index]?.contents;
  if (!isMap(contents)) throw unsafe(key, "the document is not in the file");
  const pairs = contents.items as unknown as readonly FieldPair[];
  return { text, key, index, flow: contents.flow ?? false, pairs, documents };
}

/** The line of the first error. */
function brokenAt(text: string): number | null {
  const documents = parseAllDocuments(text, { ...OPTIONS, prettyErrors: true });
  const [first] = Array.isArray(documents) ? documents.flatMap((d) => d.errors) : [];
  return first?.linePos?.[0].line ?? null;
}

function indexOf(documents: readonly Document.Parsed[], key: DocumentKey): number {
  const fields = ["kind", "name", "agent"] as const;
  return documents.findIndex(
    ({ contents }) =>
      isMap(contents) && fields.every((f) => key[f] === undefined || (contents.get(f) as unknown) === key[f]),
  );
}

function parse(text: string): readonly Document.Parsed[] | null {
  const documents = parseAllDocuments(text, OPTIONS);
  return Array.isArray(documents) && documents.every((d) => d.errors.length === 0) ? documents : null;
}

const pairOf = ({ pairs }: Place, field: string): FieldPair | undefined =>
  pairs.find((p) => isScalar(p.key) && p.key.value === field);

const rangeOf = (node: { readonly range?: readonly [number, number, number] | null }) =>
  node.range ?? ([0, 0, 0] as const);
const startOf = (pair: FieldPair): number => rangeOf(pair.key)[0];
const endOf = (pair: FieldPair): number => rangeOf(pair.value ?? pair.key)[1];

/** The end of the line, before its line break. */
function lineEnd(text: string, at: number): number {
  const next = text.indexOf("\n", at);
  if (next < 0) return text.length;
  return text[next - 1] === "\r" && next > at ? next - 1 : next;
}

function replaced(text: string, pair: FieldPair, { flow }: Place, value: FieldValue): string {
  const node = pair.value;
  const [from, to] = rangeOf(node ?? pair.key);
  const quoted = isScalar(pair.key) && pair.key.type === "QUOTE_DOUBLE";
  const written = valueText(value, flow && quoted);
  if (!node) return `${text.slice(0, to)}: ${written}${text.slice(to)}`;
  if (from === to) {
    const before = text[from - 1] === ":" ? " " : "";
    const after = /[\s,}]/.test(text[to] ?? "\n") ? "" : " ";
    return text.slice(0, from) + before + written + after + text.slice(to);
  }
  const collection = "items" in node && !node.flow;
  // A list or a mapping on several lines becomes a value on the field's line.
  const head = collection ? `${text.slice(0, rangeOf(pair.key)[1])}: ` : text.slice(0, from);
  const ended = text.slice(from, to).match(/\r?\n$/)?.[0] ?? "";
  return head + written + ended + text.slice(to);
}

function inserted(place: Place, field: string, value: FieldValue): string {
  const { text, flow, key } = place;
  const after = pairOf(place, "name") ?? pairOf(place, "kind");
  if (!after) throw unsafe(key, "it has neither a name nor a kind to write it after");
  const quoted = isScalar(after.key) && after.key.type === "QUOTE_DOUBLE";
  const written = `${quoted && flow ? JSON.stringify(field) : field}: ${valueText(value, flow && quoted)}`;
  const end = endOf(after);
  if (flow) return `${text.slice(0, end)}, ${written}${text.slice(end)}`;
  const start = startOf(after);
  const indent = text.slice(text.lastIndexOf("\n", start - 1) + 1, start).replace(/[^\s]/g, "");
  // The value of a block scalar ends after its line break.
  const at = text[end - 1] === "\n" ? end : lineEnd(text, end);
  const eol = (text[at] === undefined ? text.includes("\r\n") : text[at] === "\r") ? "\r\n" : "\n";
  if (text[at - 1] === "\n") return `${text.slice(0, at)}${indent}${written}${eol}${text.slice(at)}`;
  return `${text.slice(0, at)}${eol}${indent}${written}${text.slice(at)}`;
}

function cutBlock(text: string, pair: FieldPair): string {
  let from = text.lastIndexOf("\n", startOf(pair) - 1) + 1;
  const end = endOf(pair);
  let to = text[end - 1] === "\n" ? end : lineEnd(text, end);
  if (text[end - 1] !== "\n") to += /^\r?\n/.exec(text.slice(to))?.[0].length ?? 0;
  // A file without a final line break stays so.
  if (to === text.length && text[to - 1] !== "\n")
    from -= /\r?\n$/.exec(text.slice(0, from))?.[0].length ?? 0;
  return text.slice(0, from) + text.slice(to);
}

function cutFlow({ text, pairs }: Place, pair: FieldPair): string {
  const start = startOf(pair);
  const end = endOf(pair);
  const comma = /^\s*,[ \t]*/.exec(text.slice(end))?.[0];
  const previous = pairs[pairs.indexOf(pair) - 1];
  const between = previous ? text.slice(endOf(previous), start) : "";
  if (previous && (comma === undefined || !/[\n#]/.test(between))) {
    // The preceding comma is removed too; comments between the two have lines of their own.
    const kept = between.includes("#") ? between.replace(",", "") : "";
    return text.slice(0, endOf(previous)) + kept + text.slice(end);
  }
  return text.slice(0, start) + text.slice(end + (comma?.length ?? 0));
}

const valuesOf = (documents: readonly Document.Parsed[]): readonly unknown[] =>
  documents.map((d) => d.toJS({ maxAliasCount: 1000 }) as unknown);

/** Verifies an edit: the file must differ in this one value only. */
function checked(
  { text, key, index, documents, pairs }: Place,
  edited: string,
  change: (js: Readonly<Record<string, unknown>>) => unknown,
): string {
  const wanted = valuesOf(documents).map((js, i) =>
    i === index ? change(js as Record<string, unknown>) : js,
  );
  const found = parse(edited);
  if (
    found !== null &&
    isDeepStrictEqual(
      spoken(found),
      wanted.filter((js) => js !== null),
    )
  )
    return edited;
  throw unsafe(
    key,
    "its layout is one that an edit would spoil (an anchor, a tag, an unusual break of lines)",
    pairs[0] ? text.slice(0, startOf(pairs[0])).split("\n").length : null,
  );
}

function spoken(documents: readonly Document.Parsed[]): readonly unknown[] | null {
  try {
    return valuesOf(documents).filter((js) => js !== null);
  } catch {
    // An alias whose anchor was removed.
    return null;
  }
}

const unsafe = ({ kind, name }: DocumentKey, why: string, line: number | null = null): VmAgentError =>
  new VmAgentError({
    code: "edit-unsafe",
    message: `cannot edit ${kind}${name === undefined ? "" : ` "${name}"`}${line === null ? "" : ` at line ${line}`} without touching anything else: ${why}`,
    next: "edit the file yourself; no file was changed",
  });
