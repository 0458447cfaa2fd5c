/** The change in flight for an agent, in words. */
import { systemClock } from "../../base/clock.ts";
import { doingText } from "../../views/step-words.ts";
import type { InFlightText } from "../../views/explain.ts";
import { age } from "../../core/units.ts";
import type { Action } from "../../core/types.ts";
import type { WorkView } from "../../../schemas/types.ts";

export function inFlightText(agent: string, work: WorkView): InFlightText {
  const { action, progress, stepSince } = work;
  const reported = progress === "" ? "" : ` (${progress})`;
  const doing = `${doingText(work)} for ${age(systemClock.now() - stepSince)}${reported}`;
  return { agent, action: action as Action, doing };
}
