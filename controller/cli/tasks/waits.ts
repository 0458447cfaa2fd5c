/** What a queued task waits for, as one line on a terminal, once it waits longer than expected. */
import type { Api } from "../../../ui/client/api.ts";
import { counted } from "../../core/units.ts";

const QUIET_MS = 1000;

/** The hub's answers that it needs. */
export interface Waits {
  readonly agent: string;
  readonly condition: string;
  /** Milliseconds; 0: never. */
  readonly lastSeen: number;
  readonly running: number;
  /** Tasks queued before it for the same agent. */
  readonly before: number;
}

export function waitsText({ agent, condition, lastSeen, running, before }: Waits): string {
  if (condition === "offline") {
    const since = lastSeen > 0 ? ` since ${new Date(lastSeen).toISOString().slice(0, 19)}Z` : "";
    return `waits: ${agent} is offline${since}`;
  }
  return `waits: ${agent} does ${counted(running, "task")}, ${before} before this one`;
}

/** Why a queued task waits. */
export async function queuedText(api: Pick<Api, "getTask">, id: string): Promise<string> {
  const waits = (await api.getTask(id).catch(() => null))?.task.waits;
  return waits ? `queued: ${waits} (Ctrl-C cancels the task)` : "queued (Ctrl-C cancels the task)";
}

/**
 * Shows it once, if the task is still queued by then; until disposed of. Without an answer of the hub it shows nothing.
 */
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
    // Newest first, and only the newest of a long queue: any other is before it.
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
