/** What a task printed and how it ended; the log of an agent's runtime. Pure. */
import { shortId } from "../../client/event-lines.ts";
import { clock, taskText } from "../../client/format.ts";
import { decimalSize, type OutputText } from "../../client/output-text.ts";
import { taskMark } from "../../client/tones.ts";
import { type Body, hasWords, MARGIN, textBody } from "./body.ts";
import { type Line, line, span, textOf, wrap } from "./line.ts";
import type { Spot } from "../app/state.ts";
import type { World } from "../app/world.ts";

export function taskBody(
  world: World,
  id: string,
  options: { readonly width: number; readonly spot: Spot },
): Body {
  const { spot, width } = options;
  const task = world.model.tasks.find((t) => t.id === id);
  const title = `Task ${shortId(id)}${task ? ` of ${task.agent}: ${task.type} ${taskText(task.spec)}` : ""}`;
  const output = world.output?.id === id ? world.output : null;
  if (!output) return textBody(title, [], ["Waiting for its output…"]);
  const lines = outputLines(output.text, spot.wrap ? width - MARGIN : null);
  const kept = spot.filter === "" ? lines : lines.filter((l) => hasWords(textOf(l), spot.filter));
  const state = output.text.end?.state ?? output.text.state;
  const mark = taskMark(state);
  const { end } = output.text;
  const head = line(
    span(`${mark.glyph} ${mark.word}`, mark.tone),
    ...(task?.waits && !end ? [span(`  ${task.waits}`, "warn")] : []),
    ...(end?.exitCode !== null && end?.exitCode !== undefined ? [`  exit code ${end.exitCode}`] : []),
    ...(end?.error ? [span(`  ${end.error}`, "bad")] : []),
    ...(end && end.droppedBytes > 0
      ? [span(`  ${decimalSize(end.droppedBytes)} of output discarded`, "warn")]
      : []),
    ...(output.lost === "" ? [] : [span(`  ✕ ${output.lost}; going on as soon as it is back`, "bad")]),
  );
  const nothing = end ? "It printed nothing." : "Nothing printed yet.";
  const empty =
    lines.length === 0 ? [nothing] : [`Nothing here matches "${spot.filter}".`, "Esc shows all again."];
  return textBody(title, kept, empty, lines.length, head);
}

export function logBody(
  { log }: World,
  name: string,
  { width, spot }: { readonly width: number; readonly spot: Spot },
): Body {
  const title = `Log of ${name}`;
  if (log?.name !== name) return textBody(title, [], ["Waiting for its log…"]);
  const kept = log.lines.filter((l) => hasWords(`${l.level} ${l.message}`, spot.filter));
  const empty =
    log.lines.length === 0
      ? ["Its runtime logged nothing yet."]
      : [`Nothing here matches "${spot.filter}".`, "Esc shows all again."];
  const head = log.lost === "" ? null : line(span(`✕ ${log.lost}; going on as soon as it is back`, "bad"));
  const indent = 15;
  const lines = kept.flatMap((l) => {
    const look = l.seq < 0 ? ({ tone: "dim" } as const) : (LEVELS[l.level] ?? {});
    const parts = spot.wrap ? wrap(l.message, width - MARGIN - indent) : [l.message];
    return parts.map((part, i) =>
      i === 0
        ? line(
            span(clock(l.at), "dim"),
            " ",
            span(l.level.padEnd(5), look),
            " ",
            span(part, l.seq < 0 ? "dim" : {}),
          )
        : line(" ".repeat(indent), part),
    );
  });
  return textBody(title, lines, empty, log.lines.length, head);
}

const LEVELS: Readonly<Record<string, { readonly tone: "bad" | "warn" | "dim" }>> = {
  error: { tone: "bad" },
  warn: { tone: "warn" },
  debug: { tone: "dim" },
};

const LOOKS = { stdout: {}, stderr: { tone: "warn" }, gap: { tone: "dim" } } as const;

const memo: { output: OutputText | null; width: number | null; lines: readonly Line[] } = {
  output: null,
  width: null,
  lines: [],
};

/** The last answer is kept: between two frames there is mostly nothing new. */
function outputLines(output: OutputText, width: number | null): readonly Line[] {
  if (memo.output === output && memo.width === width) return memo.lines;
  const lines: Line[] = output.cut ? [line(span("… the beginning is not shown", "dim"))] : [];
  for (const { stream, text } of output.parts) {
    const whole = text.endsWith("\n") ? text.slice(0, -1) : text;
    const look = LOOKS[stream];
    for (const one of width === null ? whole.split("\n") : wrap(whole, width))
      lines.push([{ text: one, ...look }]);
  }
  Object.assign(memo, { output, width, lines });
  return lines;
}
