/** An error of a fleet file: place, finding, allowed values, and the lines around it with every secret masked. */

export interface Excerpt {
  /** Number of the first line shown, from 1. */
  readonly firstLine: number;
  readonly lines: readonly string[];
  /** Line (from 1), column (from 1) and length of the marked text. */
  readonly caret: { readonly line: number; readonly column: number; readonly length: number };
}

export interface FleetError {
  /** Relative to the fleet folder, with forward slashes; empty: the folder itself. */
  readonly file: string;
  /** From 1; 0: the whole file. */
  readonly line: number;
  readonly column: number;
  /** JSON pointer in the document; empty: the document, or the file. */
  readonly path: string;
  /** The part of a sentence after the path, without a final period. */
  readonly message: string;
  readonly found: string | null;
  readonly allowed: string | null;
  readonly suggestion: string | null;
  readonly excerpt: Excerpt | null;
  readonly severity: "error" | "warning";
  /** `unreadable`: the content is unknown. */
  readonly kind: "invalid" | "unreadable" | "missing";
}

export interface Span {
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** An error of a whole file or folder. */
export function fileError(
  file: string,
  message: string,
  kind: FleetError["kind"],
  suggestion: string | null = null,
): FleetError {
  return {
    file,
    line: 0,
    column: 0,
    path: "",
    message,
    found: null,
    allowed: null,
    suggestion,
    excerpt: null,
    severity: "error",
    kind,
  };
}

/** By file, line, column: the order in which the errors of one load are reported. */
export function compareErrors(a: FleetError, b: FleetError): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

/** The subject of the message: a field, a document, or only the file. */
export function subjectOf(error: FleetError): string {
  return error.path === "" && error.line > 0 ? "the document" : error.path;
}

/** One line: `agents/builder.yaml:7:1 /memroy is not a field of an Agent; did you mean "memory"?` */
export function errorLine(error: FleetError): string {
  const place = error.line === 0 ? error.file : `${error.file}:${error.line}:${error.column}`;
  const subject = subjectOf(error);
  const tail = error.suggestion === null ? "" : `; ${error.suggestion}`;
  return `${place === "" ? "" : `${place} `}${subject === "" ? "" : `${subject} `}${error.message}${tail}`;
}

const CONTEXT = 2;
const MASK = "•••";

/** Two lines before and two after, secrets masked. */
export function excerptOf(text: string, span: Span): Excerpt {
  const lines = maskSecrets(text.split(/\r\n|\r|\n/));
  const first = Math.max(1, span.line - CONTEXT);
  const last = Math.min(lines.length, span.line + CONTEXT);
  const shown = lines
    .slice(first - 1, last)
    .map((line) => line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "�"));
  while (shown.length > span.line - first + 1 && shown.at(-1)?.trim() === "") shown.pop();
  // A masked line is shorter than the one in which the place was measured.
  const width = shown[span.line - first]?.length ?? 0;
  const column = Math.max(1, Math.min(span.column, width));
  const length = Math.max(1, Math.min(span.length, width - column + 1));
  return { firstLine: first, lines: shown, caret: { line: span.line, column, length } };
}

/**
 * Masks everything below any `secrets:`, by indentation and brackets alone: the text may not be valid YAML, and hiding
 * a harmless word is better than showing a secret.
 */
export function maskSecrets(lines: readonly string[]): readonly string[] {
  const result: string[] = [];
  let indent = -1;
  let depth = 0;
  for (const line of lines) {
    const own = line.length - line.trimStart().length;
    const inside = indent >= 0 && (depth > 0 || line.trim() === "" || own > indent);
    if (inside) {
      depth += balance(line);
      result.push(line.trim() === "" ? line : maskLine(line));
      continue;
    }
    indent = -1;
    depth = 0;
    const start = /^(.*?(?:^|[\s{,-])["']?secrets["']?\s*:)(\s*)(.*)$/.exec(line);
    if (start === null) {
      result.push(line);
      continue;
    }
    indent = own;
    depth = Math.max(0, balance(line));
    const rest = start[3] ?? "";
    result.push(rest === "" || rest.startsWith("#") ? line : `${start[1]}${start[2]}${MASK}`);
  }
  return result;
}

function balance(line: string): number {
  let depth = 0;
  for (const character of line) {
    if (character === "{" || character === "[") depth += 1;
    if (character === "}" || character === "]") depth -= 1;
  }
  return depth;
}

/** Names stay, so that the place can be recognised; a name alone on its line has its value further down. */
function maskLine(line: string): string {
  const name = /^(\s*(?:-\s+)?["']?[A-Za-z_][A-Za-z0-9_]*["']?\s*:)(\s*)(.*)$/.exec(line);
  if (name === null) return `${/^\s*/.exec(line)?.[0] ?? ""}${MASK}`;
  return name[3] === "" ? line : `${name[1]}${name[2]}${MASK}`;
}
