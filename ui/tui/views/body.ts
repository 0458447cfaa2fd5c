/** What every view gives to the screen: a title, rows that are drawn only while they are seen, and which one is which. */
import { filterWords, foundIn } from "../../client/fleet-filter.ts";
import type { Line } from "./line.ts";

export interface Body {
  readonly title: string;
  /** Names of the columns; null: none. */
  readonly head: Line | null;
  /** One for each row; the same one twice only where rows cannot be chosen. */
  readonly ids: readonly string[];
  readonly row: (index: number) => Line;
  /** The cursor is on a row; else the text is scrolled. */
  readonly selectable: boolean;
  /** What is said when there are no rows. */
  readonly empty: readonly string[];
  /** Whether the row is marked; absent: rows are not marked here. */
  readonly marked?: (index: number) => boolean;
  /** Each row ends with what is to be known of it. */
  readonly hasRemarks?: boolean;
  /** Rows without the filter. */
  readonly total: number;
  /** Below the last row, where the screen has room for all of it. */
  readonly after?: readonly string[];
}

/** Room for the mark and the cursor, left of every row. */
export const MARGIN = 3;

/** A text of lines that are scrolled. */
export const textBody = (
  title: string,
  lines: readonly Line[],
  empty: readonly string[],
  total = lines.length,
  head: Line | null = null,
): Body => ({
  title,
  head,
  ids: numbers(lines.length),
  row: (i) => lines[i] ?? [],
  selectable: false,
  empty,
  total,
});

const NUMBERS: string[] = [];

/** `["0", "1", …]`, made once. */
function numbers(count: number): readonly string[] {
  for (let i = NUMBERS.length; i < count; i++) NUMBERS.push(String(i));
  return NUMBERS.slice(0, count);
}

/** Every word of the filter is in the text, and none of those with `!` before them. */
export const hasWords = (text: string, filter: string): boolean =>
  filter === "" || foundIn(text.toLowerCase(), filterWords(filter));
