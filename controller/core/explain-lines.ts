/** Lines of text with meaning instead of colour, wrapped to a width: what a terminal, a pipe and a page can all show. */

/** What a piece of text means. A face may colour it; the words alone say the same. */
export type Role = "plain" | "strong" | "dim" | "good" | "warn" | "bad" | "accent";

export interface Segment {
  readonly text: string;
  readonly role: Role;
}
export type Line = readonly Segment[];

export const EMPTY: Line = [];
const INDENT = 6;
const LABEL = 10;

/** Widths beyond these read badly, so they are not used: shorter lines wrap in the terminal, longer ones stay short. */
export const clampWidth = (width: number): number => Math.min(200, Math.max(60, Math.floor(width)));

/** Text of people's files must not steer the terminal. */
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");

/** Words in lines of at most `width` characters; a word that is longer is cut. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const whole of printable(text).split(" ")) {
    for (let word = whole; word !== ""; word = word.slice(width)) {
      const piece = word.slice(0, width);
      if (line === "") line = piece;
      else if (line.length + 1 + piece.length <= width) line += ` ${piece}`;
      else {
        lines.push(line);
        line = piece;
      }
    }
  }
  return line === "" ? lines : [...lines, line];
}

/** `      label     text`, with what does not fit underneath the text. */
export function row(label: string, text: string, width: number, role: Role = "plain"): readonly Line[] {
  const head = " ".repeat(INDENT) + label.padEnd(Math.max(LABEL, label.length + 1));
  return wrap(text, width - head.length).map((part, i) => [
    { text: i === 0 ? head : " ".repeat(head.length), role: "dim" },
    { text: part, role },
  ]);
}

/** `+ name   what happens`: the line that opens a block. `names`: how wide the longest name is. */
export function header(
  glyph: { readonly text: string; readonly role: Role },
  name: string,
  what: string,
  names: number,
  width: number,
): readonly Line[] {
  const shown = printable(name);
  const mark = { text: `${glyph.text.padEnd(3)} `, role: glyph.role };
  const column = Math.min(names, Math.floor(width / 2) - 8);
  const room = width - 4 - Math.max(column, shown.length) - 3;
  const [first = "", ...rest] = room < 16 ? ["", ...wrap(what, width - INDENT)] : wrap(what, room);
  const title =
    first === "" ? shown : shown.padEnd(column + 3 > shown.length ? column + 3 : shown.length + 3);
  const opening: Line = [mark, { text: title, role: "strong" }];
  return [
    first === "" ? opening : [...opening, { text: first, role: glyph.role }],
    ...rest.map((part): Line => [{ text: " ".repeat(INDENT) + part, role: glyph.role }]),
  ];
}

/** A sentence of its own, wrapped. */
export const sentence = (text: string, width: number, role: Role = "plain"): readonly Line[] =>
  wrap(text, width).map((part): Line => [{ text: part, role }]);

export const lineText = (line: Line): string =>
  line
    .map((s) => s.text)
    .join("")
    .trimEnd();

/** Plain text, no trailing blanks, no newline at the end. */
export const toText = (lines: readonly Line[]): string => lines.map(lineText).join("\n");
