/** A line of the screen as spans of text with a meaning, cut and padded to columns. Pure; no colour is decided here. */
import { printable } from "../../controller/core/printable.ts";
import type { Tone } from "../client/tones.ts";

export interface Span {
  readonly text: string;
  readonly tone?: Tone | undefined;
  readonly bold?: boolean | undefined;
  readonly inverse?: boolean | undefined;
}

export type Line = readonly Span[];

export type Look = Omit<Span, "text">;

export const span = (text: string, look: Look | Tone = {}): Span =>
  typeof look === "string" ? { text, tone: look } : { text, ...look };

export const line = (...parts: readonly (string | Span)[]): Line =>
  parts.map((part) => (typeof part === "string" ? { text: part } : part));

export const EMPTY: Line = [];

/** Nothing that a program printed may move the cursor, ring, or turn the direction of writing. */
export const clean = (text: string): string => printable(text.replaceAll("\t", "    "));

const ZERO = /^(?:\p{Mn}|\p{Me}|[\u200b-\u200d])$/u;
/** East Asian wide and full-width letters, and pictures. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$|^\p{Emoji_Presentation}$/u;

const widthOf = (letter: string): number =>
  letter < "\u0300" ? 1 : ZERO.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1;

/** Columns on the screen. */
export function columns(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let sum = 0;
  for (const letter of text) sum += widthOf(letter);
  return sum;
}

export const lineColumns = (spans: Line): number => spans.reduce((sum, s) => sum + columns(s.text), 0);

/** Not more than `width` columns; what is cut is told by a dot. */
export function cut(text: string, width: number): string {
  if (width <= 0) return "";
  if (columns(text) <= width) return text;
  let kept = "";
  let sum = 0;
  for (const letter of text) {
    sum += widthOf(letter);
    if (sum > width - 1) break;
    kept += letter;
  }
  return `${kept}…`;
}

/** A name: its end is what it differs by from its neighbours, so its middle is what is left out. */
export function cutName(text: string, width: number): string {
  if (columns(text) <= width) return text;
  if (width < 8) return cut(text, width);
  const end = [...text].slice(-Math.floor((width - 1) / 3)).join("");
  return `${cut(text, width - columns(end))}${end}`;
}

/** Exactly `width` columns. */
export const fitName = (text: string, width: number): string => fit(cutName(clean(text), width), width);

/** Exactly `width` columns. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const short = cut(clean(text), width);
  const space = " ".repeat(Math.max(0, width - columns(short)));
  return align === "left" ? short + space : space + short;
}

/** Exactly `width` columns, the last span's look not running on. */
export function fitLine(spans: Line, width: number): Line {
  const out = cutLine(spans, width);
  const left = width - lineColumns(out);
  return left > 0 ? [...out, { text: " ".repeat(left) }] : out;
}

/** At most `width` columns. */
export function cutLine(spans: Line, width: number): Line {
  const out: Span[] = [];
  let left = width;
  for (const part of spans) {
    const text = clean(part.text);
    const size = columns(text);
    if (size > left) {
      const short = cut(text, left);
      out.push({ ...part, text: short });
      left -= columns(short);
      break;
    }
    if (size > 0) out.push(text === part.text ? part : { ...part, text });
    left -= size;
  }
  return out;
}

/** `left` and `right` on one line; the right one goes first when there is no room for both. */
export function spread(left: Line, right: Line, width: number): Line {
  const space = width - lineColumns(left) - lineColumns(right);
  return space >= 1 ? [...left, { text: " ".repeat(space) }, ...right] : fitLine(left, width);
}

/** The bar under the cursor: one look, for tones on an inverse ground cannot be read. */
export const highlighted = (spans: Line, width: number): Line => [
  { text: textOf(fitLine(spans, width)), inverse: true },
];

export const textOf = (spans: Line): string => spans.map((s) => s.text).join("");

/** Broken at spaces where that is possible. */
export function wrap(text: string, width: number): readonly string[] {
  const all: string[] = [];
  for (const paragraph of text.split("\n")) all.push(...wrapOne(clean(paragraph), Math.max(8, width)));
  return all;
}

function wrapOne(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (columns(rest) > width) {
    const head = [...cutExactly(rest, width)].join("");
    const space = head.lastIndexOf(" ");
    const end = space > width / 2 ? space : head.length;
    lines.push(rest.slice(0, end));
    rest = rest.slice(rest[end] === " " ? end + 1 : end);
  }
  lines.push(rest);
  return lines;
}

function cutExactly(text: string, width: number): string {
  let kept = "";
  let sum = 0;
  for (const letter of text) {
    sum += widthOf(letter);
    if (sum > width) break;
    kept += letter;
  }
  return kept;
}

export const sameLine = (a: Line, b: Line): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every((s, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        s.text === other.text &&
        s.tone === other.tone &&
        (s.bold ?? false) === (other.bold ?? false) &&
        (s.inverse ?? false) === (other.inverse ?? false)
      );
    }));
