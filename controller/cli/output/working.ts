/** What the loop does to an agent at this moment, in words. */
import { systemClock } from "../../base/clock.ts";
import { doingText } from "../../views/step-words.ts";
import type { Working } from "../../views/explain.ts";
import { age } from "../../core/units.ts";
import type { Action } from "../../core/types.ts";
import type { WorkView } from "../../../schemas/types.ts";

export function workingOn(agent: string, work: WorkView): Working {
  const { action, progress, stepSince } = work;
  const told = progress === "" ? "" : ` (${progress})`;
  const doing = `${doingText(work)} for ${age(systemClock.now() - stepSince)}${told}`;
  return { agent, action: action as Action, doing };
}
