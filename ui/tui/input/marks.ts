/** Whom an order is for: the agents that are marked, or the one under the cursor; and what marking does. Pure. */
import { agentAt, cursorIn } from "../views/bodies.ts";
import type { Body } from "../views/body.ts";
import { moved } from "./moves.ts";
import { placeOf, type Ui } from "../app/state.ts";
import type { World } from "../app/world.ts";

/** Marked and still there, in the order of the fleet; of a filter that hides them, they stay marked. */
export function markedIn(ui: Ui, { model }: World): readonly string[] {
  if (ui.marked.length === 0) return [];
  const marked = new Set(ui.marked);
  return (model.fleet?.agents ?? []).map((a) => a.name).filter((name) => marked.has(name));
}

/** Empty: no agent is marked or under the cursor. */
export function targetsOf(ui: Ui, world: World, body: Body): readonly string[] {
  const marked = placeOf(ui).kind === "fleet" ? markedIn(ui, world) : [];
  if (marked.length > 0) return marked;
  const name = agentAt(ui, world, body);
  return name === null ? [] : [name];
}

/** The cursor goes on, so that several in a row are marked by pressing it again. */
export function toggledMark(ui: Ui, body: Body, height: number): Ui {
  const name = body.ids[cursorIn(ui, body)];
  if (name === undefined) return ui;
  const without = ui.marked.filter((n) => n !== name);
  const marked = without.length < ui.marked.length ? without : [...without, name];
  return moved({ ...ui, marked }, body, height, "down");
}

/** All rows that are shown; if they are marked already, none of them. */
export function toggledAll(ui: Ui, body: Body): Ui {
  const shown = new Set(body.ids);
  const others = ui.marked.filter((n) => !shown.has(n));
  const all = body.ids.length > 0 && body.ids.every((n) => ui.marked.includes(n));
  return { ...ui, marked: all ? others : [...others, ...body.ids] };
}
