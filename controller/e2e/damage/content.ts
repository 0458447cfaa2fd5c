/** What the writer of the damage test stores under each number, so that a reader can tell whether it is still that. */
import { seeded } from "../kill/seeded.ts";

const text = (n: number, what: string, bytes: number): string =>
  `${what} ${n} `.padEnd(bytes, `${what}${n}.`);

/** Mostly small; some fill several pages. */
function sizeOf(n: number, what: string): number {
  const random = seeded(n * 31 + what.length);
  return random() < 0.05 ? 12_000 : Math.floor(40 + random() * 600);
}

export const idOf = (n: number): string => `task-${String(n).padStart(6, "0")}`;
export const specOf = (n: number) => ({ type: "exec", command: text(n, "spec", sizeOf(n, "spec")) });
export const resultOf = (n: number) => ({ stdout: text(n, "result", sizeOf(n, "result")), exitCode: 0 });
export const outputOf = (n: number): string => text(n, "output", sizeOf(n, "output"));
export const detailOf = (n: number) => ({ n, note: text(n, "audit", 60) });
