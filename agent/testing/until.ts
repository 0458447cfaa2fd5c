/** For tests: waits for a condition with a deadline. */

export const DEADLINE_MS = 40_000;

/** The first value that is neither false, null nor undefined; `what` names it when the deadline passes. */
export async function until<T>(
  probe: () => T | false | null | undefined,
  what: string | (() => string),
  deadline: number = DEADLINE_MS,
): Promise<T> {
  const begin = performance.now();
  for (;;) {
    const value = probe();
    if (value !== false && value !== null && value !== undefined) return value;
    if (performance.now() - begin > deadline) {
      throw new Error(`waited ${deadline} ms for ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
