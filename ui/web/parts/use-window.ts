/** Of many rows, those near the screen: the rest are two empty spaces of their height, so that 500 agents scroll like 20. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows that are drawn, or the height of those that are not. */
export type Piece = { readonly from: number; readonly to: number } | { readonly space: number };

interface Window {
  readonly from: number;
  readonly to: number;
  /** Pixels of the rows before and behind. */
  readonly above: number;
  readonly below: number;
}

/** Fewer are all drawn: the browser's own search finds them then. */
const ALL_UP_TO = 60;
/** Drawn beyond the edges of the screen, so that the next row is there before it is seen, and the Tab key finds it. */
const BEYOND = 700;
/** Until a row was measured. */
const LIKELY = 64;

/**
 * `box` holds the rows as elements with `data-row`, whose value is the row's key. The row at `pinned` (-1: none) and its
 * neighbours are drawn wherever the screen is: the one that has the focus must not vanish under it, and Tab finds the next.
 */
export function useWindow(
  keys: readonly string[],
  box: RefObject<HTMLElement | null>,
  pinned: number,
): readonly Piece[] {
  const heights = useRef(new Map<string, number>());
  const all = keys.length <= ALL_UP_TO;
  const [shown, setShown] = useState<Window>({ from: 0, to: ALL_UP_TO, above: 0, below: 0 });

  const look = useRef(() => {});
  look.current = () => {
    if (all || !box.current) return;
    measure(box.current, heights.current);
    const next = windowOf(keys, heights.current, -box.current.getBoundingClientRect().top, innerHeight);
    setShown((old) => (same(old, next) ? old : next));
  };
  useEffect(() => {
    let frame = 0;
    const onMove = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        look.current();
      });
    };
    addEventListener("scroll", onMove, { passive: true });
    addEventListener("resize", onMove);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", onMove);
      removeEventListener("resize", onMove);
    };
  }, []);
  // what was drawn may be of another height than was thought
  useLayoutEffect(() => look.current());

  if (all) return [{ from: 0, to: keys.length }];
  return piecesOf(keys, heights.current, shown, pinned);
}

function piecesOf(
  keys: readonly string[],
  heights: ReadonlyMap<string, number>,
  shown: Window,
  pinned: number,
): readonly Piece[] {
  const screen = { from: Math.min(shown.from, keys.length), to: Math.min(shown.to, keys.length) };
  const beside = { from: Math.max(0, pinned - 1), to: Math.min(keys.length, pinned + 2) };
  const apart = pinned < 0 || beside.from >= keys.length ? [screen] : joined(screen, beside);
  const pieces: Piece[] = [];
  let at = 0;
  for (const part of [...apart, { from: keys.length, to: keys.length }]) {
    const space = keys.slice(at, part.from).reduce((sum, key) => sum + (heights.get(key) ?? LIKELY), 0);
    if (space > 0) pieces.push({ space });
    if (part.to > part.from) pieces.push(part);
    at = part.to;
  }
  return pieces;
}

type Range = { readonly from: number; readonly to: number };

function joined(a: Range, b: Range): readonly Range[] {
  if (a.to < b.from) return [a, b];
  if (b.to < a.from) return [b, a];
  return [{ from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }];
}

/** A row is as high as the way to the next one; the last one before a space has no next. */
function measure(box: HTMLElement, heights: Map<string, number>): void {
  const rows = [...box.querySelectorAll<HTMLElement>("[data-row]")];
  const tops = rows.map((row) => row.getBoundingClientRect().top);
  for (const [i, row] of rows.entries()) {
    const next = row.nextElementSibling === rows[i + 1] ? tops[i + 1] : undefined;
    if (next !== undefined) heights.set(row.dataset.row ?? "", next - (tops[i] ?? 0));
  }
}

function windowOf(
  keys: readonly string[],
  heights: ReadonlyMap<string, number>,
  scrolled: number,
  screen: number,
): Window {
  let y = 0;
  let from = -1;
  let to = keys.length;
  let above = 0;
  let end = 0;
  for (const [i, key] of keys.entries()) {
    const height = heights.get(key) ?? LIKELY;
    if (from < 0 && y + height > scrolled - BEYOND) {
      from = i;
      above = y;
    }
    y += height;
    if (to === keys.length && y > scrolled + screen + BEYOND) {
      to = i + 1;
      end = y;
    }
  }
  return {
    from: Math.max(0, from),
    to,
    above: from < 0 ? 0 : above,
    below: to === keys.length ? 0 : y - end,
  };
}

const same = (a: Window, b: Window): boolean =>
  a.from === b.from && a.to === b.to && Math.abs(a.above - b.above) < 1 && Math.abs(a.below - b.below) < 1;
