/** A line of the screen as spans of text with a meaning, cut and padded to columns. Pure; no colour is decided here. */
import { printable } from "../../../controller/base/printable.ts";
import { characters, prefix, textWidth, truncate } from "../../../controller/views/text-width.ts";
import type { Tone } from "../../client/tones.ts";

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

export const lineColumns = (spans: Line): number => spans.reduce((sum, s) => sum + textWidth(s.text), 0);

/** A name: its end is what it differs by from its neighbours, so its middle is what is left out. */
export function cutName(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width < 8) return truncate(text, width);
  const end = characters(text)
    .slice(-Math.floor((width - 1) / 3))
    .join("");
  return `${truncate(text, width - textWidth(end))}${end}`;
}

/** Exactly `width` columns. */
export const fitName = (text: string, width: number): string => fit(cutName(clean(text), width), width);

/** Exactly `width` columns. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const short = truncate(clean(text), width);
  const space = " ".repeat(Math.max(0, width - textWidth(short)));
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
    const size = textWidth(text);
    if (size > left) {
      const short = truncate(text, left);
      out.push({ ...part, text: short });
      left -= textWidth(short);
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
  while (textWidth(rest) > width) {
    const head = prefix(rest, width);
    const space = head.lastIndexOf(" ");
    const end = space > width / 2 ? space : head.length;
    lines.push(rest.slice(0, end));
    rest = rest.slice(rest[end] === " " ? end + 1 : end);
  }
  lines.push(rest);
  return lines;
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
