/** Figures as blocks: one cell for a share, a row of cells for its history. Pure. */

const BLOCKS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** A percentage as one cell. */
export const block = (percent: number): string =>
  BLOCKS[Math.min(BLOCKS.length - 1, Math.max(0, Math.floor((percent / 100) * BLOCKS.length)))] ?? "▁";

/** The newest `cells` values, oldest first; what is not known is a dot. */
export function spark(values: readonly (number | null)[], cells: number): string {
  const last = values.slice(-cells);
  return last
    .map((v) => (v === null ? "·" : block(v)))
    .join("")
    .padStart(cells);
}

/** `▃38`: three columns; a full one is `100` without its block. */
export function gauge(percent: number | null): string {
  if (percent === null) return " – ";
  const figure = String(Math.round(percent));
  return figure.length > 2 ? figure : `${block(percent)}${figure.padStart(2)}`;
}
