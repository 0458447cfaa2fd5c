/** One step of the dashboard: the screen after a key, and what is to be done besides. Values only. */
import type { Asked } from "../input/asks.ts";
import type { Body } from "../views/body.ts";
import type { Effect } from "./effects.ts";
import type { Ui } from "./state.ts";
import type { World } from "./world.ts";

export interface Step {
  readonly ui: Ui;
  readonly effects: readonly Effect[];
}

/** What the screen shows at this moment. */
export interface Scene {
  readonly world: World;
  readonly body: Body;
  /** Rows of the body on the screen. */
  readonly height: number;
  readonly now: number;
}

export const only = (ui: Ui): Step => ({ ui, effects: [] });

export const doing = (ui: Ui, ...effects: readonly Effect[]): Step => ({ ui, effects });

/** Why nothing is done. */
export const reported = (ui: Ui, { now }: Pick<Scene, "now">, text: string): Step =>
  only({ ...ui, notice: { tone: "warn", text, at: now } });

export function asked(ui: Ui, scene: Pick<Scene, "now">, question: Asked): Step {
  if ("refusal" in question) return reported(ui, scene, question.refusal);
  return "effect" in question ? doing(ui, question.effect) : only({ ...ui, dialog: question.dialog });
}

/** The data of a view is read when the view is opened. */
export const shown = (ui: Ui): Step => doing(ui, { type: "refresh" });
