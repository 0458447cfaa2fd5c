/** Says on a terminal's stderr what a command waits for, once it took longer than a person waits without wondering. */
import { isDumb } from "../../base/env.ts";

/** Milliseconds before anything is said. */
const QUIET_MS = 1000;
const CLEAR = "\r\u001b[K";

/** What it needs of `process.stderr`. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** What is waited for now, the newest last: only that one is shown. */
const lines = new WeakMap<Screen, string[]>();

/** Gives what `work` gives; meanwhile `waiting for TEXT …` stands in the last line, and is gone before anything else is printed. */
export async function waiting<T>(
  screen: Screen,
  text: string,
  work: () => Promise<T>,
  quietMs = QUIET_MS,
): Promise<T> {
  // What only prints cannot take a line back.
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

/** Whatever is printed meanwhile begins in a clean line; what is waited for stands below it again. */
export function besideWaiting(screen: Screen, print: () => void): void {
  const isShown = (lines.get(screen)?.length ?? 0) > 0;
  if (isShown) screen.write(CLEAR);
  print();
  if (isShown) draw(screen);
}

/** A command that ends with an error waits no more, whatever else is still on its way. */
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
