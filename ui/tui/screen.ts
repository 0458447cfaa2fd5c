/** The whole screen as lines: header, banners, views, rows, latest events, what is asked, hints. Pure. */
import { counts, type Filter, FILTER_WORDS, FILTERS } from "../client/fleet-filter.ts";
import { revision } from "../client/format.ts";
import { bannerLines } from "./banners.ts";
import { bodyOf, cursorIn } from "./bodies.ts";
import type { Body } from "./body.ts";
import { dialogLines } from "./dialog-lines.ts";
import { isThere, KEYS } from "./keys.ts";
import {
  cutLine,
  fitLine,
  highlighted,
  type Line,
  line,
  lineColumns,
  type Span,
  span,
  spread,
  wrap,
} from "./line.ts";
import { eventSpans } from "./list-bodies.ts";
import { placeOf, spotOf, type Ui, VIEWS, viewOf } from "./state.ts";
import type { World } from "./world.ts";

/** Exactly `rows` lines of at most `columns` columns. The cursor is settled already. */
export function drawScreen(ui: Ui, frame: Frame): readonly Line[] {
  const { above, below, body, height } = frame;
  const { columns: width } = ui;
  const { top } = spotOf(ui);
  const cursor = body.selectable && body.ids.length > 0 ? cursorIn(ui, body) : -1;
  const lines: Line[] = [...above];
  for (let i = 0; i < height; i++) {
    const index = top + i;
    if (index >= body.ids.length) lines.push(body.ids.length === 0 ? emptyLine(body, i, width) : []);
    else if (index === cursor) lines.push(highlighted(line(" ▸ ", ...body.row(index)), width));
    else lines.push(line("   ", ...body.row(index)));
  }
  lines.push(...below);
  return lines.slice(0, ui.rows).map((l) => cutLine(l, width));
}

function emptyLine({ empty }: Body, i: number, width: number): Line {
  const text = empty.flatMap((t) => wrap(t, width - 4))[i - 1];
  return text === undefined ? [] : line("   ", span(text, "dim"));
}

export interface Frame {
  readonly above: readonly Line[];
  readonly below: readonly Line[];
  readonly body: Body;
  readonly height: number;
}

/** Everything but the rows themselves: what is left for them is known then. */
export function frameOf(ui: Ui, world: World, now: number): Frame {
  const body = bodyOf(ui, world, now);
  const { columns: width, rows } = ui;
  const asked = dialogLines(ui, width, Math.max(3, rows - 8));
  const above = [
    headerLine(world, width),
    ...bannerLines(world, now, width, rows),
    tabsLine(ui, body, width),
    ...(body.head ? [line("   ", ...body.head)] : []),
  ];
  const latest = ui.dialog === null ? latestLines(ui, world, width) : [];
  const below = [...latest, ...asked, footLine(ui, world, now, width)];
  return { above, below, body, height: Math.max(1, rows - above.length - below.length) };
}

const TONES = {
  all: null,
  ready: "good",
  working: "accent",
  drifted: "warn",
  held: "warn",
  failing: "bad",
} as const;

/** What is well or passes by itself makes room first. */
const FEWER: readonly (readonly Filter[])[] = [[], ["working"], ["working", "ready"]];

function headerLine(world: World, width: number): Line {
  const { fleet } = world.model;
  const brand = span("vm-agent", { bold: true });
  if (!fleet) return line(" ", brand, span(`  ${world.where}`, "dim"));
  const { sandbox, name, version } = fleet.driver;
  const loud = { tone: "warn", inverse: true, bold: true } as const;
  const driver: Span = sandbox
    ? span(" SANDBOX: no virtual machines ", loud)
    : span(`${name} ${version}`, "dim");
  const short: Span = sandbox ? span(" SANDBOX ", loud) : driver;
  const at = `fleet@${revision(fleet.revision)}${fleet.dirty ? "+" : ""}`;
  const port = world.where.replace(/^https?:\/\/[^/]*?(?=:\d+$)/, "");
  const lefts: readonly Line[] = [
    line(" ", brand, ` ${fleet.version}  ${at}  `, driver, `  hub ${port}`),
    line(" ", brand, `  ${at}  `, driver),
    line(" ", brand, `  ${at}  `, short),
    line(` ${at}  `, short),
    line(" ", short),
  ];
  const totals = counts(fleet.agents);
  const rights = FEWER.map((without) => figures(totals, without));
  for (const left of lefts)
    for (const right of rights)
      if (lineColumns(left) + lineColumns(right) + 2 <= width) return spread(left, right, width);
  return spread(line(" ", short), figures(totals, FILTERS.slice(1, 5)), width);
}

function figures(totals: ReturnType<typeof counts>, without: readonly Filter[]): Line {
  const shown = FILTERS.filter(
    (f) => !without.includes(f) && (f === "all" || f === "ready" || totals[f] > 0),
  ).map((f) => {
    const tone = TONES[f];
    const word = f === "all" && totals.all === 1 ? "agent" : FILTER_WORDS[f];
    return span(`${totals[f]} ${word}`, tone === null ? {} : tone);
  });
  return [...shown.flatMap((f, i) => (i === 0 ? [f] : [{ text: "  " }, f])), { text: " " }];
}

function tabsLine(ui: Ui, body: Body, width: number): Line {
  const view = viewOf(ui);
  const place = placeOf(ui);
  const { filter, follow, wrap } = spotOf(ui);
  const tabs = VIEWS.flatMap((v, i): readonly Span[] => {
    const word = ` ${i + 1} ${v[0]?.toUpperCase()}${v.slice(1)} `;
    return [v === view ? span(word, { inverse: true }) : span(word, "dim")];
  });
  const deeper = place.kind === view ? [] : [span(` › ${body.title} `, { bold: true })];
  const shown = body.ids.length;
  const facts = [
    ...(filter === "" ? [] : [`/${filter}`]),
    ...(place.kind === "fleet" && ui.order !== "name" ? [`by ${ui.order}`] : []),
    ...(place.kind === "events" && ui.verbose ? ["with routine"] : []),
    ...(wrap ? ["wrapped"] : []),
    ...(!body.selectable && follow && place.kind !== "help" && place.kind !== "agent" ? ["following"] : []),
    filter === "" ? String(body.total) : `${shown} of ${body.total}`,
  ];
  const right = line(span(`${facts.join("  ")} `, filter === "" ? "dim" : "accent"));
  const short = VIEWS.map((v, i) =>
    v === view
      ? span(` ${i + 1} ${v[0]?.toUpperCase()}${v.slice(1)} `, { inverse: true })
      : span(` ${i + 1} `, "dim"),
  );
  const whole = line(...tabs, ...deeper);
  const left = lineColumns(whole) + lineColumns(right) < width ? whole : line(...short, ...deeper);
  const room = width - lineColumns(right) - 1;
  return spread(fitLine(left, Math.min(lineColumns(left), Math.max(10, room))), right, width);
}

/** Rows below which every one is needed for the table. */
const TALL = 20;

/** The newest events under the table: what just happened is seen without looking for it. */
function latestLines(ui: Ui, { model }: World, width: number): readonly Line[] {
  if (placeOf(ui).kind !== "fleet" || ui.rows < TALL) return [];
  const wanted = ui.rows >= 40 ? 5 : 3;
  const told = [];
  for (let i = model.events.length - 1; i >= 0 && told.length < wanted; i--) {
    const event = model.events[i];
    if (event && !event.routine && event.kind !== "command") told.unshift(event);
  }
  const lines = told.map((e) => line(" ", ...eventSpans(e, "")));
  // Their place does not move when the first ones come.
  while (lines.length < wanted) lines.push([]);
  return [line(span("─".repeat(width), "dim")), ...lines];
}

/** How long something that was said stays. */
export const NOTICE_MS = 8000;

function footLine(ui: Ui, world: World, now: number, width: number): Line {
  const { dialog, notice } = ui;
  if (dialog !== null)
    return line(span(` ${dialogHint(dialog.kind, dialog.kind === "line" ? dialog.what : "")}`, "dim"));
  if (world.stopping)
    return line(span(" ◐ stopping: running steps are finished; Ctrl-C again stops at once", "warn"));
  if (notice && now - notice.at < NOTICE_MS)
    return line(" ", span(notice.text, { tone: notice.tone, bold: true }));
  const where = placeOf(ui).kind;
  const hints: Span[] = [];
  let used = 1;
  // The last ones, help and leaving, are never the ones that are left out.
  const rows = KEYS.filter((k) => k.hint !== "" && isThere(k, where));
  const always = rows.filter((k) => k.group === "leave");
  const reserved = always.reduce((sum, k) => sum + k.shown.length + k.hint.length + 3, 0);
  for (const row of [...rows.filter((k) => k.group !== "leave"), ...always]) {
    const size = row.shown.length + row.hint.length + 3;
    if (row.group !== "leave" && used + size > width - reserved) continue;
    hints.push(span(row.shown, { bold: true }), span(` ${row.hint}  `, "dim"));
    used += size;
  }
  return line(" ", ...hints);
}

function dialogHint(kind: string, what: string): string {
  if (kind === "sure") return "y yes   n no";
  if (kind === "typed") return "⏎ when it is typed   Esc leaves it";
  if (what === "command") return "⏎ does it   Tab completes   ↑ earlier ones   Esc leaves it";
  if (what === "snapshot") return "⏎ takes it   letters replace what is marked, ← edits it   Esc leaves it";
  return what === "task" ? "⏎ gives it   ↑ earlier ones   Esc leaves it" : "⏎ keeps it   Esc leaves it";
}
