/**
 * After a reconnect: reconciles the runtime's journal with the hub's record, task by task. Finished records of the hub
 * win.
 */
import type { Agent } from "../runtimes/agent.ts";
import type { Connection } from "../runtimes/connection.ts";
import { count, isRecord, type Payload, word } from "../runtimes/frames.ts";
import type { TaskEngine } from "./engine.ts";

export interface JournalEntry {
  readonly taskId: string;
  readonly epoch: number;
  readonly state: string;
}

export function readJournal(hello: Payload): readonly JournalEntry[] {
  if (!Array.isArray(hello.tasks)) return [];
  return hello.tasks.filter(isRecord).map((entry) => ({
    taskId: word(entry.taskId, 128),
    epoch: count(entry.epoch),
    state: word(entry.state, 32),
  }));
}

export async function reconcileJournal(
  engine: TaskEngine,
  agent: Agent,
  connection: Connection,
  journal: readonly JournalEntry[],
): Promise<void> {
  const known = new Set<string>();
  for (const { taskId, epoch, state } of journal) {
    const task = engine.reported(agent, taskId, epoch, state);
    if (!task) {
      // Finished here, or of a former epoch: the runtime need not run it, and may forget its answer after sending it.
      if (state !== "finished") connection.send("cancel", { taskId, epoch, reason: "settled here already" });
      continue;
    }
    known.add(taskId);
    const { cancelReason } = task.record;
    if (cancelReason !== null && state !== "finished") {
      connection.send("cancel", { taskId, epoch, reason: cancelReason });
    }
  }
  for (const task of engine.inFlight(agent)) {
    if (known.has(task.record.id) || task.settling) continue;
    const taken = task.record.acceptedAt !== null || task.record.state === "running";
    if (task.record.cancelReason !== null) await engine.end(task, "cancelled", task.record.cancelReason);
    else if (taken) await engine.end(task, "forgotten", "its runtime took it and does not know it any more");
    else engine.redeliver(task, connection);
  }
}
