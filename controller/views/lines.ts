/** Lines of text with roles instead of colours, wrapped to a width, for a terminal, a pipe and a page. */

import { printable } from "../base/printable.ts";
import { characters, padEnd, prefix, textWidth } from "./text-width.ts";

/** Role of a piece of text. A view may colour it; the words alone carry the meaning. */
export type Role = "plain" | "strong" | "dim" | "good" | "warn" | "bad" | "accent";

export interface Segment {
  readonly text: string;
  readonly role: Role;
}
export type Line = readonly Segment[];

export const EMPTY: Line = [];
const INDENT = 6;
const LABEL = 10;
/** Upper limit of the name column: one long name must not push the rest out of view. */
const NAMES = 32;
/** With less room than this beside a name, the text goes underneath. */
const LEAST = 16;

/** Text is wrapped at most at this width, because longer lines read badly. */
export const clampWidth = (width: number): number => Math.min(200, Math.max(60, Math.floor(width)));

/** How much of a word fits: all, or up to the last character at which a path or a name may be broken. */
function pieceOf(word: string, width: number): string {
  if (textWidth(word) <= width) return word;
  // At least one character, or the loop would not end: a wide character may exceed the line.
  const most = prefix(word, width) || (characters(word)[0] ?? "");
  const mark = most.search(/[-/.,_=:][^-/.,_=:]*$/) + 1;
  return textWidth(most.slice(0, mark)) > width / 2 ? most.slice(0, mark) : most;
}

/** Words in lines of at most `width` columns, further ones shorter by `hang`; a longer word is cut. */
export function wrap(text: string, width: number, hang = 0): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of printable(text).split(" "))
    while (word !== "") {
      const room = lines.length === 0 ? width : width - hang;
      const piece = pieceOf(word, room);
      if (line !== "" && textWidth(line) + 1 + textWidth(piece) > room) {
        lines.push(line);
        line = "";
        continue;
      }
      line = line === "" ? piece : `${line} ${piece}`;
      word = word.slice(piece.length);
    }
  return line === "" ? lines : [...lines, line];
}

/** `      label     text`, wrapped and indented by `hang`. */
export function row(
  label: string,
  text: string,
  width: number,
  role: Role = "plain",
  hang = 0,
): readonly Line[] {
  const head = " ".repeat(INDENT) + padEnd(label, Math.max(LABEL, textWidth(label) + 1));
  return wrap(text, width - textWidth(head), hang).map((part, i) => [
    { text: i === 0 ? head : " ".repeat(textWidth(head) + hang), role: "dim" },
    { text: part, role },
  ]);
}

/** `+ name   what happens`: the first line of a block. `names`: width of the longest name. */
export function header(
  glyph: { readonly text: string; readonly role: Role },
  name: string,
  what: string,
  names: number,
  width: number,
): readonly Line[] {
  const mark = { text: `${glyph.text.padEnd(3)} `, role: glyph.role };
  const [shown = "", ...more] = wrap(name, width - INDENT);
  const from = 4 + Math.max(Math.min(names, NAMES, Math.floor(width / 2) - 8), textWidth(shown)) + 3;
  const isBeside = more.length === 0 && (textWidth(what) <= width - from || width - from >= LEAST);
  const [first = "", ...rest] = isBeside ? wrap(what, width - from) : ["", ...wrap(what, width - INDENT)];
  const opening: Line = [mark, { text: first === "" ? shown : padEnd(shown, from - 4), role: "strong" }];
  return [
    first === "" ? opening : [...opening, { text: first, role: glyph.role }],
    ...more.map((part): Line => [{ text: " ".repeat(INDENT) + part, role: "strong" }]),
    ...rest.map((part): Line => [{ text: " ".repeat(isBeside ? from : INDENT) + part, role: glyph.role }]),
  ];
}

/** A sentence on its own, wrapped; `hang`: indent of its further lines. */
export const sentence = (text: string, width: number, role: Role = "plain", hang = 0): readonly Line[] =>
  wrap(text, width - hang).map((part, i): Line => [{ text: (i === 0 ? "" : " ".repeat(hang)) + part, role }]);

export const lineText = (line: Line): string =>
  line
    .map((s) => s.text)
    .join("")
    .trimEnd();

/** Plain text, no trailing blanks, no newline at the end. */
export const toText = (lines: readonly Line[]): string => lines.map(lineText).join("\n");
