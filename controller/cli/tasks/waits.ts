/** What a queued task waits for, as one line on a terminal, once it waits longer than a person does without wondering. */
import type { Api } from "../../../ui/client/api.ts";
import { counted } from "../../core/units.ts";

const QUIET_MS = 1000;

/** What it needs of the hub's answers. */
export interface Waits {
  readonly agent: string;
  readonly condition: string;
  /** Milliseconds; 0: never. */
  readonly lastSeen: number;
  readonly running: number;
  /** Queued for the same agent before this one. */
  readonly before: number;
}

export function waitsText({ agent, condition, lastSeen, running, before }: Waits): string {
  if (condition === "offline") {
    const since = lastSeen > 0 ? ` since ${new Date(lastSeen).toISOString().slice(0, 19)}Z` : "";
    return `waits: ${agent} is offline${since}`;
  }
  return `waits: ${agent} does ${counted(running, "task")}, ${before} before this one`;
}

/** Why a task that was just queued waits. */
export async function queuedText(api: Pick<Api, "getTask">, id: string): Promise<string> {
  const waits = (await api.getTask(id).catch(() => null))?.task.waits;
  return waits ? `queued: ${waits} (Ctrl-C cancels the task)` : "queued (Ctrl-C cancels the task)";
}

/** Says it once, if the task is queued still by then; until it is disposed of. A hub that does not answer says nothing. */
export function sayWhatItWaitsFor(
  api: Pick<Api, "getTask" | "getAgent" | "listTasks">,
  id: string,
  say: (line: string) => void,
  quietMs = QUIET_MS,
): Disposable {
  let isOver = false;
  const look = async () => {
    const { task } = await api.getTask(id);
    if (task.state !== "queued") return;
    const { agent } = await api.getAgent(task.agent);
    // The newest come first, and of a long queue only they come: what is not after this one is before it.
    const { tasks } = await api.listTasks({ agent: task.agent, state: ["queued"], limit: 100 });
    const after = tasks.filter((t) => t.createdAt > task.createdAt).length;
    const { condition, lastSeen, currentTasks, queuedTasks } = agent;
    const before = Math.max(0, queuedTasks - after - 1);
    const facts = { agent: task.agent, condition, lastSeen, running: currentTasks.length, before };
    if (!isOver) say(waitsText(facts));
  };
  const timer = setTimeout(() => void look().catch(() => {}), quietMs);
  return {
    [Symbol.dispose]() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
