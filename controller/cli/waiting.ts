/** Says on a terminal's stderr what a command waits for, once it took longer than a person waits without wondering. */

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
  if (screen.isTTY !== true || process.env.TERM === "dumb") return work();
  const shown = lines.get(screen) ?? [];
  lines.set(screen, shown);
  const draw = () => {
    const last = shown.at(-1);
    screen.write(CLEAR + (last === undefined ? "" : last.slice(0, (screen.columns || 80) - 1)));
  };
  const line = `waiting for ${text} …`;
  let isShown = false;
  const timer = setTimeout(() => {
    isShown = true;
    shown.push(line);
    draw();
  }, quietMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    if (isShown) {
      shown.splice(shown.lastIndexOf(line), 1);
      draw();
    }
  }
}
