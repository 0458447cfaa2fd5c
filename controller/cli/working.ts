/** What the loop does to an agent at this moment, in words. */
import { systemClock } from "../base/clock.ts";
import type { Working } from "../core/explain.ts";
import { age } from "../core/explain-values.ts";
import type { Action } from "../core/types.ts";
import type { WorkView } from "../../schemas/types.ts";

/** What a step is called while it runs; steps without a word are over at once. */
export const DOING: Readonly<Record<string, string>> = {
  launch: "launching",
  "await-ready": "waiting for its runtime",
  start: "starting",
  stop: "stopping",
  suspend: "suspending",
  recover: "bringing it back from the deleted",
  resize: "resizing",
  snapshot: "taking snapshot",
  "remove-snapshot": "removing snapshot",
  restore: "going back to snapshot",
  mount: "mounting",
  unmount: "unmounting",
  rerun: "provisioning again",
  drain: "waiting for its tasks to end",
  remove: "deleting",
  "restart-runtime": "restarting its runtime",
  "install-runtime": "installing its runtime",
};

export function workingOn(agent: string, work: WorkView): Working {
  const { action, step, detail, progress, stepSince } = work;
  const what = (step === null ? undefined : DOING[step]) ?? "beginning";
  const told = progress === "" ? "" : ` (${progress})`;
  const doing = `${what}${detail === "" ? "" : ` ${detail}`} for ${age(systemClock.now() - stepSince)}${told}`;
  return { agent, action: action as Action, doing };
}
