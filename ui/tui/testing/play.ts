/** Keys typed one after the other on a screen that is none, and fleets to type them at. */
import type { AgentView } from "../../client/types.ts";
import { bodyOf } from "../views/bodies.ts";
import type { Effect } from "../app/effects.ts";
import { settled } from "../input/moves.ts";
import type { Press } from "../input/press.ts";
import { frameOf } from "../views/screen.ts";
import { initialUi, type Ui } from "../app/state.ts";
import { pressed } from "../app/update.ts";
import type { World } from "../app/world.ts";
import { AT, worldAt } from "./scene.ts";

const NAMES = [
  "up",
  "down",
  "enter",
  "esc",
  "tab",
  "shift+tab",
  "backspace",
  "end",
  "home",
  "pagedown",
  "ctrl+c",
];
const press = (key: string): Press =>
  NAMES.includes(key) ? { name: key, text: "" } : { name: "text", text: key };

/** Types keys one after the other. */
export function play(keys: readonly string[], from: Ui = initialUi(100, 30), world: World = worldAt()) {
  let ui = from;
  const effects: Effect[] = [];
  for (const key of keys) {
    const { body, height } = frameOf(ui, world, AT);
    ui = settled(ui, body, height);
    const step = pressed(ui, press(key), { world, body, height, now: AT });
    ui = step.ui;
    effects.push(...step.effects.filter((e) => e.type !== "refresh"));
  }
  return { ui, effects };
}
export const ids = (ui: Ui, world = worldAt()): readonly string[] => bodyOf(ui, world, AT).ids;

/** The scene with each agent changed. */
export function worldWith(change: (agent: AgentView) => AgentView): World {
  const world = worldAt();
  const { fleet } = world.model;
  if (!fleet) throw new Error("the scene has a fleet");
  return { ...world, model: { ...world.model, fleet: { ...fleet, agents: fleet.agents.map(change) } } };
}

export function many(count: number): World {
  const world = worldAt();
  const { fleet } = world.model;
  if (!fleet?.agents[0]) throw new Error("the scene has agents");
  const [first] = fleet.agents;
  const agents = Array.from({ length: count }, (_, i) => ({
    ...first,
    name: `agent-${String(i).padStart(4, "0")}`,
  }));
  return { ...world, model: { ...world.model, fleet: { ...fleet, agents } } };
}
