/** Moving through rows: the cursor in a list, the window in a text, and both kept where they can be seen. Pure. */
import { cursorIn } from "../views/bodies.ts";
import type { Body } from "../views/body.ts";
import { spotOf, type Ui, withSpot } from "../app/state.ts";

export type Move = "up" | "down" | "page-up" | "page-down" | "first" | "last";

export const isMove = (action: string): action is Move =>
  ["up", "down", "page-up", "page-down", "first", "last"].includes(action);

/** `height`: rows of the body on the screen. */
export function moved(ui: Ui, body: Body, height: number, move: Move): Ui {
  const count = body.ids.length;
  const by = { up: -1, down: 1, "page-up": -height, "page-down": height, first: -count, last: count }[move];
  if (body.selectable) {
    const index = clamp(cursorIn(ui, body) + by, count - 1);
    return settled(withSpot(ui, { index, id: body.ids[index] ?? null }), body, height);
  }
  const spot = settledTop(ui, body, height);
  const most = Math.max(0, count - height);
  const top = clamp(spot + by, most);
  // Whoever scrolls up wants to read; back at the end, the newest is wanted again.
  const follow = spotOf(ui).follow ? move === "last" || (by > 0 && top === most) : move === "last";
  return withSpot(ui, { top, follow });
}

/** The same screen, with the cursor on something that exists and inside the window. */
export function settled(ui: Ui, body: Body, height: number): Ui {
  const spot = spotOf(ui);
  const top = settledTop(ui, body, height);
  if (!body.selectable) return top === spot.top ? ui : withSpot(ui, { top });
  const index = cursorIn(ui, body);
  const id = body.ids[index] ?? null;
  return top === spot.top && index === spot.index && id === spot.id ? ui : withSpot(ui, { top, index, id });
}

function settledTop(ui: Ui, body: Body, height: number): number {
  const spot = spotOf(ui);
  const most = Math.max(0, body.ids.length - height);
  if (!body.selectable) return spot.follow ? most : clamp(spot.top, most);
  const cursor = cursorIn(ui, body);
  if (cursor < spot.top) return cursor;
  return clamp(cursor >= spot.top + height ? cursor - height + 1 : spot.top, most);
}

const clamp = (value: number, most: number): number => Math.max(0, Math.min(value, most));
