/** The columns of the fleet table: what each says of an agent, and which of them fit into how many columns. Pure. */
import { textWidth } from "../../../controller/views/text-width.ts";
import { lastChange } from "../../client/agent-times.ts";
import { workWords } from "../../client/agent-words.ts";
import { holds, isDrifted } from "../../client/fleet-filter.ts";
import { duration } from "../../client/format.ts";
import type { HealthSample } from "../../client/health.ts";
import { DRIFTED, healthMark, type Mark, syncMark } from "../../client/tones.ts";
import type { AgentView } from "../../client/types.ts";
import { gauge, spark } from "./bars.ts";
import { fit, fitName, type Line, type Span, span } from "./line.ts";

export interface Facts {
  readonly agent: AgentView;
  /** Oldest first. */
  readonly health: readonly HealthSample[];
  readonly registered: number | null;
  readonly now: number;
}

export interface Column {
  readonly title: string;
  readonly width: number;
  readonly cell: (facts: Facts) => Span;
  readonly isName?: true;
}

interface ColumnRow extends Omit<Column, "width"> {
  readonly id: string;
  readonly width: number;
  /** The smaller, the sooner it has a place. */
  readonly rank: number;
}

const marked = ({ glyph, word, tone }: Mark): Span => span(`${glyph} ${word}`, tone);

function syncCell({ agent }: Facts): Span {
  const { work } = agent;
  if (work) return span(`◐ ${work.step ?? work.action}…`, "accent");
  return marked(isDrifted(agent) ? DRIFTED : syncMark(agent.sync));
}

/** Both axes in one word, where there is room for one: what is amiss first. */
function stateCell(facts: Facts): Span {
  const { agent } = facts;
  if (agent.work || isDrifted(agent) || agent.sync === "Held" || agent.sync === "Paused")
    return syncCell(facts);
  if (agent.health !== "Healthy" || agent.sync === "Synced")
    return agent.health === "Healthy" && agent.wanted !== "running"
      ? span(`● ${agent.seen}`, "good")
      : marked(healthMark(agent.health));
  return syncCell(facts);
}

const share = (facts: Facts, key: "cpu" | "memory" | "disk"): number | null =>
  facts.agent.runtime?.status === "online" ? (facts.health.at(-1)?.[key] ?? null) : null;

function shareSpan(value: number | null, text: string): Span {
  if (value === null) return span(text, "dim");
  return value >= 90 ? span(text, "bad") : value >= 75 ? span(text, "warn") : { text };
}

const small = (key: "cpu" | "memory" | "disk") => (facts: Facts) => {
  const value = share(facts, key);
  return shareSpan(value, gauge(value));
};

const TREND = 8;
const trend = (key: "cpu" | "memory") => (facts: Facts) => {
  const value = share(facts, key);
  const history = spark(
    facts.health.map((h) => h[key]),
    TREND,
  );
  return shareSpan(
    value,
    value === null ? `${history}   –` : `${history}${String(Math.round(value)).padStart(4)}`,
  );
};

function tasksCell({ agent: { tasks, runtime } }: Facts): Span {
  if (tasks.running === 0 && tasks.queued === 0) return span(runtime === null ? "–" : "0", "dim");
  return span(`${tasks.running}${tasks.queued > 0 ? ` +${tasks.queued}` : ""}`, "accent");
}

/** One unit is enough in a table. */
const shortAge = (ms: number): string => duration(ms).split(" ")[0] ?? "";

const since = (at: number | null, now: number): Span =>
  at === null ? span("–", "dim") : span(shortAge(Math.max(1000, now - at)));

/** What is to be known of it beyond the columns, in one sentence. */
export function remark({ agent }: Pick<Facts, "agent">): Span {
  const { work, failure, next } = agent;
  if (work) return span(workWords(work), "accent");
  if (failure) return span(`${failure.message}; ${failure.next}`, "bad");
  const [hold] = holds(agent);
  if (hold) return span(`held: ${hold.message}; ${agent.source ? hold.release : "D removes it"}`, "warn");
  if (next) return span(`${next.what}: ${next.why}`, "warn");
  const ready = agent.conditions.find((c) => c.type === "Ready");
  return span(ready && ready.status !== "True" ? ready.message : (agent.notes?.[0] ?? ""), "dim");
}

const COLUMNS: readonly ColumnRow[] = [
  {
    id: "type",
    title: "TYPE",
    width: 10,
    rank: 6,
    cell: ({ agent }) => span(agent.type || "–", agent.type ? {} : "dim"),
  },
  { id: "want", title: "DESIRED", width: 7, rank: 4, cell: ({ agent }) => span(agent.wanted) },
  {
    id: "seen",
    title: "OBSERVED",
    width: 8,
    rank: 1,
    cell: ({ agent }) => span(agent.seen, agent.seen === "?" || agent.seen === "absent" ? "dim" : {}),
  },
  { id: "sync", title: "SYNC", width: 11, rank: 2, cell: syncCell },
  {
    id: "health",
    title: "HEALTH",
    width: 13,
    rank: 3,
    cell: ({ agent }) => marked(healthMark(agent.health)),
  },
  { id: "cpu", title: "CPU", width: 3, rank: 7, cell: small("cpu") },
  { id: "cpu-trend", title: "CPU", width: TREND + 4, rank: 13, cell: trend("cpu") },
  { id: "memory", title: "MEM", width: 3, rank: 8, cell: small("memory") },
  { id: "memory-trend", title: "MEMORY", width: TREND + 4, rank: 14, cell: trend("memory") },
  { id: "disk", title: "DISK", width: 4, rank: 9, cell: small("disk") },
  { id: "tasks", title: "TASKS", width: 5, rank: 5, cell: tasksCell },
  { id: "age", title: "AGE", width: 4, rank: 11, cell: ({ registered, now }) => since(registered, now) },
  {
    id: "changed",
    title: "CHANGED",
    width: 7,
    rank: 10,
    cell: ({ agent, now }) => since(lastChange(agent), now),
  },
];

/** Below this width sync and health share one column. */
const NARROW = 49;

const STATE: Column = { title: "STATE", width: 13, cell: stateCell };

/** Between columns. */
const GAP = 2;
const REMARK = 30;

/** `ids` of the trends stand for the small figures where there is room for both figures' history. */
export function chooseColumns(width: number, names: number): readonly Column[] {
  if (width < NARROW) return narrowColumns(width, names);
  const name = Math.min(Math.max(12, names), width >= 100 ? 32 : 22);
  let left = width - name;
  const chosen = new Set<string>();
  for (const column of [...COLUMNS].sort((a, b) => a.rank - b.rank)) {
    const small = column.id.endsWith("-trend")
      ? COLUMNS.find((c) => `${c.id}-trend` === column.id)
      : undefined;
    const cost = small ? column.width - small.width : column.width + GAP;
    // A sentence about each agent is worth more than the history of its figures.
    if (cost > left - (small ? REMARK : 0)) continue;
    chosen.add(column.id);
    if (small) chosen.delete(small.id);
    left -= cost;
  }
  const named = nameColumn(name);
  const rest = COLUMNS.filter((c) => chosen.has(c.id));
  if (left < REMARK + GAP)
    return [{ ...named, width: name + Math.max(0, Math.min(left, names - name)) }, ...rest];
  return [named, ...rest, { title: "", width: left - GAP, cell: remark }];
}

function narrowColumns(width: number, names: number): readonly Column[] {
  const name = Math.max(8, Math.min(names, width - STATE.width - GAP));
  const left = width - name - STATE.width - 2 * GAP;
  const tasks = COLUMNS.filter((c) => c.id === "tasks" && c.width <= left);
  return [nameColumn(name), STATE, ...tasks];
}

const nameColumn = (width: number): Column => ({
  title: "NAME",
  width,
  isName: true,
  cell: ({ agent }) => span(agent.name, { bold: true }),
});

export const headLine = (all: readonly Column[]): Line => [
  span(all.map((c) => fit(c.title, c.width)).join(" ".repeat(GAP)), "dim"),
];

export function agentLine(all: readonly Column[], facts: Facts): Line {
  const out: Span[] = [];
  all.forEach((column, i) => {
    const cell = column.cell(facts);
    const text = column.isName === true ? fitName(cell.text, column.width) : fit(cell.text, column.width);
    out.push({ ...cell, text });
    if (i < all.length - 1) out.push({ text: " ".repeat(GAP) });
  });
  return out;
}

export const longestName = (agents: readonly AgentView[]): number =>
  agents.reduce((most, a) => Math.max(most, textWidth(a.name)), 0);
