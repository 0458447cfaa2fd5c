/** Every event of the live stream as one line for people: what happened, to whom, how it is meant. Pure. */
import type { ServerEvent } from "./transport.ts";
import { count, duration } from "./format.ts";
import type { Tone } from "./tones.ts";

export type EventKind = "agent" | "task" | "fleet" | "command" | "hub";

export interface EventLine {
  readonly id: string;
  readonly at: number;
  readonly name: string;
  readonly kind: EventKind;
  readonly agent: string | null;
  readonly glyph: string;
  readonly tone: Tone;
  readonly text: string;
  /** Happens all the time and says nothing by itself: a look at the world, a turn with nothing to do. */
  readonly routine: boolean;
  /** Of a step that began or ended: which; else null. */
  readonly step: string | null;
  /** Of a call of multipass: its parts; else null. */
  readonly call: CallView | null;
}

export interface CallView {
  /** As one line. */
  readonly argv: string;
  readonly durationMs: number;
  /** null: it did not end by itself. */
  readonly exitCode: number | null;
  readonly failure: string;
}

type Data = Readonly<Record<string, unknown>>;
type EventText = readonly [kind: EventKind, glyph: string, tone: Tone, text: string, routine?: boolean];

const word = (data: Data, key: string): string => {
  const value = data[key];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
};
const number = (data: Data, key: string): number =>
  typeof data[key] === "number" ? (data[key] as number) : 0;
const took = (data: Data): string => duration(number(data, "durationMs"));
const list = (data: Data, key: string): readonly string[] =>
  Array.isArray(data[key]) ? (data[key] as readonly unknown[]).map(String) : [];

/** Steps that touch our own notes alone. */
const BOOKKEEPING: ReadonlySet<string> = new Set(["claim", "converged", "forget"]);

const EVENT_LINES: Readonly<Record<string, (data: Data) => EventText>> = {
  "fleet.read": (d) => {
    const errors = list(d, "errors");
    if (errors.length > 0) return ["fleet", "✗", "bad", `the fleet files have errors: ${errors[0]}`];
    return ["fleet", "✓", "good", `the fleet was read: ${count(number(d, "agents"), "agent")}`];
  },
  observed: (d) =>
    d.reason
      ? ["fleet", "▲", "bad", `nothing can be seen: ${word(d, "reason")}`]
      : ["fleet", "·", "dim", `looked at ${count(number(d, "instances"), "instance")} in ${took(d)}`, true],
  planned: (d) => {
    const parts = ["create", "change", "destroy"].flatMap((k) =>
      number(d, k) > 0 ? [`${word(d, k)} to ${k}`] : [],
    );
    if (number(d, "held") > 0) parts.push(`${word(d, "held")} held`);
    if (parts.length === 0) return ["fleet", "✓", "good", "plan: nothing is left to do"];
    return ["fleet", "≠", "accent", `plan: ${parts.join(", ")}`];
  },
  reconciled: (d) => {
    const outcome = word(d, "outcome");
    const bad = outcome === "failed" || outcome === "unobservable";
    return [
      "fleet",
      bad ? "✗" : "·",
      bad ? "bad" : "dim",
      `a turn of the loop ended: ${outcome}, ${took(d)}`,
      !bad,
    ];
  },
  "step.started": (d) => [
    "agent",
    "◐",
    "accent",
    `${word(d, "step")} began${withDetail(word(d, "detail"))}`,
    BOOKKEEPING.has(word(d, "step")),
  ],
  "step.done": (d) =>
    d.skipped === true
      ? ["agent", "–", "dim", `${word(d, "step")} was not needed`, true]
      : ["agent", "✓", "good", `${word(d, "step")} done in ${took(d)}`, BOOKKEEPING.has(word(d, "step"))],
  "step.failed": (d) => [
    "agent",
    "✗",
    "bad",
    `${word(d, "step")} failed: ${word(d, "message")}${typeof d.retryInMs === "number" ? `; tried again in ${duration(d.retryInMs)}` : ""}`,
  ],
  "agent.converged": (d) =>
    word(d, "failed") !== ""
      ? ["agent", "✗", "bad", `its provisioning failed: ${word(d, "failed")}`]
      : ["agent", "✓", "good", d.action === "destroy" ? "is gone, as its document is" : "is in sync"],
  "agent.drifted": (d) => ["agent", "↯", "warn", `drifted: ${word(d, "message")}`],
  "agent.held": (d) => ["agent", "?", "warn", `held: ${word(d, "message")}`],
  "secret.rotated": (d) => [
    "agent",
    "~",
    "accent",
    `new value of ${Array.isArray(d.secrets) ? d.secrets.join(", ") : "a secret"}, pushed to its runtime`,
  ],
  "runtime.online": (d) => ["agent", "●", "good", `its runtime ${word(d, "version")} is online`],
  "runtime.configured": () => ["agent", "·", "dim", "its runtime works by what is written", true],
  "runtime.provisioned": () => ["agent", "·", "dim", "its provisioning has ended", true],
  "runtime.suspect": (d) =>
    d.expected === true
      ? ["agent", "·", "dim", "its runtime fell silent, as its instance is stopped", true]
      : ["agent", "▲", "warn", "its runtime fell silent"],
  "runtime.offline": (d) => {
    const text = `its runtime is offline${withDetail(word(d, "reason"))}`;
    return d.expected === true ? ["agent", "·", "dim", text, true] : ["agent", "✕", "bad", text];
  },
  "task.changed": (d) => {
    const state = word(d, "state");
    const tone = state === "succeeded" ? "good" : /^(failed|timed-out|lost)$/.test(state) ? "bad" : "accent";
    const glyph = tone === "good" ? "✓" : tone === "bad" ? "✗" : "▸";
    return [
      "task",
      glyph,
      tone,
      `task ${shortId(word(d, "taskId"))} (${word(d, "type")}) ${state}`,
      state === "queued" || state === "sent",
    ];
  },
  command: (d) => {
    const failure = word(d, "failure");
    const end = failure || (d.exitCode === 0 ? "" : `exit ${word(d, "exitCode") || "?"}`);
    const text = `${list(d, "argv").join(" ")}  ${took(d)}${end === "" ? "" : `, ${end}`}`;
    return ["command", end === "" ? "✓" : "✗", end === "" ? "dim" : "bad", text];
  },
  "clock.jumped": (d) => {
    const by = number(d, "by");
    return ["hub", "▲", "warn", `the clock jumped ${by > 0 ? "ahead" : "back"} by ${duration(Math.abs(by))}`];
  },
  "hub.listening": (d) => {
    const problem = word(d, "problem");
    const at = list(d, "addresses").join(", ");
    return problem === ""
      ? ["hub", "●", "good", `instances reach the hub at ${at}`]
      : ["hub", "✗", "bad", `${problem} (open: ${at})`];
  },
  "auth.failed": (d) => {
    const [reason, name, from] = [word(d, "reason"), word(d, "inNameOf"), word(d, "address")];
    const times = typeof d.times === "number" ? `, ${d.times} more times` : "";
    const what =
      reason !== ""
        ? `was refused: ${reason}`
        : d.unknownName === true
          ? `a runtime${name && ` named ${name}`} that is not of this fleet was refused`
          : `a wrong token was presented${name && ` in the name of ${name}`}`;
    return ["hub", "✗", "bad", `${what}${times} (${word(d, "surface")}, ${from})`];
  },
};

const withDetail = (text: string): string => (text === "" ? "" : `: ${text}`);

export const shortId = (id: string): string => (id.length > 12 ? id.slice(-8) : id);

export function eventLine({ id, event, data }: ServerEvent, now: number): EventLine {
  const fields: Data = typeof data === "object" && data !== null ? (data as Data) : {};
  const tell = EVENT_LINES[event];
  const [kind, glyph, tone, text, routine = false] = tell
    ? tell(fields)
    : (["hub", "·", "dim", event, true] as const);
  return {
    id,
    at: number(fields, "at") || now,
    name: event,
    kind,
    agent: word(fields, "agent") || null,
    glyph,
    tone,
    text,
    routine,
    step: event.startsWith("step.") ? word(fields, "step") : null,
    call: event === "command" ? callOf(fields) : null,
  };
}

const callOf = (data: Data): CallView => ({
  argv: list(data, "argv").join(" "),
  durationMs: number(data, "durationMs"),
  exitCode: typeof data.exitCode === "number" ? data.exitCode : null,
  failure: word(data, "failure"),
});
