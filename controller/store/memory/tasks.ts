/** The task part of the store without a disk. */
import { VmAgentError } from "../../base/errors.ts";
import type { OutputChunk, TaskRecord, TaskStore } from "../store.ts";

const copy = <T>(value: T): T => structuredClone(value);
const isOpen = (task: TaskRecord) =>
  task.state === "queued" || task.state === "sent" || task.state === "running";

export function memoryTasks(): TaskStore {
  const all = new Map<string, TaskRecord>();
  const output = new Map<string, Map<number, OutputChunk>>();
  const add = (chunks: readonly OutputChunk[]) => {
    for (const chunk of chunks) {
      const of = output.get(chunk.taskId) ?? new Map<number, OutputChunk>();
      output.set(chunk.taskId, of);
      if (!of.has(chunk.seq)) of.set(chunk.seq, copy(chunk));
    }
  };
  const byKey = (agent: string | null, key: string) =>
    [...all.values()].find((t) => t.idempotencyKey === key && (agent === null || t.agent === agent));
  return {
    async insert(task) {
      const repeated = task.idempotencyKey !== null && byKey(task.agent, task.idempotencyKey) !== undefined;
      if (all.has(task.id) || repeated) {
        throw new VmAgentError({
          code: "conflict",
          message: `such a record exists already (${task.id})`,
          next: "read the existing record instead of writing it again",
        });
      }
      all.set(task.id, copy(task));
    },
    async update(task, chunks = []) {
      const old = all.get(task.id);
      if (old)
        all.set(task.id, copy({ ...task, agent: old.agent, spec: old.spec, createdAt: old.createdAt }));
      add(chunks);
    },
    get: (id) => copy(all.get(id) ?? null),
    idsWith: (part, most) =>
      [...all.keys()]
        .filter((id) => id.startsWith(part) || id.endsWith(part))
        .sort()
        .reverse()
        .slice(0, most),
    byIdempotencyKey: (agent, key) => copy(byKey(agent, key) ?? null),
    allByIdempotencyKey: (key) =>
      [...all.values()]
        .filter((t) => t.idempotencyKey === key || t.idempotencyKey?.startsWith(`${key}\u001f`))
        .map(copy),
    list(filter) {
      let rows = [...all.values()];
      if (filter.before !== undefined)
        rows = rows.slice(
          0,
          Math.max(
            0,
            rows.findIndex((t) => t.id === filter.before),
          ),
        );
      return rows
        .reverse()
        .filter((t) => filter.agent === undefined || t.agent === filter.agent)
        .filter((t) => filter.type === undefined || t.type === filter.type)
        .filter((t) => filter.states === undefined || filter.states.includes(t.state))
        .slice(0, filter.limit ?? 100)
        .map((task) => ({ ...copy(task), result: null, error: task.error?.slice(0, 500) ?? null }));
    },
    open: () => [...all.values()].filter(isOpen).map(copy),
    appendOutput: async (chunks) => add(chunks),
    output: (taskId, after) =>
      [...(output.get(taskId)?.values() ?? [])]
        .filter((c) => c.seq > after)
        .sort((a, b) => a.seq - b.seq)
        .map(copy),
    async prune(finishedBefore, keep) {
      const rows = [...all.values()];
      const tooMany = new Set(rows.slice(0, Math.max(0, rows.length - keep)));
      const gone = rows.filter(
        (t) => !isOpen(t) && ((t.finishedAt ?? Infinity) < finishedBefore || tooMany.has(t)),
      );
      for (const task of gone) {
        all.delete(task.id);
        output.delete(task.id);
      }
      return gone.length;
    },
    async pruneOutput(finishedBefore, most) {
      const old = [...all.values()].filter(
        (t) => !isOpen(t) && (t.finishedAt ?? Infinity) < finishedBefore && output.has(t.id),
      );
      for (const task of old.slice(0, most)) output.delete(task.id);
      return Math.min(old.length, most);
    },
  };
}
