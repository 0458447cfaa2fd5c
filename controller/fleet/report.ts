/** Errors of fleet files as text for people: place, code frame, caret, suggestion. */
import { styleText } from "node:util";
import { characters, textWidth } from "../views/text-width.ts";
import { type Excerpt, type FleetError, subjectOf } from "./errors.ts";

export interface ReportOptions {
  readonly color: boolean;
  /** Columns of the terminal; default 100. */
  readonly width?: number;
  /** Prefix of each file's name, such as `fleet`; default none. */
  readonly folder?: string;
}

type Style = "bold" | "dim" | "red" | "yellow" | "cyan";
type Paint = (style: Style, text: string) => string;

/** All errors and warnings, one block each, with a blank line between; no final newline. */
export function reportErrors(errors: readonly FleetError[], options: ReportOptions): string {
  const paint: Paint = (style, text) =>
    options.color ? styleText(style, text, { validateStream: false }) : text;
  const width = Math.max(40, options.width ?? 100);
  return errors.map((error) => reportOne(error, paint, width, options.folder)).join("\n\n");
}

/** The same for programs: `--json`. */
export function errorsAsJson(errors: readonly FleetError[]): readonly Record<string, unknown>[] {
  return errors.map(({ kind: _kind, excerpt, ...rest }) => ({
    ...rest,
    excerpt: excerpt === null ? null : excerpt.lines,
  }));
}

function reportOne(error: FleetError, paint: Paint, width: number, folder: string | undefined): string {
  const label = error.severity === "error" ? paint("red", "error:") : paint("yellow", "warning:");
  const file =
    error.file === "" || folder === undefined || error.file.startsWith("/")
      ? error.file
      : `${folder}/${error.file}`;
  const place = error.line === 0 ? file : `${file}:${error.line}:${error.column}`;
  const subject = subjectOf(error);
  const words = [
    ...(place === "" ? [] : [place]),
    ...(subject === "" ? [] : subject.split(" ")),
    ...error.message.split(" "),
  ];
  const head = wrap(
    words,
    width,
    error.severity.length + 2,
    place === "" ? null : (text) => text.replace(place, () => paint("bold", place)),
  );
  const lines = [`${label} ${head}`];
  if (error.excerpt !== null) lines.push("", ...frame(error.excerpt, error.suggestion, paint, width));
  else if (error.suggestion !== null) lines.push("", `  ${error.suggestion}`);
  return lines.join("\n");
}

/** Words in lines of at most `width`, the first one shorter by `used`; further lines are indented by two. */
function wrap(
  words: readonly string[],
  width: number,
  used: number,
  decorate: ((text: string) => string) | null,
): string {
  const lines: string[] = [];
  let line = "";
  let room = width - used;
  for (const word of words) {
    if (line !== "" && textWidth(line) + 1 + textWidth(word) > room) {
      lines.push(line);
      line = `  ${word}`;
      room = width;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  const text = [...lines, line].join("\n");
  return decorate === null ? text : decorate(text);
}

function frame(excerpt: Excerpt, suggestion: string | null, paint: Paint, width: number): readonly string[] {
  const { caret, firstLine } = excerpt;
  const digits = String(firstLine + excerpt.lines.length - 1).length;
  const room = Math.max(20, width - digits - 7);
  const target = excerpt.lines[caret.line - firstLine] ?? "";
  // A long line is scrolled so that the caret is visible.
  const before = textWidth(expand(target.slice(0, caret.column - 1)));
  const shift = before + 8 > room ? before - Math.floor(room / 3) : 0;
  const result: string[] = [];
  for (const [index, line] of excerpt.lines.entries()) {
    const number = firstLine + index;
    const here = number === caret.line;
    const text = cut(expand(line), shift, room);
    const gutter = `${String(number).padStart(digits)} |`;
    result.push(`${here ? paint("red", "  >") : "   "} ${paint("dim", gutter)} ${text}`.trimEnd());
    if (!here) continue;
    const marked = textWidth(expand(line.slice(caret.column - 1, caret.column - 1 + caret.length)));
    const carets = "^".repeat(Math.max(1, Math.min(marked, room - (before - shift))));
    const start = `    ${" ".repeat(digits)} ${paint("dim", "|")} `;
    const fits = suggestion !== null && before - shift + carets.length + 1 + textWidth(suggestion) <= room;
    result.push(
      `${start}${" ".repeat(before - shift)}${paint("red", carets)}${fits ? ` ${paint("cyan", suggestion)}` : ""}`,
    );
    if (suggestion !== null && !fits) result.push(`${start}${paint("cyan", suggestion)}`);
  }
  return result;
}

function expand(text: string): string {
  return text.replaceAll("\t", "    ");
}

/** The columns from `start`, at most `room` of them, with … for omitted parts. */
function cut(text: string, start: number, room: number): string {
  let column = 0;
  let result = "";
  for (const character of characters(text)) {
    const wide = textWidth(character);
    if (column >= start && column + wide <= start + room) result += character;
    column += wide;
  }
  if (start > 0) result = `…${result.slice(1)}`;
  return column > start + room ? `${result.slice(0, -1)}…` : result;
}
