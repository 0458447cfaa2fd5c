/** The focus among rows: arrows move it, and it stays with its row when rows come, go, change places or are scrolled away. */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Rows {
  /** Whose row is to be drawn wherever the screen is; -1: none. */
  readonly pinned: number;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly onFocusIn: (event: FocusEvent) => void;
}

const PAGE = 10;

/** A row is an element with `data-row`; its first link is what is focused. `first`: the key that gets the focus at once. */
export function useRows(
  keys: readonly string[],
  box: RefObject<HTMLElement | null>,
  first: string | null = null,
): Rows {
  const [pinned, pin] = useState(first);
  /** The row that shall have the focus as soon as it is drawn. */
  const wanted = useRef(first);
  /** Where the row with the focus was when it was last drawn. */
  const place = useRef(-1);
  // Read before what is drawn now takes the place of what is there.
  const had = keyOf(document.activeElement, box.current);

  useLayoutEffect(() => {
    if (had !== null && document.activeElement === document.body && keys.length > 0) {
      const key = keys.includes(had) ? had : keys[Math.min(Math.max(0, place.current), keys.length - 1)];
      wanted.current = key ?? null;
    }
    const key = wanted.current;
    if (key === null) return remember();
    const link = linkOf(key, box.current);
    if (link === undefined) {
      if (keys.includes(key)) pin(key);
      else wanted.current = null;
      return;
    }
    wanted.current = null;
    link.focus();
    remember();
  });
  const remember = () => {
    const now = keyOf(document.activeElement, box.current);
    if (now !== null) place.current = keys.indexOf(now);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || isTyping(event.target)) return;
    const here = keyOf(event.target, box.current);
    const next = here === null ? -1 : after(event.key, keys.indexOf(here), keys.length);
    const key = keys[next];
    if (key === undefined) return;
    event.preventDefault();
    const link = linkOf(key, box.current);
    if (link) link.focus();
    else {
      wanted.current = key;
      pin(key);
    }
  };
  const onFocusIn = (event: FocusEvent) => {
    const key = keyOf(event.target, box.current);
    pin(key);
    if (key !== null) place.current = keys.indexOf(key);
  };
  return { pinned: pinned === null ? -1 : keys.indexOf(pinned), onKeyDown, onFocusIn };
}

function after(key: string, at: number, length: number): number {
  switch (key) {
    case "ArrowDown":
    case "j":
      return Math.min(at + 1, length - 1);
    case "ArrowUp":
    case "k":
      return Math.max(at - 1, 0);
    case "PageDown":
      return Math.min(at + PAGE, length - 1);
    case "PageUp":
      return Math.max(at - PAGE, 0);
    case "Home":
      return 0;
    case "End":
      return length - 1;
    default:
      return -1;
  }
}

/** A key belongs to who types. */
export const isTyping = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input, select, textarea, [contenteditable]") !== null;

function keyOf(target: EventTarget | null, box: HTMLElement | null): string | null {
  if (!(target instanceof Element) || !box?.contains(target)) return null;
  return target.closest<HTMLElement>("[data-row]")?.dataset.row ?? null;
}

const linkOf = (key: string, box: HTMLElement | null): HTMLElement | undefined =>
  box?.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"] a`) ?? undefined;
