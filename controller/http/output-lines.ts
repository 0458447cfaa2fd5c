/** A range of lines of a task's output. Pure. */
import { after, BEGIN, type Gap, gapBefore, type Place } from "../hub/tasks/output-places.ts";
import { isFinal } from "../hub/tasks/states.ts";
import type { OutputChunk, TaskState } from "../store/store.ts";

/** Lines are numbered from 1 over both streams together, in the order of their ends. */
export type OutputLine =
  | { readonly line: number; readonly stream: "stdout" | "stderr"; readonly text: string }
  | { readonly gap: Gap };

export interface OutputRange {
  readonly state: TaskState;
  readonly lines: readonly OutputLine[];
  /** `from` of the next range; null: there will be none. */
  readonly next: number | null;
}

export interface RangeRequest {
  readonly from: number;
  /** Lines and gaps. */
  readonly limit: number;
  readonly state: TaskState;
}

/** While the task runs an unfinished line is left for later. */
export function outputLines(
  chunks: readonly OutputChunk[],
  { from, limit, state }: RangeRequest,
): OutputRange {
  const found: OutputLine[] = [];
  const open = { stdout: "", stderr: "" };
  let place: Place = BEGIN;
  let count = 0;
  let next: number | null = null;
  const add = (line: number, stream: "stdout" | "stderr", text: string) => {
    if (line < from || next !== null) return;
    if (count >= limit) next = line;
    else {
      count += 1;
      found.push({ line, stream, text });
    }
  };
  const flush = () => {
    for (const stream of ["stdout", "stderr"] as const) {
      if (open[stream] !== "") add(place.line + 1, stream, open[stream]);
      open[stream] = "";
    }
  };
  for (const chunk of chunks) {
    const gap = gapBefore(chunk, place);
    if (gap !== null) {
      flush();
      // Shown with the line before it, or with the first after it.
      if (next === null && count < limit && chunk.line + 1 >= from) found.push({ gap });
    }
    if (chunk.offset >= 0) place = { ...place, line: chunk.line };
    const text = open[chunk.stream] + Buffer.from(chunk.data, chunk.encoding ?? "utf8").toString("utf8");
    const parts = text.split("\n");
    open[chunk.stream] = parts.pop() ?? "";
    for (const [index, part] of parts.entries()) add(place.line + index + 1, chunk.stream, part);
    place = { ...after(chunk, place), line: place.line + parts.length };
  }
  if (isFinal(state)) flush();
  const rest = isFinal(state) ? null : Math.max(from, place.line + 1);
  return { state, lines: found, next: next ?? rest };
}
