/** Tasks, events and calls of multipass as rows. Pure. */
import { shortId, type EventLine } from "../../client/event-lines.ts";
import { clock, duration, taskText } from "../../client/format.ts";
import { taskMark } from "../../client/tones.ts";
import type { TaskView } from "../../client/types.ts";
import { type Body, hasWords, MARGIN, textBody } from "./body.ts";
import { cutName, fit, fitName, type Line, line, span, wrap } from "./line.ts";
import type { Spot } from "../app/state.ts";
import { hubTime, type World } from "../app/world.ts";

interface Options {
  readonly width: number;
  readonly spot: Spot;
  readonly now: number;
}

/** The event itself stands for its row. */
export function tasksBody(world: World, { width, spot, now }: Options): Body {
  const { tasks } = world.model;
  const kept = tasks.filter((t) =>
    hasWords(`${t.id} ${t.agent} ${t.type} ${t.state} ${taskText(t.spec)}`, spot.filter),
  );
  const name = Math.min(24, Math.max(10, ...kept.slice(0, 100).map((t) => t.agent.length)));
  const wide = width >= 90;
  const head = [
    "ID".padEnd(8),
    "AGENT".padEnd(name),
    "STATE".padEnd(12),
    ...(wide ? ["EXIT", "TOOK   ", "GIVEN   "] : []),
    "WHAT",
  ];
  const at = hubTime(world, now);
  return {
    title: "Tasks",
    head: [span(head.join("  "), "dim")],
    ids: kept.map((t) => t.id),
    row: (i) => {
      const task = kept[i];
      return task ? taskLine(task, name, wide, at) : [];
    },
    selectable: true,
    total: tasks.length,
    empty:
      tasks.length === 0
        ? ["No task was given yet.", "t on an agent gives it one."]
        : [`No task matches "${spot.filter}".`, "Esc shows all again."],
  };
}

export function taskLine(task: TaskView, name: number, wide: boolean, now: number): Line {
  const mark = taskMark(task.state);
  const took = task.startedAt === null ? "–" : duration((task.finishedAt ?? now) - task.startedAt);
  return line(
    fit(shortId(task.id), 8),
    "  ",
    span(fitName(task.agent, name), { bold: true }),
    "  ",
    span(fit(`${mark.glyph} ${mark.word}`, 12), mark.tone),
    ...(wide
      ? [
          span(fit(`  ${task.exitCode === null ? "–" : task.exitCode}`, 6, "right"), "dim"),
          `  ${fit(took, 7)}`,
          span(`  ${clock(task.createdAt)}`, "dim"),
        ]
      : []),
    "  ",
    span(task.type, "dim"),
    ` ${taskText(task.spec)}`,
    ...(task.waits ? [span(`  ${task.waits}`, "warn")] : []),
    ...(task.error ? [span(`  ${task.error}`, "bad")] : []),
  );
}

export function eventsBody(
  world: World,
  { width, spot }: Options,
  which: {
    readonly title: string;
    readonly of: string;
    readonly commands: boolean;
    readonly verbose: boolean;
  },
): Body {
  const all = world.model.events.filter((e) =>
    which.commands ? e.kind === "command" : isShown(e, which.of, which.verbose),
  );
  const kept = all.filter((e) => hasWords(`${e.agent ?? ""} ${e.text}`, spot.filter));
  const nothing = which.commands ? "No call of multipass yet." : "Nothing happened yet.";
  const empty =
    all.length === 0 ? [nothing] : [`Nothing here matches "${spot.filter}".`, "Esc shows all again."];
  if (which.commands) return callsBody(kept, all.length, empty, { which, width, wrapped: spot.wrap });
  if (spot.wrap) {
    const lines = kept.flatMap((e) => wrapped(e, which.of, width - MARGIN));
    return textBody(which.title, lines, empty, all.length);
  }
  return {
    title: which.title,
    head: null,
    ids: kept.map((e) => e.id),
    row: (i) => {
      const event = kept[i];
      return event ? eventSpans(event, which.of) : [];
    },
    selectable: false,
    total: all.length,
    empty,
  };
}

const CALL = 27;

function callsBody(
  calls: readonly EventLine[],
  total: number,
  empty: readonly string[],
  {
    which,
    width,
    wrapped,
  }: { readonly which: { readonly title: string }; readonly width: number; readonly wrapped: boolean },
): Body {
  const head = [span(`${"TIME".padEnd(8)}  ${"TOOK".padEnd(9)}EXIT  CALL`, "dim")];
  const lines = (e: EventLine): readonly Line[] => {
    const { argv = e.text, durationMs = 0, exitCode = null, failure = "" } = e.call ?? {};
    const bad = failure !== "" || exitCode !== 0;
    const text = `${argv}${failure === "" ? "" : `  ${failure}`}`;
    const parts = wrapped ? wrap(text, width - CALL - MARGIN) : [text];
    return parts.map((part, i) =>
      i === 0
        ? line(
            span(clock(e.at), "dim"),
            `  ${fit(duration(durationMs), 9)}`,
            span(fit(`${bad ? "✗" : "✓"} ${exitCode ?? "–"}`, 6), bad ? "bad" : "good"),
            span(part, bad ? "bad" : {}),
          )
        : line(" ".repeat(CALL - 2), part),
    );
  };
  if (wrapped) return textBody(which.title, calls.flatMap(lines), empty, total, head);
  return {
    title: which.title,
    head,
    ids: calls.map((e) => e.id),
    row: (i) => {
      const call = calls[i];
      return call ? (lines(call)[0] ?? []) : [];
    },
    selectable: false,
    total,
    empty,
  };
}

const isShown = (e: EventLine, of: string, verbose: boolean): boolean =>
  e.kind !== "command" && (of === "" || e.agent === of) && (verbose || !e.routine);

/** Of a name that is longer, the middle is left out where a line is not wrapped: what happened is worth more. */
const NAME = 32;

export function eventSpans(e: EventLine, of: string): Line {
  return line(
    span(clock(e.at), "dim"),
    " ",
    span(e.glyph, e.tone),
    " ",
    ...(e.agent !== null && e.agent !== of ? [span(`${cutName(e.agent, NAME)} `, { bold: true })] : []),
    span(e.text, e.tone === "good" || e.tone === "dim" ? {} : e.tone),
  );
}

const INDENT = 11;

export function wrapped(e: EventLine, of: string, width: number): readonly Line[] {
  const name = e.agent !== null && e.agent !== of ? `${e.agent} ` : "";
  const parts = wrap(`${name}${e.text}`, width - INDENT);
  return parts.map((part, i) =>
    i === 0
      ? line(span(clock(e.at), "dim"), " ", span(e.glyph, e.tone), " ", part)
      : line(" ".repeat(INDENT), part),
  );
}
