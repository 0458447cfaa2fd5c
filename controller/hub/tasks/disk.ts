/** Persistence of a task: progress a moment later, ends until they are on disk, output within its limit. */
import { inBackground } from "../../base/background.ts";
import type { Clock } from "../../base/clock.ts";
import type { OutputChunk, Store, TaskRecord } from "../../store/store.ts";
import type { Agent } from "../runtimes/agent.ts";
import type { Payload } from "../runtimes/frames.ts";
import type { Limits } from "../limits.ts";
import type { LiveTask, Printed } from "./live-task.ts";
import { bytesIn, bytesOf, cutChunk } from "./output-places.ts";
import { isFinal } from "./states.ts";

export interface TaskDiskDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly onStoreError: (error: unknown) => void;
}

/** Tail that is kept of output beyond the limit, at most a quarter of the limit. */
const TAIL_BYTES = 65_536;
const NEWLINE = 10;

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

  /** Stored a moment later, and not at all when the end comes first. */
  progress(task: LiveTask): void {
    this.#progress.add(task);
    if (!this.#stopped) this.#timer ??= setTimeout(() => this.#flush(), this.#deps.limits.progressDelay);
  }

  forget(task: LiveTask): void {
    this.#progress.delete(task);
  }

  /** An end: retried until it is on disk, while the runtime keeps its copy. False: the hub stopped before. */
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

  /** Stores a chunk, within the limit of a run; returns the number of discarded bytes. */
  output(task: LiveTask, printed: Printed, chunk: OutputChunk): number {
    const { maxOutputBytes } = this.#deps.limits;
    const bytes = bytesOf(chunk);
    if (!printed.headIsFull && printed.headBytes + bytes <= maxOutputBytes) {
      printed.headBytes += bytes;
      this.#append(task, chunk);
      return 0;
    }
    if (!printed.headIsFull) {
      printed.headIsFull = true;
      // Only whole lines fit. The chunk stays in one piece as long as it can be the end of the output.
      printed.fitting =
        bytesIn(chunk).lastIndexOf(NEWLINE, Math.max(0, maxOutputBytes - printed.headBytes - 1)) + 1;
    }
    let discarded = 0;
    printed.tail.push(chunk);
    printed.tailBytes += bytes;
    const room = Math.min(TAIL_BYTES, maxOutputBytes / 4);
    for (let [first] = printed.tail; first !== undefined && printed.tail.length > 1; [first] = printed.tail) {
      const oldest = bytesOf(first);
      if (printed.tailBytes - oldest < room) break;
      printed.tail.shift();
      printed.tailBytes -= oldest;
      discarded += oldest - printed.fitting;
      if (printed.fitting > 0) this.#append(task, cutChunk(first, printed.fitting, "before"));
      printed.fitting = 0;
      printed.tailIsMidLine = bytesIn(first).at(-1) !== NEWLINE;
    }
    return discarded;
  }

  #append(task: LiveTask, chunk: OutputChunk): void {
    const { store, onStoreError } = this.#deps;
    task.unwritten.add(chunk);
    const written = store.tasks.appendOutput([chunk]).finally(() => task.unwritten.delete(chunk));
    inBackground(written, onStoreError);
  }

  /** At the end of a run the tail goes to the disk, from a line's beginning. Returns the number of discarded bytes. */
  outputEnded(task: LiveTask): number {
    const { printed } = task;
    if (printed === null) return 0;
    const [first, ...rest] = printed.tail;
    printed.tail = [];
    if (first === undefined) return 0;
    const at = printed.tailIsMidLine ? bytesIn(first).indexOf(NEWLINE) + 1 : 0;
    const discarded = at < bytesOf(first) ? at : 0;
    for (const chunk of [cutChunk(first, discarded, "from"), ...rest]) this.#append(task, chunk);
    return discarded;
  }

  /** An answer without effect goes into the audit; its repetition does not. */
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
