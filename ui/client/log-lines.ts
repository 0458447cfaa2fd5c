/** A followed log as lines to show: bounded, with what is missing said in its place. Pure. */
import type { LogPage } from "../../schemas/types.ts";

export type LogLine = Pick<LogPage["lines"][number], "seq" | "at" | "level" | "message">;

/** Lines that are kept. */
export const LOG_KEPT = 2000;

/** `event` as the hub names it: `log`, `gap` or `reset`. */
export function withLogEvent(
  lines: readonly LogLine[],
  event: string,
  data: unknown,
  now: number,
): readonly LogLine[] {
  const remark = (message: string): readonly LogLine[] =>
    kept(lines, { seq: -1, at: now, level: "remark", message });
  if (event === "gap") return remark(`${(data as { readonly lines: number }).lines} older lines are gone`);
  if (event === "reset") return lines.length === 0 ? lines : remark("another log begins");
  return event === "log" ? kept(lines, data as LogLine) : lines;
}

const kept = (lines: readonly LogLine[], line: LogLine): readonly LogLine[] =>
  [...lines, line].slice(-LOG_KEPT);
