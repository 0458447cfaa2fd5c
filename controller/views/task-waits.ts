/** Why a queued task waits, in words shared by the API, the command line and both dashboards. Pure. */
import type { PowerState } from "../core/types.ts";

export interface TaskWaitFacts {
  readonly agent: string;
  /** From its document; undefined: not declared. */
  readonly state: PowerState | undefined;
  readonly paused: boolean;
  readonly online: boolean;
  readonly draining: boolean;
}

/** A stopped or paused agent does not come by itself, so the command is named. */
export function taskWaits({ agent, state, paused, online, draining }: TaskWaitFacts): string {
  if (state === "stopped" || state === "suspended")
    return `${agent} is ${state} by its document, and the task waits until it runs: vm-agent start ${agent}`;
  if (online) return draining ? `${agent} finishes its tasks before a change` : `${agent} is busy`;
  return paused
    ? `${agent} is offline, and paused by its document, so it is not repaired: vm-agent resume ${agent}`
    : `${agent} is offline`;
}
