/** The agents that match a filter: a count of the header, and typed text. Pure. */
import { size } from "./format.ts";
import { fieldRows } from "./plan-view.ts";
import type { Tone } from "./tones.ts";
import type { AgentView, ChangeView } from "./types.ts";

export const FILTERS = ["all", "ready", "working", "drifted", "held", "failing"] as const;
export type Filter = (typeof FILTERS)[number];

export const FILTER_WORDS: Readonly<Record<Filter, string>> = {
  all: "agents",
  ready: "ready",
  working: "in work",
  drifted: "drifted",
  held: "held",
  failing: "failing",
};

export const FILTER_TONES: Readonly<Record<Filter, Tone>> = {
  all: "dim",
  ready: "good",
  working: "accent",
  drifted: "warn",
  held: "warn",
  failing: "bad",
};

/** Behind the number of agents that it lets through. */
export const filterWord = (filter: Filter, found: number): string =>
  filter === "all" && found === 1 ? "agent" : FILTER_WORDS[filter];

const condition = (agent: AgentView, type: string): boolean =>
  agent.conditions.some((c) => c.type === type && c.status === "True");

const TESTS: Readonly<Record<Filter, (agent: AgentView) => boolean>> = {
  all: () => true,
  ready: (a) => condition(a, "Ready"),
  working: (a) => a.work !== null,
  drifted: (a) => condition(a, "Drifted"),
  held: (a) => holds(a).length > 0,
  failing: (a) => a.failure !== null,
};

/** What is held for a reason that a person can release; waiting ends by itself. */
export const holds = (agent: AgentView): AgentView["held"] =>
  agent.held.filter((h) => h.reason !== "waiting");

export const isDrifted = TESTS.drifted;

/** What is wrong in an instance although its runtime answers and takes tasks; null: nothing. */
export const troubleOf = (agent: AgentView): string | null =>
  agent.health === "Degraded"
    ? (agent.conditions.find((c) => c.type === "Ready" && c.status === "True")?.message ?? null)
    : null;

export const counts = (agents: readonly AgentView[]): Readonly<Record<Filter, number>> =>
  Object.fromEntries(FILTERS.map((f) => [f, agents.filter(TESTS[f]).length])) as Record<Filter, number>;

/** Words as they are typed into a filter; what has a `!` before it is not to be found. */
export interface FilterWords {
  readonly wanted: readonly string[];
  readonly undesired: readonly string[];
}

export function filterWords(text: string): FilterWords {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((w) => w !== "");
  return {
    wanted: words.filter((w) => !w.startsWith("!")),
    // A `!` alone is the beginning of a word that is still typed.
    undesired: words.flatMap((w) => (w.startsWith("!") && w.length > 1 ? [w.slice(1)] : [])),
  };
}

/** `low`: in small letters. */
export const foundIn = (low: string, { wanted, undesired }: FilterWords): boolean =>
  wanted.every((w) => low.includes(w)) && !undesired.some((w) => low.includes(w));

/** Every word of `text` is found in the name, type, states, labels or capabilities. */
export function matching(agents: readonly AgentView[], filter: Filter, text: string): readonly AgentView[] {
  const words = filterWords(text);
  return agents.filter((a) => TESTS[filter](a) && foundIn(searchable(a), words));
}

/** What is seen of it is found: also what it drifted by, what is being done, and whether it failed. */
function searchable(a: AgentView): string {
  const labels = Object.entries(a.labels).map(([k, v]) => `${k}=${v}`);
  const now = [
    isDrifted(a) ? "drifted" : "",
    a.failure ? "failing" : "",
    a.work ? `${a.work.action} ${a.work.step ?? ""}` : "",
  ];
  return [a.name, a.type, a.wanted, a.seen, a.sync, a.health, ...now, ...labels, ...a.capabilities, ...a.ipv4]
    .join(" ")
    .toLowerCase();
}

export interface CompareRow {
  readonly what: string;
  readonly wanted: string;
  readonly seen: string;
  /** null: it cannot be said, for one side is not known. */
  readonly differs: boolean | null;
}

/** Desired beside observed, line by line; `change` adds what only the plan shows (image, mounts, provisioning). */
export function compare(agent: AgentView, change?: ChangeView): readonly CompareRow[] {
  const { size: want, seenSize: seen, runtime } = agent;
  const part = (what: "cpu" | "memory" | "disk"): CompareRow => {
    const show = (s: AgentView["size"], none: string) =>
      s === null ? none : what === "cpu" ? String(s.cpu) : size(s[what]);
    return {
      what,
      wanted: show(want, "–"),
      seen: show(seen, "not read"),
      differs: want === null || seen === null ? null : want[what] !== seen[what],
    };
  };
  const unseen = agent.seen === "?";
  const up = agent.wanted === "running";
  return [
    {
      what: "state",
      wanted: agent.wanted,
      seen: unseen ? "cannot be seen" : agent.seen,
      differs: unseen ? null : agent.wanted !== agent.seen.toLowerCase(),
    },
    part("cpu"),
    part("memory"),
    part("disk"),
    {
      what: "runtime",
      wanted: up ? "online" : "–",
      seen: runtime === null ? "none" : `${runtime.status}, ${runtime.version || "version not said"}`,
      differs: up ? runtime?.status !== "online" : null,
    },
    ...(change?.before && change.after ? fieldRows(change) : [])
      .filter(({ field }) => !ALWAYS.has(field))
      .map(({ field, old, new: wanted }) => ({ what: field, wanted, seen: old ?? "–", differs: true })),
  ];
}

const ALWAYS: ReadonlySet<string> = new Set(["state", "cpu", "memory", "disk"]);
