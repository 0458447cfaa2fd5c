/** Of many rows, those near the screen: the rest are two empty spaces of their height, so that 500 agents scroll like 20. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Window {
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

/** `box` holds the rows as elements with `data-row`, whose value is the row's key. */
export function useWindow(keys: readonly string[], box: RefObject<HTMLElement | null>): Window {
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

  if (all) return { from: 0, to: keys.length, above: 0, below: 0 };
  return { ...shown, to: Math.min(shown.to, keys.length) };
}

/** A row is as high as the way to the next one; the last one has no next. */
function measure(box: HTMLElement, heights: Map<string, number>): void {
  const rows = [...box.querySelectorAll<HTMLElement>("[data-row]")];
  const tops = rows.map((row) => row.getBoundingClientRect().top);
  for (const [i, row] of rows.entries()) {
    const next = tops[i + 1];
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
