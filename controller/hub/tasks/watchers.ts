/** Subscribers of one task: output streams and `--wait`. */
import type { OutputChunk, TaskRecord } from "../../store/store.ts";

export interface TaskWatcher {
  chunk(chunk: OutputChunk): void;
  state(record: TaskRecord): void;
}

export class TaskWatchers {
  readonly #watchers = new Map<string, Set<TaskWatcher>>();

  /** Returns the function that unsubscribes. */
  watch(taskId: string, watcher: TaskWatcher): () => void {
    const of = this.#watchers.get(taskId) ?? new Set();
    this.#watchers.set(taskId, of);
    of.add(watcher);
    return () => {
      of.delete(watcher);
      if (of.size === 0) this.#watchers.delete(taskId);
    };
  }

  chunk(chunk: OutputChunk): void {
    for (const watcher of this.#watchers.get(chunk.taskId) ?? []) watcher.chunk(chunk);
  }

  state(record: TaskRecord): void {
    for (const watcher of this.#watchers.get(record.id) ?? []) watcher.state(record);
  }
}
