/** The two reasons to interrupt a change: the loop stops, or the change is no longer desired. */
import { VmAgentError } from "../base/errors.ts";

export const noLongerDesired = (agent: string, step: string): VmAgentError =>
  new VmAgentError({
    code: "no-longer-wanted",
    message: `"${agent}" is left as it is: the fleet was edited before its ${step}`,
    next: "nothing to do, the next turn makes a new plan",
    transient: true,
  });

export const hasAnswered = (agent: string, remedy: string): VmAgentError =>
  new VmAgentError({
    code: "no-longer-wanted",
    message: `"${agent}" is left as it is: its runtime has answered before its ${remedy}`,
    next: "nothing to do",
    transient: true,
  });

export const stopped = (): VmAgentError =>
  new VmAgentError({
    code: "stopped",
    message: "stopped between two steps, as asked",
    next: "start again; it goes on from here",
    transient: true,
  });

/** The change is no longer desired: its waits end at once, and the next destructive step undoes instead. */
export const isCut = (signal: AbortSignal): boolean =>
  signal.reason instanceof VmAgentError && signal.reason.code === "no-longer-wanted";

/** Aborts with `signal` where the change is no longer desired; when the loop stops, running steps end normally. */
export function onlyCut(signal: AbortSignal): AbortSignal {
  const cut = new AbortController();
  const check = () => isCut(signal) && cut.abort(signal.reason);
  check();
  signal.addEventListener("abort", check, { once: true });
  return cut.signal;
}
