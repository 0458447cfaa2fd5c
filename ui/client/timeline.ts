/** What happened to one agent on one axis of time: heartbeats, steps, tasks, and what was noticed, each a row of marks. Pure. */
import type { EventLine } from "./event-lines.ts";
import { clock, duration, taskText } from "./format.ts";
import { taskMark, type Tone } from "./tones.ts";
import type { TaskView } from "./types.ts";

export interface TimeMark {
  readonly key: string;
  /** Percent of the axis, from its left end. */
  readonly left: number;
  /** Percent; 0: a moment. */
  readonly width: number;
  readonly tone: Tone;
  readonly glyph: string;
  /** The whole of it in words, with its time. */
  readonly text: string;
  /** What it leads to; empty: nothing. */
  readonly task: string;
}

export interface TimeRow {
  readonly word: string;
  readonly marks: readonly TimeMark[];
}

export interface TimelineFacts {
  readonly events: readonly EventLine[];
  readonly tasks: readonly TaskView[];
  readonly heartbeats: readonly number[];
  readonly now: number;
  /** Milliseconds that the axis spans, up to now. */
  readonly span: number;
}

const NOTICED = new Set([
  "agent.drifted",
  "agent.held",
  "agent.converged",
  "runtime.online",
  "runtime.suspect",
  "runtime.offline",
  "secret.rotated",
]);

export function timeline(name: string, facts: TimelineFacts): readonly TimeRow[] {
  const { events, tasks, heartbeats, now, span } = facts;
  const begin = now - span;
  const place = (from: number, to: number): Pick<TimeMark, "left" | "width"> | null => {
    if (to < begin || from > now) return null;
    const left = percent((Math.max(from, begin) - begin) / span);
    return { left, width: percent((Math.min(to, now) - begin) / span) - left };
  };
  const mark = (from: number, to: number, rest: Omit<TimeMark, "left" | "width">): TimeMark[] => {
    const found = place(from, to);
    return found === null ? [] : [{ ...found, ...rest }];
  };
  const mine = events.filter((e) => e.agent === name);
  return [
    {
      word: "noticed",
      marks: mine.filter((e) => NOTICED.has(e.name)).flatMap((e) => mark(e.at, e.at, said(e))),
    },
    { word: "steps", marks: steps(mine, now).flatMap(({ from, to, ...rest }) => mark(from, to, rest)) },
    {
      word: "tasks",
      marks: tasks
        .filter((t) => t.agent === name)
        .flatMap((t) =>
          mark(
            t.startedAt ?? t.createdAt,
            t.finishedAt ?? (t.startedAt === null ? t.createdAt : now),
            taskSaid(t),
          ),
        ),
    },
    {
      word: "heartbeats",
      marks: heartbeats.flatMap((at) =>
        mark(at, at, { key: `h${at}`, tone: "dim", glyph: "", text: `${clock(at)} heartbeat`, task: "" }),
      ),
    },
  ];
}

const percent = (share: number): number => Math.round(share * 1000) / 10;

const said = ({ id, at, tone, glyph, text }: EventLine) => ({
  key: id,
  tone,
  glyph,
  text: `${clock(at)} ${text}`,
  task: "",
});

function taskSaid(task: TaskView) {
  const { tone, glyph, word } = taskMark(task.state);
  const took =
    task.startedAt !== null && task.finishedAt !== null
      ? `, ${duration(task.finishedAt - task.startedAt)}`
      : "";
  const text = `${clock(task.startedAt ?? task.createdAt)} ${task.type} ${taskText(task.spec)}: ${word}${took}`;
  return { key: task.id, tone, glyph, text, task: task.id };
}

/** One step at a time is worked on for an agent: what ends belongs to what began last. */
function steps(events: readonly EventLine[], now: number) {
  const done: {
    from: number;
    to: number;
    key: string;
    tone: Tone;
    glyph: string;
    text: string;
    task: string;
  }[] = [];
  let begun: EventLine | null = null;
  for (const e of events) {
    if (e.name === "step.started") begun = e;
    if (e.name !== "step.done" && e.name !== "step.failed") continue;
    if (!e.routine) done.push({ ...said(e), from: begun?.at ?? e.at, to: e.at });
    begun = null;
  }
  if (begun) done.push({ ...said(begun), from: begun.at, to: now });
  return done;
}
