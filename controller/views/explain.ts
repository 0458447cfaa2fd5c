/** A plan as lines for people: what changes, why, what it costs; what is held and how to release it. Pure. */
import { conjoin } from "../core/dependencies.ts";
import { compareText } from "../core/diff/diff.ts";
import { mountsBeyond } from "../core/diff/fields.ts";
import { EMPTY, type Line, type Role, clampWidth, header, row, sentence } from "./lines.ts";
import { bytes } from "../core/units.ts";
import { textWidth } from "./text-width.ts";
import type { Action, Change, ConvergedView, Held, Inside, Plan, Size } from "../core/types.ts";

export { type Line, type Role, type Segment, lineText, toText } from "./lines.ts";

interface Mark {
  readonly text: string;
  readonly role: Role;
  /** Shown beside the glyph: meaning never depends on colour or glyph alone. */
  readonly words: string;
}

/** SPEC section 3. */
export const GLYPHS: Readonly<Record<Action | "held" | "waiting", Mark>> = {
  create: { text: "+", role: "good", words: "create" },
  update: { text: "~", role: "warn", words: "change in place" },
  "restart-update": { text: "!", role: "warn", words: "change, stops for about a minute" },
  replace: { text: "-/+", role: "bad", words: "replace: destroyed, then created again" },
  destroy: { text: "-", role: "bad", words: "destroy" },
  start: { text: ">", role: "good", words: "start" },
  stop: { text: ".", role: "warn", words: "stop" },
  suspend: { text: "z", role: "warn", words: "suspend" },
  restore: { text: "<", role: "bad", words: "restore" },
  snapshot: { text: "*", role: "accent", words: "snapshot" },
  prune: { text: "-*", role: "bad", words: "remove snapshots" },
  held: { text: "?", role: "warn", words: "held" },
  waiting: { text: "…", role: "dim", words: "waits" },
};

export interface ExplainOptions {
  /** Columns; limited to 60 to 200. */
  readonly width: number;
  /** Number of agents in the fleet, for the sentence without changes. */
  readonly agents?: number;
  /** Changes in flight of a running loop: a refresh in between shows them half done. */
  readonly inFlight?: readonly InFlightText[];
  /** Only the first line of each block, and the last line. */
  readonly glyphsOnly?: boolean;
}

export interface InFlightText {
  readonly agent: string;
  readonly action: Action;
  /** `resizing for 2 s`. */
  readonly doing: string;
}

export function explain(plan: Plan, options: ExplainOptions): readonly Line[] {
  const width = clampWidth(options.width);
  const brief = options.glyphsOnly ?? false;
  const groups = grouped(plan.held);
  const inFlight = new Map((options.inFlight ?? []).map((w) => [w.agent, w]));
  const blocks = [
    ...plan.changes.filter((c) => !inFlight.has(c.agent)).flatMap((change) => changeBlocks(change)),
    ...[...inFlight.values()].map((w) =>
      workBlock(
        w,
        plan.changes.find((c) => c.agent === w.agent),
      ),
    ),
    ...groups.map((group) => heldBlock(group)),
  ].sort((a, b) => compareText(a.agent, b.agent) || a.order - b.order);
  const names = Math.max(0, ...blocks.map((b) => textWidth(b.title)));
  const lines: Line[] = [];
  for (const block of blocks) {
    lines.push(...header(block.mark, block.title, block.what, names, width));
    if (brief) continue;
    for (const { label, text, role, isItem } of block.rows)
      lines.push(...row(label, text, width, role, isItem ? HANG : 0));
    lines.push(EMPTY);
  }
  if (!brief) {
    const notes = plan.notes.flatMap((n) =>
      row("note", n.agent === null ? n.message : `${n.agent}: ${n.message}`, width, "dim"),
    );
    if (notes.length > 0) lines.push(...notes, EMPTY);
    if (plan.totals.host && plan.changes.length > 0)
      lines.push(...hostRow(plan.totals.wanted, plan.totals.host, width), EMPTY);
  }
  if (blocks.length === 0) return [...lines, ...sentence(nothing(options.agents), width, "good")];
  const counts = summary(plan);
  if (textWidth(counts) <= width) return [...lines, [{ text: counts, role: "strong" }]];
  // A number stays next to its noun.
  const bound = counts.replaceAll(/(?<!,) /g, "\u00a0");
  const last = sentence(bound, width, "strong", "Plan: ".length);
  return [
    ...lines,
    ...last.map((line) => line.map((s) => ({ ...s, text: s.text.replaceAll("\u00a0", " ") }))),
  ];
}

/** The last line, or the last two where they are short: `Plan: 2 to create, 1 to change, 0 to destroy, 1 held.` */
export function summary({ counts }: Plan): string {
  const snapshots = counts.snapshot > 0 ? `${counts.snapshot} to snapshot, ` : "";
  return `Plan: ${counts.create} to create, ${counts.change} to change, ${snapshots}${counts.destroy} to destroy, ${counts.held} held.`;
}

function nothing(agents: number | undefined): string {
  if (agents === undefined) return "No changes. The fleet is in sync.";
  if (agents === 0) return "No changes. No agents are declared, and no instances exist.";
  return `No changes. ${agents === 1 ? "1 agent is" : `${agents} agents are`} in sync.`;
}

interface Row {
  readonly label: string;
  readonly text: string;
  /** One of several items under a label: a wrapped item must not look like the next one. */
  readonly isItem?: boolean;
  readonly role?: Role;
}

interface Block {
  readonly agent: string;
  /** Position among the blocks of one agent. */
  readonly order: number;
  readonly mark: Mark;
  readonly title: string;
  readonly what: string;
  readonly rows: readonly Row[];
}

const HANG = 2;
const SNAPSHOT_STOPS = "snapshot, stops for about a minute";

/** Several texts under one label. */
const list = (label: string, texts: readonly string[], role?: Role): readonly Row[] =>
  texts.map((text, i) => ({
    label: i === 0 ? label : "",
    text,
    isItem: texts.length > 1,
    ...(role && { role }),
  }));

function changeBlocks(change: Change): readonly Block[] {
  const { agent, action, snapshots, removes = [] } = change;
  const alone = action === "snapshot";
  // The first line is not repeated.
  const opening = alone ? SNAPSHOT_STOPS : GLYPHS[action].words;
  const costs = change.consequences.filter((c) => !opening.includes(c));
  const reasons = [...list("why", change.why), ...list("cost", costs, "warn")];
  const waits = change.waitsUntil === undefined ? [] : [change.waitsUntil];
  const mark = GLYPHS[action];
  const main: Block = {
    agent,
    order: 0,
    mark,
    title: agent,
    what: mark.words,
    rows: [...fieldRows(change), ...list("after", waits), ...list("remove", removes, "bad"), ...reasons],
  };
  const up = change.seen !== "Stopped" && change.seen !== "Deleted";
  const taken = snapshots.map((s, i): Block => {
    const when = alone
      ? up
        ? SNAPSHOT_STOPS
        : "snapshot while it is stopped"
      : `snapshot ${up ? "after it is stopped for the change" : "while it is stopped"}`;
    const comment = s.comment === "" ? [] : [s.comment];
    return {
      agent,
      order: 1 + i,
      mark: GLYPHS.snapshot,
      title: `${agent}.${s.name}`,
      what: when,
      rows: [
        ...list("comment", comment),
        ...(alone && i === 0 ? [...list("remove", removes, "bad"), ...reasons] : []),
      ],
    };
  });
  return alone ? taken : [main, ...taken];
}

/** The remaining differences belong to the change in flight; no action is needed. */
function workBlock({ agent, action, doing }: InFlightText, change: Change | undefined): Block {
  const mark = GLYPHS[action];
  return {
    agent,
    order: 0,
    mark,
    title: agent,
    what: `${mark.words.split(/[,:]/, 1)[0]}: the loop is at work on it`,
    rows: [
      { label: "doing", text: doing },
      ...(change ? [{ label: "left", text: wouldText({ ...change, why: [] }, "") }] : []),
      { label: "next", text: `it comes by itself; vm-agent status ${agent} --watch shows it` },
    ],
  };
}

/** Fields as old → new; for a creation, the new values. */
function fieldRows({ before, after, action, inside }: Change): readonly Row[] {
  if (after === null) return [];
  if (before === null) {
    const size = (["cpu", "memory", "disk"] as const)
      .filter((f) => after[f] !== undefined)
      .map((f) => (f === "cpu" ? `${after.cpu} cpu` : `${bytes(after[f] ?? 0)} ${f}`));
    return [
      ...(after.image ? [{ label: "image", text: after.image }] : []),
      ...(size.length > 0 ? [{ label: "size", text: size.join(", ") }] : []),
      ...(after.state === "running" ? [] : [{ label: "state", text: after.state }]),
      ...mountRows(before, after),
      ...insideRows(inside),
    ];
  }
  const fields = ["state", "image", "cpu", "memory", "disk", "provision", "config"] as const;
  const changed = fields.filter((f) => before[f] !== after[f]);
  const rows = changed.map((f): Row => ({ label: f, text: `${value(before, f)} → ${value(after, f)}` }));
  rows.push(...mountRows(before, after));
  if (rows.length > 0 || action !== "update") return rows;
  return [{ label: "state", text: `${after.state}, as declared` }];
}

/** Provisioning of a new instance. */
function insideRows(inside: Inside = {}): readonly Row[] {
  const { packages = [], files = [], run = [], cloudInit, env = [], secrets = [] } = inside;
  const names = (label: string, texts: readonly string[]) =>
    texts.length > 0 ? [{ label, text: texts.join(", ") }] : [];
  return [
    ...names("packages", packages),
    ...names("files", files),
    ...list("run", run),
    ...(cloudInit ? [{ label: "cloudInit", text: "the document's own, merged underneath" }] : []),
    ...names("env", env),
    ...names("secrets", secrets),
  ];
}

function mountRows(before: ConvergedView | null, after: ConvergedView): readonly Row[] {
  const gone = mountsBeyond(before?.mounts, after.mounts).map((m) => `no more ${m.source} at ${m.target}`);
  const added = mountsBeyond(after.mounts, before?.mounts).map((m) => `${m.source} at ${m.target}`);
  return list("mounts", [...gone, ...added]);
}

function value(
  view: ConvergedView,
  field: "state" | "image" | "cpu" | "memory" | "disk" | "provision" | "config",
): string {
  const found = view[field];
  if (field === "image") return found == null ? "Multipass's default" : String(found);
  if (found == null || found === "") return "not known";
  if (field === "memory" || field === "disk") return bytes(Number(found));
  // Hashes, shortened: enough to see that they differ.
  return field === "provision" || field === "config" ? String(found).slice(0, 8) : String(found);
}

/** A message that is the same for several agents is shown once: a daemon that does not answer holds all of them. */
function grouped(held: readonly Held[]): readonly (readonly Held[])[] {
  const groups = new Map<string, Held[]>();
  for (const [i, item] of held.entries()) {
    const key = item.would ? `${i}` : `${item.reason}\n${item.message}\n${item.release}`;
    const group = groups.get(key);
    if (group && !group.some((h) => h.agent === item.agent)) group.push(item);
    else groups.set(group ? `${key}\n${i}` : key, [item]);
  }
  return [...groups.values()];
}

function heldBlock(group: readonly Held[]): Block {
  const item = group[0] as Held;
  const mark = item.reason === "waiting" ? GLYPHS.waiting : GLYPHS.held;
  const would = item.would ? [wouldText(item.would, item.message)] : [];
  return {
    agent: item.agent,
    order: 100,
    mark,
    title: group.length > 1 ? `${group.length} agents` : item.agent,
    what: mark.words,
    rows: [
      ...(group.length > 1 ? [{ label: "agents", text: group.map((h) => h.agent).join(", ") }] : []),
      ...list("would", would),
      { label: "because", text: item.message },
      { label: "release", text: item.release },
    ],
  };
}

const POWER: readonly Action[] = ["start", "stop", "suspend"];

/** `change cpu 2 → 4: agents/a.yaml:6 was edited`, in one sentence; `because` is not repeated. */
function wouldText(change: Change, because: string): string {
  const rows = change.before === null ? [] : fieldRows(change);
  const fields = rows
    .filter((r) => r.label !== "state" || !POWER.includes(change.action))
    .map((r) => `${r.label} ${r.text}`.trim());
  const [verb = ""] = GLYPHS[change.action].words.split(/[,:]/);
  const why = change.why.filter((text) => !because.includes(text));
  const what = [verb, [...fields, ...(change.removes ?? [])].join(", ")].filter((t) => t !== "").join(" ");
  return [what, ...(why.length > 0 ? [why.join("; ")] : [])].join(": ");
}

function hostRow(wanted: Size, host: Size, width: number): readonly Line[] {
  const over = (["cpu", "memory", "disk"] as const).filter((f) => wanted[f] > host[f]);
  const text = `${wanted.cpu} of ${host.cpu} cpu, ${bytes(wanted.memory)} of ${bytes(host.memory)} memory, ${bytes(wanted.disk)} of ${bytes(host.disk)} disk`;
  const more = over.length > 0 ? `: more ${conjoin(over)} than the host has` : "";
  return row("host after this     ", text + more, width, over.length > 0 ? "warn" : "plain");
}
