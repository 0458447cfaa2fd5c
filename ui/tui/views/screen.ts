/** The whole screen as lines: header, banners, views, rows, latest events, what is asked, hints. Pure. */
import { textWidth, truncate } from "../../../controller/views/text-width.ts";
import { findAgent } from "../../client/model.ts";
import type { EventLine } from "../../client/event-lines.ts";
import { bannerLines } from "./banners.ts";
import { agentAt, bodyOf, cursorIn } from "./bodies.ts";
import type { Body } from "./body.ts";
import { dialogLines } from "./dialog-lines.ts";
import { remark } from "./fleet-columns.ts";
import { footLine, noticeLines } from "./foot-lines.ts";
import { headerLine } from "./header-line.ts";
import { cutLine, highlighted, type Line, line, span, wrap } from "./line.ts";
import { eventSpans } from "./list-bodies.ts";
import { placeOf, spotOf, type Ui } from "../app/state.ts";
import { tabsLines } from "./tabs-lines.ts";
import type { World } from "../app/world.ts";

/** Exactly `rows` lines of at most `columns` columns. The cursor is settled already. */
export function drawScreen(ui: Ui, frame: Frame): readonly Line[] {
  const { above, below, body, height } = frame;
  const { columns: width } = ui;
  const { top } = spotOf(ui);
  const cursor = body.selectable && body.ids.length > 0 ? cursorIn(ui, body) : -1;
  const lines: Line[] = [...above];
  for (let i = 0; i < height; i++) {
    const index = top + i;
    const mark = body.marked?.(index) ? "✓" : " ";
    if (index >= body.ids.length)
      lines.push(body.ids.length === 0 ? emptyLine(body, i, width) : afterLine(body, index, top + height));
    else if (index === cursor) lines.push(highlighted(line(`${mark}▸ `, ...body.row(index)), width));
    else lines.push(line(span(`${mark}  `, { tone: "accent", bold: true }), ...body.row(index)));
  }
  lines.push(...below);
  return lines.slice(0, ui.rows).map((l) => cutLine(l, width));
}

/** `end`: the index of the row that would be the first below the screen. */
function afterLine({ ids, after = [] }: Body, index: number, end: number): Line {
  const text = ids.length + 1 + after.length <= end ? after[index - ids.length - 1] : undefined;
  return text === undefined ? [] : line("   ", span(text, "dim"));
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
    ...tabsLines(ui, body, world),
    ...(body.head ? [line("   ", ...body.head)] : []),
  ];
  const said = noticeLines(ui, now);
  const latest = ui.dialog === null ? latestLines(ui, body, world, said.length) : [];
  const below = [...latest, ...said, ...asked, footLine(ui, body, world)];
  return { above, below, body, height: Math.max(1, rows - above.length - below.length) };
}

/** Rows below which every one is needed for the table. */
const TALL = 20;

/** The newest events under the table: what just happened is seen without looking for it. What is said takes their place. */
function latestLines(ui: Ui, body: Body, world: World, said: number): readonly Line[] {
  if (placeOf(ui).kind !== "fleet" || ui.rows < TALL) return [];
  const { columns: width } = ui;
  const wanted = Math.max(1, (ui.rows >= 40 ? 5 : 3) - said);
  const lines = latest(world.model.events, wanted).map((e) => line(" ", ...eventSpans(e, "")));
  // Their place does not move when the first ones come.
  while (lines.length < wanted) lines.push([]);
  return [ruleLine(ui, body, world, width), ...lines];
}

/** Events that are not routine and not superseded: a step that has ended is shown by its end. */
function latest(events: readonly EventLine[], wanted: number): readonly EventLine[] {
  const reported: EventLine[] = [];
  const ended = new Set<string>();
  for (let i = events.length - 1; i >= 0 && reported.length < wanted; i--) {
    const event = events[i];
    if (!event || event.routine || event.kind === "command") continue;
    const key = event.step === null ? "" : `${event.agent} ${event.step}`;
    if (event.name === "step.started" && ended.has(key)) continue;
    if (event.step !== null) ended.add(key);
    reported.unshift(event);
  }
  return reported;
}

/** What is to be known of the agent under the cursor, where its row has no room for it, in the line that is there anyway. */
function ruleLine(ui: Ui, body: Body, world: World, width: number): Line {
  const rule = (length: number) => span("─".repeat(Math.max(0, length)), "dim");
  const name = agentAt(ui, world, body);
  const agent = name === null ? undefined : findAgent(world.model, name);
  const { text, tone } = agent ? remark({ agent }) : { text: "", tone: undefined };
  if (text === "" || tone === "dim" || body.hasRemarks === true) return line(rule(width));
  const reported = truncate(text, width - 6);
  return line(rule(2), " ", span(reported, tone ?? {}), " ", rule(width - textWidth(reported) - 4));
}
