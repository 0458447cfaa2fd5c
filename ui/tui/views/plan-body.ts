/** The plan in the words of the command line: what would be done and why, what is held and what releases it. Pure. */
import { clock, revision } from "../../client/format.ts";
import { fieldRows, hostRows, releasedByName, summary, wouldText } from "../../client/plan-view.ts";
import { actionMark } from "../../client/tones.ts";
import type { ChangeView, HeldView, PlanView } from "../../client/types.ts";
import { type Body, hasWords, MARGIN } from "./body.ts";
import { type Line, line, type Span, span, textOf, wrap } from "./line.ts";
import type { World } from "../app/world.ts";

interface PlanRow {
  /** The agent of the block; empty: none. */
  readonly agent: string;
  readonly line: Line;
}

export function planBody(
  { plan, planError, model }: World,
  options: { readonly width: number; readonly filter: string; readonly allowed: readonly string[] },
): Body {
  const title = plan ? `Plan of ${revision(plan.revision)}, made ${clock(plan.at)}` : "Plan";
  const rows = plan
    ? planRows(plan, options.width - MARGIN, options.allowed, model.fleet?.agents.length ?? 0)
    : [];
  const kept = rows.filter((r) => hasWords(`${r.agent} ${textOf(r.line)}`, options.filter));
  return {
    title,
    head: null,
    ids: kept.map((r, i) => `${r.agent}#${i}`),
    row: (i) => kept[i]?.line ?? [],
    selectable: true,
    total: rows.length,
    empty:
      plan === undefined
        ? [planError === "" ? "Waiting for the plan…" : planError]
        : plan === null
          ? ["There is no plan: there is no good fleet yet."]
          : [`Nothing in the plan matches "${options.filter}".`, "Esc shows all again."],
  };
}

function planRows(
  plan: PlanView,
  width: number,
  allowed: readonly string[],
  agents: number,
): readonly PlanRow[] {
  const rows: PlanRow[] = [];
  if (plan.changes.length === 0 && plan.held.length === 0)
    for (const text of wrap(`✓ No changes. ${asWritten(agents)}`, width))
      rows.push({ agent: "", line: line(span(text, "good")) });
  for (const change of plan.changes) {
    const { agent } = change;
    for (const l of changeLines(change, width)) rows.push({ agent, line: l });
  }
  for (const held of plan.held) {
    const { agent } = held;
    for (const l of heldLines(held, width, { allowed: allowed.includes(agent), here: true }))
      rows.push({ agent, line: l });
  }
  for (const note of plan.notes)
    for (const text of wrap(`${note.agent ? `${note.agent}: ` : ""}${note.message}`, width))
      rows.push({ agent: note.agent ?? "", line: line(span(text, "dim")) });
  const host = hostRows(plan)
    .map((r) => `${r.what} ${r.wanted} of ${r.host}${r.over ? " ▲ more than it has" : ""}`)
    .join("   ");
  rows.push({ agent: "", line: [] });
  if (host !== "")
    for (const text of wrap(`The host after this: ${host}`, width))
      rows.push({ agent: "", line: line(span(text, "dim")) });
  if (plan.changes.length > 0 || plan.held.length > 0)
    rows.push({ agent: "", line: line(span(summary(plan), { bold: true })) });
  return rows;
}

const asWritten = (agents: number): string =>
  agents === 0
    ? "No agent is written, and none is there."
    : agents === 1
      ? "The only agent is in sync."
      : `All ${agents} agents are in sync.`;

const KEY = 9;
const detail = (key: string, text: string, width: number, look: Parameters<typeof span>[1] = {}): Line[] =>
  wrap(text, width - KEY - 6).map((part, i) =>
    line(span(`      ${(i === 0 ? key : "").padEnd(KEY)}`, "dim"), span(part, look)),
  );

function heading(action: string, agent: string, ...more: readonly Span[]): Line {
  const { glyph, tone, word } = actionMark(action);
  return line(
    span(glyph.padStart(3), tone),
    " ",
    span(agent, { bold: true }),
    "  ",
    span(word, tone),
    ...more,
  );
}

export function changeLines(change: ChangeView, width: number): readonly Line[] {
  const { agent, action, why, consequences, waitsUntil, snapshots, source } = change;
  const lines: Line[] = [heading(action, agent)];
  for (const { field, old, new: fresh } of fieldRows(change))
    lines.push(...detail(field, old === null ? fresh : `${old} → ${fresh}`, width));
  if (waitsUntil !== undefined) lines.push(...detail("after", waitsUntil, width));
  if (why.length > 0) lines.push(...detail("why", why.join("; "), width));
  if (consequences.length > 0) lines.push(...detail("cost", consequences.join("; "), width, "warn"));
  for (const s of snapshots)
    lines.push(...detail("snapshot", `* ${s.name}${s.comment === "" ? "" : `  ${s.comment}`}`, width));
  if (source) lines.push(...detail("written", `${source.file}:${source.line}`, width, "dim"));
  return lines;
}

/** `here`: on the plan itself, where Space lets it through. */
export function heldLines(
  held: HeldView,
  width: number,
  { allowed, here }: { readonly allowed: boolean; readonly here: boolean },
): readonly Line[] {
  const { agent, message, release } = held;
  const would = wouldText(held);
  const lines: Line[] = [
    heading("held", agent, ...(allowed ? [span("  ✓ let through with the next apply", "bad")] : [])),
    ...detail("because", message, width),
  ];
  if (would !== null) lines.push(...detail("would", would, width));
  const more =
    releasedByName(held) && !allowed
      ? `${release}; or ${here ? "Space here" : "2, Space on it"}, then a`
      : release;
  lines.push(...detail("release", more, width, "dim"));
  return lines;
}
