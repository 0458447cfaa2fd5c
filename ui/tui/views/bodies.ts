/** The rows of the current view. Pure. */
import { isFinalTask } from "../../client/tones.ts";
import type { TaskView } from "../../client/types.ts";
import { agentBody } from "./agent-body.ts";
import type { Body } from "./body.ts";
import { fleetBody } from "./fleet-body.ts";
import { helpBody } from "./help-body.ts";
import { eventsBody, tasksBody } from "./list-bodies.ts";
import { logBody, taskBody } from "./output-body.ts";
import { planBody } from "./plan-body.ts";
import { placeOf, spotOf, type Ui } from "../app/state.ts";
import type { World } from "../app/world.ts";

export function bodyOf(ui: Ui, world: World, now: number): Body {
  const place = placeOf(ui);
  const spot = spotOf(ui);
  const width = ui.columns;
  const { filter } = spot;
  const { verbose, order, allowed } = ui;
  switch (place.kind) {
    case "fleet":
      return fleetBody(world, { width, filter, order, marked: new Set(ui.marked), now });
    case "plan":
      return planBody(world, { width, filter, allowed });
    case "tasks":
      return tasksBody(world, { width, spot, now });
    case "events":
      return eventsBody(world, { width, spot, now }, { title: "Events", of: "", commands: false, verbose });
    case "commands":
      return eventsBody(world, { width, spot, now }, { title: "Commands", of: "", commands: true, verbose });
    case "logs":
      return logBody(world, place.name, { width, spot });
    case "agent":
      return agentBody(world, place.name, { width, filter, allowed, now });
    case "task":
      return taskBody(world, place.id, { width, spot });
    case "help":
      return helpBody({ width, filter });
    default: {
      const never: never = place;
      return never;
    }
  }
}

/** The agent that a key is about; null: none is under the cursor. */
export function agentAt(ui: Ui, world: World, body: Body): string | null {
  const place = placeOf(ui);
  if (place.kind === "agent" || place.kind === "logs") return place.name;
  if (place.kind === "task") return world.model.tasks.find((t) => t.id === place.id)?.agent ?? null;
  const id = body.ids[cursorIn(ui, body)];
  if (id === undefined) return null;
  if (place.kind === "fleet") return id;
  if (place.kind === "plan") return id.slice(0, id.lastIndexOf("#")) || null;
  if (place.kind === "tasks") return world.model.tasks.find((t) => t.id === id)?.agent ?? null;
  return null;
}

/** The task that a key is about; undefined: there is none, or it has ended. */
export function openTaskAt(ui: Ui, world: World, body: Body): TaskView | undefined {
  const place = placeOf(ui);
  const id = place.kind === "task" ? place.id : body.ids[cursorIn(ui, body)];
  const task = world.model.tasks.find((t) => t.id === id);
  return task && !isFinalTask(task.state) ? task : undefined;
}

/** Where the cursor is: on what it was on, else as near as can be. */
export function cursorIn(ui: Ui, body: Body): number {
  const { id, index } = spotOf(ui);
  const found = id === null ? -1 : body.ids.indexOf(id);
  return found >= 0 ? found : Math.max(0, Math.min(index, body.ids.length - 1));
}
