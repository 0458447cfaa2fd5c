/** Shows on a terminal's stderr what a command waits for, once it takes longer than expected. */
import { isDumb } from "../../base/env.ts";

/** Milliseconds before it is shown. */
const QUIET_MS = 1000;
const CLEAR = "\r\u001b[K";

/** The part of `process.stderr` in use. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Current waits, the newest last: only that one is shown. */
const lines = new WeakMap<Screen, string[]>();

/**
 * Returns the result of `work`; meanwhile `waiting for TEXT …` is in the last line, and is erased before any other
 * output.
 */
export async function waiting<T>(
  screen: Screen,
  text: string,
  work: () => Promise<T>,
  quietMs = QUIET_MS,
): Promise<T> {
  // A dumb terminal cannot erase a line.
  if (screen.isTTY !== true || isDumb(process.env)) return work();
  const shown = lines.get(screen) ?? [];
  lines.set(screen, shown);
  const line = `waiting for ${text} …`;
  let isShown = false;
  const timer = setTimeout(() => {
    isShown = true;
    shown.push(line);
    draw(screen);
  }, quietMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    const at = shown.lastIndexOf(line);
    if (isShown && at >= 0) {
      shown.splice(at, 1);
      draw(screen);
    }
  }
}

/** Other output begins on a clean line; the wait is drawn again below it. */
export function besideWaiting(screen: Screen, print: () => void): void {
  const isShown = (lines.get(screen)?.length ?? 0) > 0;
  if (isShown) screen.write(CLEAR);
  print();
  if (isShown) draw(screen);
}

/** A command that ends with an error shows no wait any more. */
export function waitNoMore(screen: Screen): void {
  const shown = lines.get(screen);
  if (shown === undefined || shown.length === 0) return;
  shown.length = 0;
  draw(screen);
}

function draw(screen: Screen): void {
  const last = lines.get(screen)?.at(-1);
  screen.write(CLEAR + (last === undefined ? "" : last.slice(0, (screen.columns || 80) - 1)));
}
