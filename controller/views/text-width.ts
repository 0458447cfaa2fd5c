/** Width of a text in terminal columns, and cutting and padding to columns. The one place for this. Pure. */
import stringWidth from "string-width";

/** Characters of one column each: Latin letters, arrows, lines, blocks, Braille patterns. Most output is of these. */
const NARROW =
  /^[ -~\u00a0-\u00ac\u00ae-\u02ff\u2010-\u2027\u2030-\u205e\u2190-\u2319\u231c-\u2328\u232b-\u23e8\u2500-\u25fc\u2713-\u2717\u2800-\u28ff]*$/;

let segmenter: Intl.Segmenter | undefined;

/** Grapheme clusters: a letter with its accents, a flag, a family. */
export function characters(text: string): readonly string[] {
  if (NARROW.test(text)) return [...text];
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Columns on a terminal, after Unicode's East Asian Width (UAX #11); escape sequences take none. */
export const textWidth = (text: string): number => (NARROW.test(text) ? text.length : stringWidth(text));

/** The longest prefix of at most `width` columns. */
export function prefix(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const character of characters(text)) {
    used += textWidth(character);
    if (used > width) break;
    kept += character;
  }
  return kept;
}

/** At most `width` columns; `…` marks the cut. */
export function truncate(text: string, width: number): string {
  if (width <= 0) return "";
  return textWidth(text) <= width ? text : `${prefix(text, width - 1)}…`;
}

/** At least `width` columns, with blanks at the end. */
export const padEnd = (text: string, width: number): string =>
  text + " ".repeat(Math.max(0, width - textWidth(text)));
