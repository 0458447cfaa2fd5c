/** Reads what only some places need, for as long as they are shown: a task's output, an agent's document, the plan. */
import type { Api } from "../../client/api.ts";
import { follow, lostWords } from "../../client/follow.ts";
import { emptyOutput, withChunk, withEnd } from "../../client/output-text.ts";
import type { PlanView } from "../../client/types.ts";
import type { LogLine, WatchedLog, WatchedOutput } from "./world.ts";

/** Follows what a task prints until it ends or the returned function is called. */
export function watchOutput(api: Api, id: string, onOutput: (output: WatchedOutput) => void): () => void {
  const over = new AbortController();
  let output: WatchedOutput = { id, text: emptyOutput, lost: "" };
  const next = (change: Partial<WatchedOutput>): void => {
    if (over.signal.aborted) return;
    output = { ...output, ...change };
    onOutput(output);
  };
  onOutput(output);
  follow(api, {
    path: api.outputPath(id),
    from: null,
    signal: over.signal,
    onConnecting: () => {},
    onLive: () => next({ lost: "" }),
    onLost: (lost) => next({ lost }),
    onEvent: ({ event, data }) => {
      next({ text: event === "end" ? withEnd(output.text, data) : withChunk(output.text, event, data) });
      if (event === "end") over.abort();
    },
  }).catch((error: unknown) => next({ lost: lostWords(error) }));
  return () => over.abort();
}

/** Lines of a log that are kept here. */
const LOG_KEPT = 5000;
const LOG_BEGINS = 500;

/** Follows an agent's log until the returned function is called. */
export function watchLog(api: Api, name: string, onLog: (log: WatchedLog) => void): () => void {
  const over = new AbortController();
  let log: WatchedLog = { name, lines: [], lost: "" };
  const next = (change: Partial<WatchedLog>): void => {
    if (over.signal.aborted) return;
    log = { ...log, ...change };
    onLog(log);
  };
  const remark = (message: string): void =>
    next({ lines: [...log.lines, { seq: -1, at: Date.now(), level: "", message }] });
  onLog(log);
  follow(api, {
    path: api.logPath(name, { lines: LOG_BEGINS }),
    from: null,
    signal: over.signal,
    onConnecting: () => {},
    onLive: () => next({ lost: "" }),
    onLost: (lost) => next({ lost }),
    onEvent: ({ event, data }) => {
      if (event === "log") next({ lines: [...log.lines, data as LogLine].slice(-LOG_KEPT) });
      else if (event === "gap") remark(`${(data as { readonly lines: number }).lines} older lines are gone`);
      else if (event === "reset") remark("another log begins: the instance is not the same");
    },
  }).catch((error: unknown) => next({ lost: lostWords(error) }));
  return () => over.abort();
}

/** One reading at a time; what is asked for meanwhile is read once more. */
export function planReader(
  api: Api,
  onPlan: (plan: PlanView | null | undefined, error: string) => void,
): () => void {
  let state: "idle" | "busy" | "again" = "idle";
  const run = async (): Promise<void> => {
    state = "busy";
    await api.getPlan().then(
      (plan: PlanView | null) => onPlan(plan, ""),
      (error: unknown) => onPlan(undefined, lostWords(error)),
    );
    const again = (state as string) === "again";
    state = "idle";
    if (again) void run();
  };
  return () => {
    if (state === "idle") void run();
    else state = "again";
  };
}
