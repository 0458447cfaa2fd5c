/** Parses a fleet file into plain values: YAML 1.2, strict, bounded, several documents; positions on request. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Pair,
  parseAllDocuments,
  visit,
  type YAMLMap,
} from "yaml";
import { MAX_FILE_BYTES } from "../base/plain-file.ts";
import type { Span } from "./errors.ts";

/** Maximum expansion of a document by aliases, as a factor. */
const MAX_ALIASES = 100;
/** Maximum depth of values. */
const MAX_NESTING = 100;
/** Later errors of one file mostly follow from the first. */
const MAX_SYNTAX_ERRORS = 10;
/** Maximum documents and YAML tokens of a file: the parser needs about 15 microseconds per token. */
const MAX_DOCUMENTS = 5000;
const MAX_TOKENS = 100_000;

export interface ParsedDocument {
  /** Position among the documents of the file, empty ones included. */
  readonly index: number;
  readonly value: unknown;
  readonly line: number;
  readonly column: number;
}

export interface SyntaxProblem {
  readonly message: string;
  readonly suggestion: string | null;
  readonly span: Span;
}

export interface ParsedFile {
  readonly documents: readonly ParsedDocument[];
  readonly problems: readonly SyntaxProblem[];
}

const OPTIONS = {
  version: "1.2",
  strict: true,
  // Detected by `repeatedKeys`: the parser compares each key with all others, 30 s for 20,000 of them.
  uniqueKeys: false,
  stringKeys: true,
  prettyErrors: false,
  logLevel: "silent",
} as const;
const CLOUD_INIT_OPTIONS = { ...OPTIONS, version: "1.1", stringKeys: false } as const;
const START: Span = { line: 1, column: 1, length: 1 };

/** UTF-8 without a byte order mark, or the reason why it is not. */
export function decodeText(bytes: Uint8Array): { readonly text: string } | { readonly problem: string } {
  if (bytes.length > MAX_FILE_BYTES) return { problem: `is larger than ${MAX_FILE_BYTES / 1024} KiB` };
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\u0000") ? { problem: "is not UTF-8 text: it holds NUL bytes" } : { text };
  } catch {
    return { problem: "is not UTF-8 text" };
  }
}

/**
 * Never throws. Empty documents are left out. cloud-init is read in its own dialect: it is YAML 1.1 there, where 0644
 * is octal and `yes` is true.
 */
export function parseFleetText(text: string, dialect: "fleet" | "cloud-init" = "fleet"): ParsedFile {
  const documents: ParsedDocument[] = [];
  const problems: SyntaxProblem[] = [];
  const excess = excessOf(text);
  if (excess !== null) return { documents, problems: [excess] };
  const at = createPositions(text);
  let parsed: readonly Document[];
  try {
    const options = dialect === "fleet" ? OPTIONS : CLOUD_INIT_OPTIONS;
    const result = parseAllDocuments(text, options);
    parsed = Array.isArray(result) ? result : [];
  } catch (error) {
    return { documents, problems: [{ message: tooDeep(error), suggestion: null, span: START }] };
  }
  for (const [index, document] of parsed.entries()) {
    const bad = [...document.errors, ...document.warnings].slice(0, MAX_SYNTAX_ERRORS);
    const found = [...bad, ...(bad.length === 0 ? repeatedKeys(document) : [])];
    if (found.length > 0) {
      problems.push(...found.map((error) => syntaxProblem(text, error, at)));
      continue;
    }
    const contents = document.contents;
    if (contents === null || (isScalar(contents) && contents.value === null)) continue;
    const start = at(contents.range?.[0] ?? 0);
    try {
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
      if (isTooDeep(value, MAX_NESTING))
        problems.push({ message: tooDeep(null), suggestion: null, span: { ...start, length: 1 } });
      else documents.push({ index, value, ...start });
    } catch (error) {
      problems.push(
        unresolvedAlias(at, document, error) ?? {
          message: tooDeep(error),
          suggestion: null,
          span: { ...start, length: 1 },
        },
      );
    }
  }
  const perLine = new Map(problems.map((problem) => [problem.span.line, problem] as const).reverse());
  return { documents, problems: [...perLine.values()].reverse().slice(0, MAX_SYNTAX_ERRORS) };
}

/** null: small enough for the parser. Long or deep text goes through the lexer first, which stops at the limit. */
function excessOf(text: string): SyntaxProblem | null {
  const problem = (message: string, suggestion: string | null): SyntaxProblem => ({
    message,
    suggestion,
    span: START,
  });
  const documents = text.includes("\n---") ? (text.match(/^---(?=\s|$)/gm)?.length ?? 0) : 1;
  if (documents > MAX_DOCUMENTS)
    return problem(`has more than ${MAX_DOCUMENTS} documents`, "split it into several files");
  // A character is at most two tokens, so shorter text need not be counted.
  const isShort = text.length * 2 <= MAX_TOKENS || (text.match(/[[{,:\n&*]/g)?.length ?? 0) * 4 <= MAX_TOKENS;
  if (isShort && hasFewBrackets(text) && !/^ {100}|(?:[-?:][ \t]+){50}/m.test(text)) return null;
  let tokens = 0;
  let depth = 0;
  let markers = 0;
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    if (token === "[" || token === "{") depth += 1;
    else if (token === "]" || token === "}") depth -= 1;
    // Nesting on one line: `- - - x`.
    if (token === "-" || token === "?") markers += 1;
    else if (token === "\n") markers = 0;
    if (depth > MAX_NESTING || markers > MAX_NESTING) return problem(tooDeep(null), null);
    if (tokens > MAX_TOKENS)
      return problem(`has more than ${MAX_TOKENS} tokens of YAML`, "split it into several files");
  }
  return null;
}

function hasFewBrackets(text: string): boolean {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code === 0x5b || code === 0x7b) && ++count > MAX_NESTING) return false;
  }
  return true;
}

interface PositionedError {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

/** The first duplicate key of each mapping. */
function repeatedKeys(document: Document): readonly PositionedError[] {
  const found: PositionedError[] = [];
  collectRepeatedKeys(document.contents, found);
  return found;
}

/** Our own walk: that of `yaml` takes four times as long. The depth is bounded, see `excessOf`. */
function collectRepeatedKeys(node: unknown, found: PositionedError[]): void {
  if (isSeq(node)) for (const item of node.items) collectRepeatedKeys(item, found);
  if (!isMap(node)) return;
  const seen = new Set<unknown>();
  let isRepeated = false;
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? key.value : key;
    if (!isRepeated && seen.has(name) && !(name === "<<" && isNode(key))) {
      const [start, end] = (isNode(key) && key.range) || [0, 0];
      found.push({ code: "DUPLICATE_KEY", message: "", pos: [start, end] });
      isRepeated = true;
    }
    seen.add(name);
    if (!isScalar(key)) collectRepeatedKeys(key, found);
    if (!isScalar(value)) collectRepeatedKeys(value, found);
  }
}

function unresolvedAlias(at: Positions, document: Document, error: unknown): SyntaxProblem | null {
  const name =
    error instanceof ReferenceError ? /^Unresolved alias.*: (\S+)$/.exec(error.message)?.[1] : undefined;
  if (name === undefined) return null;
  const offset = offsetOfAlias(document, name);
  const span = { ...at(offset), length: name.length + 1 };
  return { message: `has the alias *${name}, but no anchor &${name} before it`, suggestion: null, span };
}

function offsetOfAlias(document: Document, name: string): number {
  let offset = 0;
  visit(document, {
    Alias(_key, alias) {
      if (alias.source !== name) return undefined;
      offset = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

function tooDeep(error: unknown): string {
  if (error instanceof ReferenceError) return "is not taken: its aliases expand to too much";
  return `is not taken: it is nested more than ${MAX_NESTING} deep`;
}

/** Also true of a value that contains itself. */
function isTooDeep(value: unknown, left: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (left === 0) return true;
  return Object.values(value).some((item) => isTooDeep(item, left - 1));
}

function syntaxProblem(text: string, error: PositionedError, at: Positions): SyntaxProblem {
  const [start, end] = error.pos;
  const position = at(start);
  const lineEnd = text.slice(start).search(/[\r\n]|$/);
  const span = { ...position, length: Math.max(1, Math.min(end - start, lineEnd)) };
  switch (error.code) {
    case "DUPLICATE_KEY": {
      const key = text.slice(start).match(/^["']?([^\s"':,{}[\]]{1,60})/)?.[1] ?? "a field";
      return {
        message: `has "${key}" twice in one mapping`,
        suggestion: "keep one of them",
        span: { ...span, length: key.length },
      };
    }
    case "TAB_AS_INDENT":
      return {
        message: "is not valid YAML: a tab stands where only spaces may",
        suggestion: "indent with spaces",
        span,
      };
    case "NON_STRING_KEY":
      return { message: "is not valid here: the name of a field must be text", suggestion: null, span };
    case "TAG_RESOLVE_FAILED":
      return {
        message: "has a tag that fleet files do not know",
        suggestion: "write the value without !tags",
        span,
      };
    default: {
      if (/call stack/.test(error.message)) return { message: tooDeep(null), suggestion: null, span };
      // Some messages of the parser end with source text, which may be a secret.
      const words = error.message
        .replace(/ in YAML stream.*/s, "")
        .replace(/: .*$/s, "")
        .replace(/ ["'](\w+)/, " $1")
        .replace(/\.$/, "");
      return {
        message: `is not valid YAML: ${words[0]?.toLowerCase() ?? ""}${words.slice(1)}`,
        suggestion: null,
        span,
      };
    }
  }
}

type Positions = (offset: number) => { readonly line: number; readonly column: number };

/** Lines are counted once for any number of positions. */
function createPositions(text: string): Positions {
  let starts: number[] | null = null;
  return (offset) => {
    if (starts === null) {
      starts = [0];
      for (let next = text.indexOf("\n"); next !== -1; next = text.indexOf("\n", next + 1))
        starts.push(next + 1);
    }
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: Math.max(1, Math.min(offset, text.length) - (starts[low] ?? 0) + 1) };
  };
}

export interface Located {
  readonly span: Span;
  /** The source text of the scalar, for values that parsing changes, such as 24.10. */
  readonly written: string | null;
}

/** Finds pointers in a file; parses again, so only for errors. */
export function createLocator(
  text: string,
): (index: number, pointer: string, at: "key" | "value" | "parent") => Located {
  const counter = new LineCounter();
  const result = parseAllDocuments(text, { ...OPTIONS, lineCounter: counter });
  const documents: readonly Document[] = Array.isArray(result) ? result : [];
  return (index, pointer, at) => {
    const document = documents[index];
    if (document === undefined) return { span: START, written: null };
    const tokens =
      pointer === ""
        ? []
        : pointer
            .slice(1)
            .split("/")
            .map((token) => token.replace(/~1/g, "/").replace(/~0/g, "~"));
    const found = findNode(document, at === "parent" ? tokens.slice(0, -1) : tokens, at === "key");
    const [start, end] = found?.range ?? document.contents?.range ?? [0, 1];
    const { line, col } = counter.linePos(start);
    const firstLine = /^[^\r\n]*/.exec(text.slice(start, end))?.[0].trimEnd().length ?? 1;
    const length = at === "parent" ? wordAt(text, start) : Math.max(1, firstLine);
    return {
      span: { line: Math.max(1, line), column: Math.max(1, col), length },
      written: found?.written ?? null,
    };
  };
}

function wordAt(text: string, start: number): number {
  return Math.max(1, /^[^\s:,{}[\]]*/.exec(text.slice(start, start + 200))?.[0].length ?? 1);
}

interface Found {
  readonly range: readonly [number, number];
  readonly written: string | null;
}

/** The node at the path, or its nearest existing parent. */
function findNode(document: Document, tokens: readonly string[], key: boolean): Found | null {
  let node: unknown = document.contents;
  let found = rangeOf(node);
  for (const [position, token] of tokens.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const last = position === tokens.length - 1;
    if (isMap(node)) {
      const pair = pairOf(node, token);
      if (pair === undefined) return found;
      const value = rangeOf(pair.value);
      const empty =
        value === null ||
        value.range[0] === value.range[1] ||
        (isScalar(pair.value) && pair.value.source === "");
      found = (last && key) || empty ? (rangeOf(pair.key) ?? found) : value;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(token)];
      found = rangeOf(isPair(node) ? node.key : node) ?? found;
    } else return found;
  }
  return found;
}

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === name);
}

function rangeOf(node: unknown): Found | null {
  if (!isNode(node) || !node.range) return null;
  const written =
    isScalar(node) && typeof node.value !== "string" && typeof node.source === "string" ? node.source : null;
  return { range: [node.range[0], node.range[1]], written };
}
