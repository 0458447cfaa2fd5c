/** How a task's changes reach the disk: progress a moment later, ends until they are there, output trimmed to its cap. */
import type { Clock } from "../base/clock.ts";
import type { OutputChunk, Store, TaskRecord } from "../store/store.ts";
import type { Agent } from "./agent.ts";
import type { Payload } from "./frames.ts";
import type { Limits } from "./limits.ts";
import type { LiveTask } from "./live-task.ts";
import { isFinal } from "./tasks.ts";

export interface TaskDiskDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly onStoreError: (error: unknown) => void;
}

export class TaskDisk {
  readonly #deps: TaskDiskDeps;
  readonly #progress = new Set<LiveTask>();
  readonly #waits = new Map<NodeJS.Timeout, () => void>();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(deps: TaskDiskDeps) {
    this.#deps = deps;
  }

  /** A new task with its entry in the audit, in one transaction. */
  async submitted(record: TaskRecord, actor: string): Promise<void> {
    const { id, agent, type, bodyHash, createdAt: at } = record;
    const { tasks, audit } = this.#deps.store;
    const detail = { agent, type, bodyHash };
    await Promise.all([
      tasks.insert(record),
      audit.append({ at, actor, action: "task.submit", subject: id, detail }),
    ]);
  }

  cancelAsked(id: string, reason: string, actor: string): Promise<void> {
    const { store, clock } = this.#deps;
    const entry = { at: clock.now(), actor, action: "task.cancel", subject: id, detail: { reason } };
    return store.audit.append(entry);
  }

  async retried(record: TaskRecord, why: string): Promise<void> {
    const { store, clock } = this.#deps;
    const detail = { epoch: record.epoch, why };
    const entry = { at: clock.now(), actor: "hub", action: "task.retry", subject: record.id, detail };
    await Promise.all([store.tasks.update(record), store.audit.append(entry)]);
  }

  /** Written a moment later, and not at all when the end comes first. */
  progress(task: LiveTask): void {
    this.#progress.add(task);
    if (!this.#stopped) this.#timer ??= setTimeout(() => this.#flush(), this.#deps.limits.progressDelay);
  }

  forget(task: LiveTask): void {
    this.#progress.delete(task);
  }

  /** An end: tried until it is on disk, while the runtime keeps its copy. False: the hub stopped before. */
  async end(record: TaskRecord): Promise<boolean> {
    const { store, onStoreError, limits } = this.#deps;
    for (;;) {
      try {
        await store.tasks.update(record);
        return true;
      } catch (error) {
        onStoreError(error);
        if (this.#stopped) return false;
        await this.#wait(limits.storeRetry);
      }
    }
  }

  /** Keeps a chunk and drops the oldest beyond the cap; returns how many bytes were dropped. */
  output(task: LiveTask, chunk: OutputChunk): number {
    const { store, limits, onStoreError } = this.#deps;
    task.unwritten.add(chunk);
    const written = store.tasks.appendOutput([chunk]).catch(onStoreError);
    void written.finally(() => task.unwritten.delete(chunk));
    task.chunks.push({ seq: chunk.seq, bytes: chunk.data.length });
    task.outputBytes += chunk.data.length;
    // Trimmed by the quarter, so that a long output does not cost a delete for each chunk.
    if (task.outputBytes <= limits.maxOutputBytes * 1.25) return 0;
    let dropped = 0;
    while (task.outputBytes > limits.maxOutputBytes && task.chunks.length > 1) {
      const bytes = task.chunks.shift()?.bytes ?? 0;
      task.outputBytes -= bytes;
      dropped += bytes;
    }
    store.tasks.trimOutput(chunk.taskId, task.chunks[0]?.seq ?? 0).catch(onStoreError);
    return dropped;
  }

  /** An answer that settles nothing any more goes into the audit; the same answer once more is no news. */
  async late(agent: Agent, taskId: string, epoch: number | null, payload: Payload): Promise<void> {
    const { store, clock } = this.#deps;
    const known = store.tasks.get(taskId);
    const success = payload.success === true;
    const settled =
      known?.agent === agent.id && isFinal(known.state) && (epoch ?? known.epoch) === known.epoch;
    if (settled && known.result !== null && success === (known.state === "succeeded")) return;
    await store.audit.append({
      at: clock.now(),
      actor: `runtime:${agent.id}`,
      action: "task.late-answer",
      subject: taskId,
      detail: { epoch, current: known?.epoch ?? null, state: known?.state ?? null, success },
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    for (const [timer, wake] of this.#waits) {
      clearTimeout(timer);
      wake();
    }
    this.#waits.clear();
    this.#flush();
    await this.#deps.store.flush();
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waits.delete(timer);
        resolve();
      }, ms);
      this.#waits.set(timer, resolve);
    });
  }

  #flush(): void {
    this.#timer = null;
    for (const task of this.#progress) {
      this.#deps.store.tasks.update(task.record).catch(this.#deps.onStoreError);
    }
    this.#progress.clear();
  }
}
