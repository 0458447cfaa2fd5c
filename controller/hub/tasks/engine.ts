/**
 * The task engine: accepts tasks, delivers them, keeps their results. At least once: a task is on disk before its
 * submitter gets an answer, and its result is on disk before the runtime may forget it; the runtime's journal keeps a
 * second delivery from being a second run. All decisions come from the table in states.ts.
 */
import { inBackground } from "../../base/background.ts";
import type { OutputChunk, TaskRecord } from "../../store/store.ts";
import type { Agent } from "../runtimes/agent.ts";
import type { Connection } from "../runtimes/connection.ts";
import { number, type Payload } from "../runtimes/frames.ts";
import {
  chunkSeq,
  type LiveTask,
  liveTask,
  mayRetry,
  moved,
  newRecord,
  printedSoFar,
  readAnswer,
} from "./live-task.ts";
import type { RuntimeChunk } from "../runtimes/guest-input.ts";
import { after, bytesOf, gapBefore } from "./output-places.ts";
import { orderedId } from "../random.ts";
import { isFinal, next, type TaskEvent } from "./states.ts";
import { TaskDisk } from "./disk.ts";
import type { EngineDeps, Submission } from "./ports.ts";
import { assertRoom, unsupported } from "./room.ts";
import { TaskWatchers } from "./watchers.ts";

/** Buffered paced output of a task for its reader; a runtime sends 1 MiB ahead of the reader. */
const MOST_WINDOW = 4 * 1024 * 1024;

export class TaskEngine {
  readonly watchers = new TaskWatchers();
  /** Answers of a former epoch, and of unknown tasks. */
  lateAnswers = 0;
  readonly #live = new Map<string, LiveTask>();
  readonly #disk: TaskDisk;
  readonly #deps: EngineDeps;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    this.#disk = new TaskDisk(deps);
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
    return [...this.#deps.registry.all()].reduce((sum, agent) => sum + agent.queue.inFlight.size, 0);
  }

  live(): IterableIterator<LiveTask> {
    return this.#live.values();
  }

  /** Includes progress that is not on disk yet. */
  get(id: string): TaskRecord | null {
    return this.#live.get(id)?.record ?? this.#deps.store.tasks.get(id);
  }

  /** Output after the chunk of that number, including what is not on disk yet. */
  printed(id: string, after: number): readonly OutputChunk[] {
    const stored = this.#deps.store.tasks.output(id, after);
    const last = stored.at(-1)?.seq ?? after;
    const task = this.#live.get(id);
    const coming = [...(task?.unwritten ?? []), ...(task?.printed?.tail ?? [])];
    return [...stored, ...coming.filter((chunk) => chunk.seq > last)];
  }

  /**
   * The same with the paced output that its reader has not taken: `after` acknowledges, and lets the program continue.
   */
  take(id: string, after: number): readonly OutputChunk[] {
    const task = this.#live.get(id);
    const window = task?.printed?.window ?? null;
    if (task === undefined || task.record.spec.output !== "paced") return this.printed(id, after);
    if (window !== null && task.printed !== null) {
      while (window[0] !== undefined && window[0].seq <= after)
        task.printed.windowBytes -= bytesOf(window.shift()!);
    }
    const { epoch } = task.record;
    const output = Math.max(0, after - chunkSeq(epoch, 0));
    this.#deps.registry.get(task.record.agent)?.ready?.send("ack", { taskId: id, epoch, output });
    const first = window?.[0]?.seq ?? Number.POSITIVE_INFINITY;
    return [...this.printed(id, after).filter(({ seq }) => seq < first), ...(window ?? [])];
  }

  current(record: TaskRecord): TaskRecord {
    return this.#live.get(record.id)?.record ?? record;
  }

  assertRoom(agents: readonly Agent[]): void {
    assertRoom(this.#live.size, agents, this.#deps.limits);
  }

  /** Resolves when the task is on disk; delivery follows at once where there is room. */
  async submit({ agent, spec, actor, idempotencyKey, bodyHash }: Submission): Promise<TaskRecord> {
    const { clock, random } = this.#deps;
    this.assertRoom([agent]);
    const now = clock.now();
    const direct = agent.ready !== null && agent.queue.hasRoom && agent.queue.waiting === 0;
    const place = { id: orderedId(random, now), agent: agent.id };
    const record = newRecord({ ...place, spec, now, direct, idempotencyKey, bodyHash });
    const task = liveTask(record);
    task.settling = true;
    this.#live.set(record.id, task);
    if (direct) agent.queue.reserve(record.id);
    else agent.queue.arriving += 1;
    try {
      await this.#disk.submitted(record, actor);
    } catch (error) {
      this.#live.delete(record.id);
      agent.queue.release(record.id);
      throw error;
    } finally {
      if (!direct) agent.queue.arriving -= 1;
    }
    task.settling = false;
    agent.stats.tasksReceived += 1;
    this.#announce(record);
    if (!direct) agent.queue.push(record.id);
    else if (agent.ready) this.#write(task, agent.ready);
    this.pump(agent);
    return record;
  }

  /** Delivers queued tasks, as far as there is room. */
  pump(agent: Agent): void {
    for (let connection = agent.ready; connection !== null; connection = agent.ready) {
      const id = agent.queue.take();
      if (id === null) return;
      const task = this.#live.get(id);
      const error = task ? unsupported(agent, task.record.type) : null;
      if (!task) agent.queue.release(id);
      else if (error !== null) inBackground(this.#finish(task, "failed", { error }), this.#deps.onStoreError);
      else this.#deliver(task, connection);
    }
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
    // A first-generation client has no journal: sent counts as accepted, so that it never gets a task twice.
    if (connection.firstGeneration) this.#move(task, "accepted");
    if (cancelReason !== null) connection.send("cancel", { taskId: id, epoch, reason: cancelReason });
  }

  /** `ack` of a runtime: journaled, or started. */
  acknowledged(agent: Agent, taskId: string, epoch: number, state: string): void {
    const task = this.#own(agent, taskId);
    if (!task || task.settling || epoch !== task.record.epoch) return;
    if (state === "accepted") this.#move(task, "accepted");
    else if (state === "running") this.#move(task, "started");
  }

  /** A chunk of output; repeated and late ones are ignored. */
  output(agent: Agent, chunk: RuntimeChunk, taskId: string, epoch: number): void {
    const task = this.#own(agent, taskId);
    if (!task || task.settling || epoch !== task.record.epoch) return;
    if (task.record.state !== "running") this.#move(task, "started");
    this.#printed(task, chunk);
  }

  #printed(task: LiveTask, { seq: nth, dropped, offset, line, ...text }: RuntimeChunk): void {
    const { id, epoch } = task.record;
    task.printed ??= printedSoFar(this.#deps.store.tasks.output(id, -1), task.record);
    const { printed } = task;
    const seq = chunkSeq(epoch, nth);
    if (seq <= printed.place.seq) return;
    const { begin, place } = printed;
    // Older runtimes send the number of dropped bytes instead of an offset.
    const at = offset === null ? place.offset + dropped : begin.offset + offset;
    const chunk: OutputChunk = {
      ...text,
      taskId: id,
      seq,
      at: this.#deps.clock.now(),
      offset: Math.max(place.offset, at),
      line: Math.max(place.line, line === null ? 0 : begin.line + line),
    };
    const gap = gapBefore(chunk, place)?.bytes ?? 0;
    printed.place = after(chunk, place);
    if (printed.window !== null) {
      printed.window.push(chunk);
      printed.windowBytes += bytesOf(chunk);
      // A runtime without pacing, or a task without a reader.
      while (printed.windowBytes > MOST_WINDOW) printed.windowBytes -= bytesOf(printed.window.shift()!);
    }
    this.#lost(task, gap + this.#disk.output(task, printed, chunk));
    this.watchers.chunk(chunk);
  }

  #lost(task: LiveTask, bytes: number): void {
    if (bytes > 0) this.#change(task, { ...task.record, droppedBytes: task.record.droppedBytes + bytes });
  }

  /** A run has ended: `result` has the size of its output, which shows what is missing at the end. */
  #outputEnded(task: LiveTask, result: Payload | null): void {
    const total = number(result?.outputBytes);
    const from = task.printed?.begin.offset ?? 0;
    const place = task.printed?.place.offset ?? 0;
    if (total > 0 && from + total > place) {
      const nth = Math.max(0, (task.printed?.place.seq ?? 0) - chunkSeq(task.record.epoch, 0)) + 1;
      const mark = { seq: nth, stream: "stdout", data: "", dropped: 0 } as const;
      this.#printed(task, { ...mark, offset: total, line: number(result?.outputLines) });
    }
    this.#lost(task, this.#disk.outputEnded(task));
    task.printed = null;
  }

  /** A runtime's answer. `true`: it is on disk (or was settled before), and the runtime may forget it. */
  async answered(agent: Agent, taskId: string, epoch: number | null, payload: Payload): Promise<boolean> {
    const task = this.#own(agent, taskId);
    if (!task || (epoch !== null && epoch !== task.record.epoch)) {
      this.lateAnswers += 1;
      await this.#disk.late(agent, taskId, epoch, payload);
      return true;
    }
    // The same answer on a newer connection, while the first one is being stored.
    if (task.settling) return task.ending ?? false;
    const { event, exitCode, result, error } = readAnswer(payload);
    this.#outputEnded(task, result);
    if (event !== "succeeded" && event !== "cancelled" && mayRetry(task.record)) {
      await this.#again(task, agent, error ?? event);
      return true;
    }
    const to = next(task.record.state, event);
    if (to === "ignore" || to === "late") return true;
    agent.stats[to === "succeeded" ? "tasksCompleted" : "tasksFailed"] += 1;
    task.ending = this.#finish(task, to, { exitCode, result, error });
    return task.ending;
  }

  /** Requests a cancel. Resolves with the current record: only a queued task ends at once. */
  async cancel(id: string, reason: string, actor: string): Promise<TaskRecord | null> {
    const { store, clock, registry } = this.#deps;
    const task = this.#live.get(id);
    if (!task || task.settling) return this.get(id);
    await this.#disk.cancelAsked(id, reason, actor);
    if (task.settling || isFinal(task.record.state)) return this.get(id);
    if (next(task.record.state, "cancel") === "cancelled") {
      await this.#finish(task, "cancelled", { cancelReason: reason, error: reason });
      return task.record;
    }
    this.#change(task, { ...task.record, cancelReason: reason });
    await store.tasks.update(task.record);
    const connection = registry.get(task.record.agent)?.ready;
    connection?.send("cancel", { taskId: id, epoch: task.record.epoch, reason });
    if (connection && !connection.firstGeneration) task.cancelledAt ??= clock.now();
    return task.record;
  }

  /** The hub ends a task: a timeout, a vanished runtime, a revoked agent. The runtime is notified if it is online. */
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

  /** Reconciles the tasks that were delivered before the runtime reconnected. */
  inFlight(agent: Agent): readonly LiveTask[] {
    return [...agent.queue.inFlight].flatMap((id) => this.#live.get(id) ?? []);
  }

  /** The runtime reports a task in its journal: its newer state is adopted. Null: it is not open here. */
  reported(agent: Agent, taskId: string, epoch: number, state: string): LiveTask | null {
    const task = this.#own(agent, taskId);
    if (!task || task.record.epoch !== epoch) return null;
    if (task.record.state === "queued") agent.queue.reserve(taskId);
    // Requested again on this connection (reconcile-journal.ts).
    if (task.record.cancelReason !== null) task.cancelledAt = this.#deps.clock.now();
    this.acknowledged(agent, taskId, epoch, state === "finished" ? "accepted" : state);
    return task;
  }

  /** Delivered again on a new connection: the runtime never acknowledged it. */
  redeliver(task: LiveTask, connection: Connection): void {
    if (!task.settling && next(task.record.state, "deliver") === "sent") this.#write(task, connection);
  }

  undelivered(agent: Agent): void {
    for (const task of this.inFlight(agent)) {
      task.deliveredAt = null;
      task.cancelledAt = null;
    }
  }

  /** Writes pending changes; open tasks stay open in the store. */
  stop(): Promise<void> {
    for (const task of this.#live.values()) this.#lost(task, this.#disk.outputEnded(task));
    return this.#disk.stop();
  }

  /** A task of this agent: an agent answers only for itself. */
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

  #change(task: LiveTask, record: TaskRecord): void {
    task.record = record;
    this.#disk.progress(task);
  }

  /** The end: stored first, then announced. A failed write is retried; the runtime keeps its copy. */
  async #finish(task: LiveTask, state: TaskRecord["state"], more: Partial<TaskRecord>): Promise<boolean> {
    const { clock, registry, onFinished } = this.#deps;
    this.#lost(task, this.#disk.outputEnded(task));
    const record = moved(task.record, state, clock.now(), more);
    task.settling = true;
    this.#disk.forget(task);
    const agent = registry.get(record.agent);
    agent?.queue.release(record.id);
    if (agent) this.pump(agent);
    if (!(await this.#disk.end(record))) return false;
    task.record = record;
    this.#live.delete(record.id);
    onFinished(record.type, record.state, (record.finishedAt ?? 0) - record.createdAt);
    this.#announce(record);
    return true;
  }

  /** Retry: back to the queue under a new epoch, which fences out answers of the old one. */
  async #again(task: LiveTask, agent: Agent, why: string): Promise<void> {
    this.#lost(task, this.#disk.outputEnded(task));
    task.printed = null;
    const { id, epoch } = task.record;
    const record = moved(task.record, "queued", this.#deps.clock.now(), { epoch: epoch + 1, error: why });
    task.settling = true;
    this.#disk.forget(task);
    try {
      await this.#disk.retried(record, why);
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

  #announce(record: TaskRecord): void {
    const { id, agent, state, type } = record;
    this.#deps.bus.emit("task.changed", { taskId: id, agent, state, type });
    this.watchers.state(record);
  }
}
