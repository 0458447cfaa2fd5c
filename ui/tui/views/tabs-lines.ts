/** Navigation: the views, stable at a given width, and below them the page that is open on top of one. Pure. */
import { truncate } from "../../../controller/views/text-width.ts";
import { markedIn } from "../input/marks.ts";
import type { Body } from "./body.ts";
import { cutLine, type Line, line, lineColumns, type Span, span, spread } from "./line.ts";
import { placeOf, spotOf, type Ui, VIEWS, type View, viewOf } from "../app/state.ts";
import type { World } from "../app/world.ts";

/** Columns from which every view's name is written out, with air between them; and without. */
const AIRY = 70;
const NAMED = 56;

export function tabsLines(ui: Ui, body: Body, world: World): readonly Line[] {
  const { columns: width } = ui;
  const view = viewOf(ui);
  const tabs = line(...(width < NAMED ? " " : ""), ...VIEWS.map((v, i) => tab(v, i + 1, v === view, width)));
  if (placeOf(ui).kind === view) return [withFacts(tabs, ui, body, world)];
  const title = line(span(" › ", "dim"), span(body.title, { bold: true }));
  return [cutLine(tabs, width), withFacts(title, ui, body, world)];
}

function tab(view: View, digit: number, isHere: boolean, width: number): Span {
  const name = `${view[0]?.toUpperCase()}${view.slice(1)}`;
  const text = width >= NAMED || isHere ? `${digit} ${name}` : `${digit}`;
  const padded = width >= AIRY ? ` ${text} ` : width >= NAMED ? ` ${text}` : `${text} `;
  return isHere ? span(padded, { inverse: true }) : span(padded, "dim");
}

/** Views keep their names: figures make room for them, and the words of a filter before everything. Of a page, its title is cut. */
function withFacts(left: Line, ui: Ui, body: Body, world: World): Line {
  const { columns: width } = ui;
  const { filter } = spotOf(ui);
  const kept = placeOf(ui).kind === viewOf(ui) ? lineColumns(left) : Math.min(lineColumns(left), 12);
  let others = facts(ui, body, world);
  const size = () => others.join("  ").length + (filter === "" ? 0 : 9);
  while (others.length > 1 && kept + size() + 2 > width) others = others.slice(1);
  const room = Math.max(6, width - kept - others.join("  ").length - 4);
  const all = [...(filter === "" ? [] : [truncate(`/${filter}`, room)]), ...others];
  const right = line(span(`${all.join("  ")} `, filter === "" ? "dim" : "accent"));
  return spread(cutLine(left, Math.max(10, width - lineColumns(right) - 1)), right, width);
}

function facts(ui: Ui, body: Body, world: World): readonly string[] {
  const place = placeOf(ui);
  const { filter, follow, wrap } = spotOf(ui);
  const marked = place.kind === "fleet" ? markedIn(ui, world).length : 0;
  const isText = !body.selectable && place.kind !== "help" && place.kind !== "agent";
  return [
    ...(place.kind === "fleet" && ui.order !== "name" ? [`by ${ui.order}`] : []),
    ...(place.kind === "events" && ui.verbose ? ["with routine"] : []),
    ...(wrap ? ["wrapped"] : []),
    ...(isText && follow ? ["following"] : []),
    ...(marked > 0 ? [`${marked} marked`] : []),
    filter === "" ? String(body.total) : `${body.ids.length} of ${body.total}`,
  ];
}
