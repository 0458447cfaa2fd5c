/**
 * Takes tasks, delivers them, keeps their results. At least once: a task is on disk before its submitter hears of it,
 * and its result is on disk before the runtime may forget it; the runtime's journal keeps a second delivery from being a
 * second run. All decisions come from the table in tasks.ts.
 */
import type { Clock } from "../base/clock.ts";
import type { Bus } from "../base/events.ts";
import type { OutputChunk, Store, TaskRecord } from "../store/store.ts";
import type { Agent } from "./agent.ts";
import type { Connection } from "./connection.ts";
import type { Payload } from "./frames.ts";
import type { Limits } from "./limits.ts";
import { chunkSeq, type LiveTask, liveTask, mayRetry, moved, readAnswer } from "./live-task.ts";
import { orderedId, type Random } from "./random.ts";
import type { Registry } from "./registry.ts";
import { refuse } from "./refusals.ts";
import { isFinal, next, type TaskEvent } from "./tasks.ts";
import { TaskWatchers } from "./task-watchers.ts";

export interface EngineDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly onStoreError: (error: unknown) => void;
  /** How long a finished task took from its creation, in milliseconds. */
  readonly onFinished: (type: string, state: string, durationMs: number) => void;
}

export interface Submission {
  readonly agent: Agent;
  readonly spec: Payload;
  readonly actor: string;
  readonly idempotencyKey: string | null;
  readonly bodyHash: string;
}

export class TaskEngine {
  readonly watchers = new TaskWatchers();
  /** Answers of an epoch that is over, and of tasks that nobody knows. */
  lateAnswers = 0;
  readonly #live = new Map<string, LiveTask>();
  readonly #progress = new Set<LiveTask>();
  readonly #deps: EngineDeps;
  #progressTimer: NodeJS.Timeout | null = null;
  readonly #retries = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    for (const record of deps.store.tasks.open()) {
      const task = liveTask(record);
      this.#live.set(record.id, task);
      const { queue } = deps.registry.ensure(record.agent);
      if (record.state === "queued") queue.push(record.id);
      else queue.reserve(record.id);
    }
  }

  get openCount(): number {
    return this.#live.size;
  }

  /** Tasks sent or running. */
  get activeCount(): number {
    let active = 0;
    for (const agent of this.#deps.registry.all()) active += agent.queue.inFlight.size;
    return active;
  }

  live(): IterableIterator<LiveTask> {
    return this.#live.values();
  }

  /** With the progress that is not on disk yet. */
  get(id: string): TaskRecord | null {
    return this.#live.get(id)?.record ?? this.#deps.store.tasks.get(id);
  }

  current(record: TaskRecord): TaskRecord {
    return this.#live.get(record.id)?.record ?? record;
  }

  /** Resolves when the task is on disk; delivery follows at once where there is room. */
  async submit({ agent, spec, actor, idempotencyKey, bodyHash }: Submission): Promise<TaskRecord> {
    const { clock, random, store, limits } = this.#deps;
    if (agent.queue.waiting >= limits.maxQueuedTasks) throw refuse.queueFull(agent.id, limits.maxQueuedTasks);
    if (this.#live.size >= limits.maxOpenTasks) throw refuse.queueFull("all agents", limits.maxOpenTasks);
    const now = clock.now();
    const direct = agent.ready !== null && agent.queue.hasRoom && agent.queue.waiting === 0;
    const record: TaskRecord = {
      id: orderedId(random, now),
      agent: agent.id,
      type: String(spec.type),
      spec,
      state: direct ? "sent" : "queued",
      epoch: 1,
      createdAt: now,
      sentAt: direct ? now : null,
      acceptedAt: null,
      startedAt: null,
      finishedAt: null,
      exitCode: null,
      result: null,
      error: null,
      cancelReason: null,
      droppedBytes: 0,
      idempotencyKey,
      bodyHash,
    };
    const task = liveTask(record);
    task.settling = true;
    this.#live.set(record.id, task);
    if (direct) agent.queue.reserve(record.id);
    try {
      const detail = { agent: agent.id, type: record.type, bodyHash };
      await Promise.all([
        store.tasks.insert(record),
        store.audit.append({ at: now, actor, action: "task.submit", subject: record.id, detail }),
      ]);
    } catch (error) {
      this.#live.delete(record.id);
      agent.queue.release(record.id);
      throw error;
    }
    task.settling = false;
    agent.stats.tasksReceived += 1;
    this.#announce(record);
    if (!direct) agent.queue.push(record.id);
    else if (agent.ready) this.#write(task, agent.ready);
    this.pump(agent);
    return record;
  }

  /** Delivers what waits, as far as there is room. */
  pump(agent: Agent): void {
    for (let connection = agent.ready; connection !== null; connection = agent.ready) {
      const id = agent.queue.take();
      if (id === null) return;
      const task = this.#live.get(id);
      if (!task) agent.queue.release(id);
      else if (this.#supports(agent, task)) this.#deliver(task, connection);
    }
  }

  #supports(agent: Agent, task: LiveTask): boolean {
    const supports = agent.facts?.supports;
    if (!supports || supports.includes(task.record.type)) return true;
    const error = refuse.notSupported(agent.id, task.record.type, supports).message;
    void this.#finish(task, "failed", { error });
    return false;
  }

  #deliver(task: LiveTask, connection: Connection): void {
    this.#move(task, "deliver");
    this.#write(task, connection);
  }

  #write(task: LiveTask, connection: Connection): void {
    const { id, epoch, spec, cancelReason } = task.record;
    const { idempotencyKey: _, ...fields } = spec;
    if (!connection.send("task", { taskId: id, epoch, ...fields })) return;
    task.deliveredAt = this.#deps.clock.now();
    // A first-generation client has no journal: written counts as taken, so that it is never given a task twice.
    if (connection.firstGeneration) this.#move(task, "accepted");
    if (cancelReason !== null) connection.send("cancel", { taskId: id, epoch, reason: cancelReason });
  }

  /** `ack` of a runtime: journaled, or begun. */
  acknowledged(agent: Agent, taskId: string, epoch: number, state: string): void {
    const task = this.#own(agent, taskId);
    if (!task || task.settling || epoch !== task.record.epoch) return;
    if (state === "accepted") this.#move(task, "accepted");
    else if (state === "running") this.#move(task, "started");
  }

  /** A chunk of output; repeated and late ones change nothing. */
  output(
    agent: Agent,
    chunk: Omit<OutputChunk, "taskId" | "at">,
    taskId: string,
    epoch: number,
    dropped: number,
  ): void {
    const { clock, store, limits, onStoreError } = this.#deps;
    const task = this.#own(agent, taskId);
    if (!task || epoch !== task.record.epoch) return;
    if (task.record.state !== "running") this.#move(task, "started");
    const stored: OutputChunk = { ...chunk, taskId, seq: chunkSeq(epoch, chunk.seq), at: clock.now() };
    store.tasks.appendOutput([stored]).catch(onStoreError);
    task.chunks.push({ seq: stored.seq, bytes: chunk.data.length });
    task.outputBytes += chunk.data.length;
    let lost = dropped;
    // Trimmed by the quarter, so that a long output does not cost a delete for each chunk.
    if (task.outputBytes > limits.maxOutputBytes * 1.25) {
      while (task.outputBytes > limits.maxOutputBytes && task.chunks.length > 1) {
        const oldest = task.chunks.shift();
        task.outputBytes -= oldest?.bytes ?? 0;
        lost += oldest?.bytes ?? 0;
      }
      store.tasks.trimOutput(taskId, task.chunks[0]?.seq ?? 0).catch(onStoreError);
    }
    if (lost > 0) this.#change(task, { ...task.record, droppedBytes: task.record.droppedBytes + lost });
    this.watchers.chunk(stored);
  }

  /** A runtime's answer. `true`: it is on disk (or settled long ago), the runtime may forget it. */
  async answered(agent: Agent, taskId: string, epoch: number | null, payload: Payload): Promise<boolean> {
    const task = this.#own(agent, taskId);
    if (!task || (epoch !== null && epoch !== task.record.epoch)) {
      await this.#late(agent, taskId, epoch, payload);
      return true;
    }
    if (task.settling) return false;
    const { event, exitCode, result, error } = readAnswer(payload);
    if (event !== "succeeded" && event !== "cancelled" && mayRetry(task.record)) {
      await this.#again(task, agent, error ?? event);
      return true;
    }
    const to = next(task.record.state, event);
    if (to === "ignore" || to === "late") return true;
    agent.stats[to === "succeeded" ? "tasksCompleted" : "tasksFailed"] += 1;
    return this.#finish(task, to, { exitCode, result, error });
  }

  /** Asks to end a task. Resolves with the record as it is then: only a queued task ends at once. */
  async cancel(id: string, reason: string, actor: string): Promise<TaskRecord | null> {
    const { store, clock, registry } = this.#deps;
    const task = this.#live.get(id);
    if (!task || task.settling) return this.get(id);
    await store.audit.append({
      at: clock.now(),
      actor,
      action: "task.cancel",
      subject: id,
      detail: { reason },
    });
    if (task.settling || isFinal(task.record.state)) return this.get(id);
    if (next(task.record.state, "cancel") === "cancelled") {
      await this.#finish(task, "cancelled", { cancelReason: reason, error: reason });
      return task.record;
    }
    this.#change(task, { ...task.record, cancelReason: reason });
    await store.tasks.update(task.record);
    const connection = registry.get(task.record.agent)?.ready;
    connection?.send("cancel", { taskId: id, epoch: task.record.epoch, reason });
    return task.record;
  }

  /** Ends a task from here: a timeout, a vanished runtime, a revoked agent. Tells the runtime if it is there. */
  async end(task: LiveTask, event: TaskEvent, error: string): Promise<void> {
    const to = next(task.record.state, event);
    if (task.settling || to === "ignore" || to === "late") return;
    const agent = this.#deps.registry.get(task.record.agent);
    if (agent && task.record.state !== "queued") {
      agent.ready?.send("cancel", { taskId: task.record.id, epoch: task.record.epoch, reason: error });
    }
    if (agent && (event === "forgotten" || event === "run-timeout") && mayRetry(task.record)) {
      return this.#again(task, agent, error);
    }
    if (agent) agent.stats.tasksFailed += 1;
    await this.#finish(task, to, { error });
  }

  /** The tasks of an agent that are out of this hub's hands, after its runtime came back. */
  inFlight(agent: Agent): readonly LiveTask[] {
    return [...agent.queue.inFlight].flatMap((id) => this.#live.get(id) ?? []);
  }

  /** The runtime reports a task in its journal: takes over what it knows better. Null: it is not open here. */
  reported(agent: Agent, taskId: string, epoch: number, state: string): LiveTask | null {
    const task = this.#own(agent, taskId);
    if (!task || task.record.epoch !== epoch) return null;
    if (task.record.state === "queued") agent.queue.reserve(taskId);
    this.acknowledged(agent, taskId, epoch, state === "finished" ? "accepted" : state);
    return task;
  }

  /** Written again on a new connection: the runtime never acknowledged it. */
  redeliver(task: LiveTask, connection: Connection): void {
    if (!task.settling && next(task.record.state, "deliver") === "sent") this.#write(task, connection);
  }

  undelivered(agent: Agent): void {
    for (const task of this.inFlight(agent)) task.deliveredAt = null;
  }

  /** Writes what is pending and lets go of the timers; open tasks stay open in the store. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#progressTimer) clearTimeout(this.#progressTimer);
    for (const timer of this.#retries) clearTimeout(timer);
    this.#retries.clear();
    this.#flushProgress();
    await this.#deps.store.flush();
  }

  /** A task of this agent: no agent can answer for another. */
  #own(agent: Agent, id: string): LiveTask | undefined {
    const task = this.#live.get(id);
    return task?.record.agent === agent.id ? task : undefined;
  }

  #move(task: LiveTask, event: TaskEvent): void {
    const to = next(task.record.state, event);
    if (to === "ignore" || to === "late") return;
    const now = this.#deps.clock.now();
    const accepted = event === "accepted" && task.record.acceptedAt === null ? { acceptedAt: now } : {};
    const before = task.record.state;
    this.#change(task, moved(task.record, to, now, accepted));
    if (before !== to) this.#announce(task.record);
  }

  /** Progress goes to the disk a moment later, and not at all when the result comes first. */
  #change(task: LiveTask, record: TaskRecord): void {
    task.record = record;
    this.#progress.add(task);
    if (!this.#stopped)
      this.#progressTimer ??= setTimeout(() => this.#flushProgress(), this.#deps.limits.progressDelay);
  }

  #flushProgress(): void {
    this.#progressTimer = null;
    for (const task of this.#progress)
      this.#deps.store.tasks.update(task.record).catch(this.#deps.onStoreError);
    this.#progress.clear();
  }

  /** The end: on disk first, then announced. When it cannot be written it is tried again; the runtime keeps its copy. */
  async #finish(task: LiveTask, state: TaskRecord["state"], more: Partial<TaskRecord>): Promise<boolean> {
    const { store, clock, registry, onFinished, onStoreError, limits } = this.#deps;
    const record = moved(task.record, state, clock.now(), more);
    const agent = registry.get(record.agent);
    task.settling = true;
    this.#progress.delete(task);
    agent?.queue.release(record.id);
    if (agent) this.pump(agent);
    for (;;) {
      try {
        await store.tasks.update(record);
        break;
      } catch (error) {
        onStoreError(error);
        if (this.#stopped) return false;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(() => {
            this.#retries.delete(timer);
            resolve();
          }, limits.storeRetry);
          this.#retries.add(timer);
        });
      }
    }
    task.record = record;
    this.#live.delete(record.id);
    onFinished(record.type, record.state, (record.finishedAt ?? 0) - record.createdAt);
    this.#announce(record);
    return true;
  }

  /** Another run: back to the queue under a new epoch, which fences the old one's answers off. */
  async #again(task: LiveTask, agent: Agent, why: string): Promise<void> {
    const { store, clock } = this.#deps;
    const { id, epoch } = task.record;
    const record = moved(task.record, "queued", clock.now(), { epoch: epoch + 1, error: why });
    task.settling = true;
    this.#progress.delete(task);
    try {
      await Promise.all([
        store.tasks.update(record),
        store.audit.append({
          at: clock.now(),
          actor: "hub",
          action: "task.retry",
          subject: id,
          detail: { epoch: epoch + 1, why },
        }),
      ]);
    } finally {
      task.settling = false;
    }
    task.record = record;
    task.deliveredAt = null;
    agent.queue.release(id);
    agent.queue.push(id);
    this.#announce(record);
    this.pump(agent);
  }

  async #late(agent: Agent, taskId: string, epoch: number | null, payload: Payload): Promise<void> {
    const { store, clock } = this.#deps;
    this.lateAnswers += 1;
    const known = store.tasks.get(taskId);
    // The same answer once more (its acknowledgement got lost) is no news.
    if (
      known &&
      known.agent === agent.id &&
      isFinal(known.state) &&
      (epoch === null || epoch === known.epoch)
    ) {
      const repeated = known.result !== null && payload.success === (known.state === "succeeded");
      if (repeated) return;
    }
    const detail = {
      epoch,
      current: known?.epoch ?? null,
      state: known?.state ?? null,
      success: payload.success === true,
    };
    await store.audit.append({
      at: clock.now(),
      actor: `runtime:${agent.id}`,
      action: "task.late-answer",
      subject: taskId,
      detail,
    });
  }

  #announce(record: TaskRecord): void {
    const { id, agent, state, type } = record;
    this.#deps.bus.emit("task.changed", { taskId: id, agent, state, type });
    this.watchers.state(record);
  }
}
