/** Takes tasks, runs as many at once as the configuration allows, and answers for each exactly once an execution. */
import type { ActiveConfig } from "./config.ts";
import { DEFAULT_TASKS } from "./config.ts";
import { type Execution, execute, type Outcome } from "./exec.ts";
import { diskProblem, errorMessage } from "./files.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import type { Log } from "./log.ts";
import { TaskOutput } from "./output.ts";
import { type Grace, readStat } from "./processes.ts";
import { endLeftovers } from "./leftovers.ts";
import { parseTask, type Request } from "./request.ts";
import { fit, respond, summarise, TAIL_BYTES } from "./result.ts";
import type { Spool } from "./spool.ts";
import { identity, type Surroundings } from "./user.ts";
import {
  failure,
  type OutputPayload,
  type Policy,
  type ResponsePayload,
  type TaskError,
  type TaskPayload,
  type TaskRef,
  type TaskState,
} from "./wire.ts";

/** Accepted tasks that may wait here; the hub is expected to send no more than `concurrency`. */
const WAITING_LIMIT = 100;

export interface RunnerDeps {
  readonly agent: string;
  readonly bootId: string;
  readonly journal: Journal;
  readonly spool: Spool;
  readonly log: Log;
  readonly surroundings: Surroundings;
  readonly policy: () => Policy;
  readonly active: () => ActiveConfig;
  readonly acknowledge: (ref: {
    readonly taskId: string;
    readonly epoch: number;
    readonly state: TaskState;
  }) => void;
  readonly respond: (response: ResponsePayload) => void;
  readonly output: (chunk: OutputPayload) => void;
  readonly grace?: Grace;
}

export class TaskRunner {
  readonly #deps: RunnerDeps;
  readonly #waiting: string[] = [];
  readonly #running = new Map<string, { readonly execution: Execution; readonly finished: Promise<void> }>();
  readonly #remarks = new Set<string>();
  #stopping = false;
  #pumping = false;

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
  }

  /** What the former life left: finishes its records, ends its processes, queues again what it had not begun. */
  async recover(): Promise<void> {
    const { journal, spool, log } = this.#deps;
    for (const entry of journal.all()) {
      const spooled = spool.get(entry.taskId);
      if (spooled !== null) {
        if (entry.state !== "finished") this.#settle(spooled);
      } else if (entry.state === "finished") {
        if (entry.stored !== true && entry.summary !== undefined) spool.put(entry.summary);
      } else if (entry.state === "accepted") this.#waiting.push(entry.taskId);
      else {
        await endLeftovers(entry, this.#deps);
        log.warn(`task ${entry.taskId} was running when the runtime died; reported as interrupted`);
        this.#finish(
          failure(entry.taskId, entry.epoch, "interrupted", "the runtime died while the task ran"),
        );
      }
    }
    this.#pump();
  }

  /** For hello: everything that the hub has not confirmed. */
  refs(): readonly TaskRef[] {
    return this.#deps.journal
      .all()
      .filter((entry) => entry.state !== "finished" || entry.stored !== true)
      .map(({ taskId, epoch, state }) => ({ taskId, epoch, state }));
  }

  runningIds(): readonly string[] {
    return [...this.#running.keys()];
  }

  waiting(): number {
    return this.#waiting.length;
  }

  offer(task: TaskPayload): void {
    const known = this.#deps.journal.get(task.taskId);
    if (known === undefined || this.#mayRunAgain(known, task.epoch)) this.#accept(task);
    else this.#answerAgain(known, task.epoch);
  }

  /** A higher epoch is the hub's leave to run again; it is used only where the earlier run did not succeed. */
  #mayRunAgain(known: JournalEntry, epoch: number): boolean {
    return known.state === "finished" && epoch > known.epoch && known.summary?.success !== true;
  }

  #accept(task: TaskPayload): void {
    const { journal, spool, respond: send, acknowledge } = this.#deps;
    const { taskId, epoch } = task;
    if (this.#stopping) return;
    const refusal = spool.full
      ? { code: "busy", message: "too many results wait for the hub" }
      : this.#waiting.length >= WAITING_LIMIT
        ? { code: "busy", message: `${WAITING_LIMIT} tasks wait already` }
        : null;
    if (refusal !== null) {
      send(failure(taskId, epoch, refusal.code, refusal.message));
      return;
    }
    try {
      journal.put({ taskId, epoch, state: "accepted", at: Date.now(), task });
    } catch (error) {
      // Without a record it could run twice; so it does not run.
      send(
        failure(taskId, epoch, diskProblem(error), `the journal cannot be written: ${errorMessage(error)}`),
      );
      return;
    }
    spool.remove(taskId);
    acknowledge({ taskId, epoch, state: "accepted" });
    this.#waiting.push(taskId);
    this.#pump();
  }

  #answerAgain(known: JournalEntry, epoch: number): void {
    const { spool, acknowledge, respond: send } = this.#deps;
    const current: JournalEntry = epoch > known.epoch ? { ...known, epoch } : known;
    if (current !== known) this.#record(current, true);
    const { taskId, state } = current;
    if (state !== "finished") {
      acknowledge({ taskId, epoch: current.epoch, state });
      return;
    }
    const response = spool.get(taskId) ?? current.summary;
    if (response === undefined) return;
    const renewed = { ...response, epoch: current.epoch };
    if (current !== known) {
      spool.put(renewed);
      this.#record({ ...current, stored: false, summary: summarise(renewed) }, false);
    }
    this.#deps.log.info(`task ${taskId} was delivered again; answered from the journal`);
    send(renewed);
  }

  cancel(taskId: string, epoch: number, reason: string): void {
    const { journal, log, respond: send } = this.#deps;
    const known = journal.get(taskId);
    if (known === undefined) {
      send(failure(taskId, epoch, "unknown-task", "this runtime never took the task"));
      return;
    }
    if (epoch < known.epoch) return;
    const waitingAt = this.#waiting.indexOf(taskId);
    if (waitingAt >= 0) {
      this.#waiting.splice(waitingAt, 1);
      this.#finish(failure(taskId, known.epoch, "cancelled", reason || "cancelled before it began"));
      return;
    }
    const running = this.#running.get(taskId);
    if (running === undefined) {
      this.#answerAgain(known, known.epoch);
      return;
    }
    log.info(`task ${taskId} is being cancelled`);
    running.execution.stop("cancelled");
  }

  /** The hub has the result on its disk. */
  stored(taskId: string, epoch: number): void {
    const { journal, spool } = this.#deps;
    const known = journal.get(taskId);
    if (known === undefined || known.state !== "finished") return;
    // An acknowledgement of an older epoch's result says nothing about this one.
    if (epoch < known.epoch) return;
    this.#record({ ...known, stored: true }, true);
    spool.remove(taskId);
  }

  /** To be called when the configuration changed: more may run now. */
  reconfigured(): void {
    this.#pump();
  }

  /** Results that only memory has are offered to the disk again. */
  retryDisk(): void {
    for (const taskId of this.#deps.spool.retry()) {
      const response = this.#deps.spool.get(taskId);
      if (response !== null) this.#settle(response);
    }
  }

  /** Ends what runs and records it as interrupted; what has not begun runs in the next life. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const running = [...this.#running.values()];
    for (const { execution } of running) execution.stop("interrupted");
    await Promise.all(running.map(({ finished }) => finished));
  }

  #pump(): void {
    // `#start` may finish a task at once and come back here; the loop below sees to it.
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#stopping) {
      const { config, awaitsSecrets } = this.#deps.active();
      if (awaitsSecrets || this.#running.size >= (config?.tasks ?? DEFAULT_TASKS).concurrency) break;
      const next = this.#waiting.shift();
      const entry = next === undefined ? undefined : this.#deps.journal.get(next);
      if (next === undefined) break;
      if (entry?.task !== undefined) this.#start(entry, entry.task);
    }
    this.#pumping = false;
  }

  #start(entry: JournalEntry, task: TaskPayload): void {
    const { taskId } = entry;
    const request = this.#prepare(entry, task);
    if ("code" in request) {
      this.#finish(failure(taskId, entry.epoch, request.code, request.message));
      return;
    }
    const clock = performance.now();
    const output = this.#outputOf(taskId, request);
    const execution = this.#execute(taskId, request, output);
    this.#deps.acknowledge({ taskId, epoch: entry.epoch, state: "running" });
    this.#recordProcess(taskId, execution.pid);
    const finished = execution.done.then(async (ended) => {
      const outcome = await this.#explained(ended);
      this.#running.delete(taskId);
      const epoch = this.#deps.journal.get(taskId)?.epoch ?? entry.epoch;
      const duration = Math.round(performance.now() - clock);
      const response = respond({ taskId, epoch, duration, request, outcome, output });
      this.#finish(fit(response, this.#deps.policy().maxFrameBytes));
      this.#pump();
    });
    this.#running.set(taskId, { execution, finished });
    this.#deps.log.info(`task ${taskId} (${String(task.type)}) runs`);
  }

  /**
   * A shutdown may signal the task's processes together with us. Who ended by such a signal is interrupted if our own
   * stop arrives within a moment: then the hub may run it again, which it would not after a failure.
   */
  async #explained(outcome: Outcome): Promise<Outcome> {
    const { signal, stopped } = outcome;
    if (stopped !== null || (signal !== "SIGTERM" && signal !== "SIGKILL")) return outcome;
    for (let wait = 0; wait < 5 && !this.#stopping; wait += 1)
      await new Promise((done) => setTimeout(done, 50));
    return this.#stopping ? { ...outcome, stopped: "interrupted" } : outcome;
  }

  /** What to run, or why not. When it returns a request, the task is on disk as running: before its process exists. */
  #prepare({ taskId, epoch }: JournalEntry, task: TaskPayload): Request | TaskError {
    const parsed = parseTask(task);
    if ("error" in parsed) return parsed.error;
    const denied = this.#sudoDenied(parsed.request);
    if (denied !== null) return denied;
    try {
      this.#deps.journal.put({ taskId, epoch, state: "running", at: Date.now(), task });
    } catch (error) {
      return { code: diskProblem(error), message: `the journal cannot be written: ${errorMessage(error)}` };
    }
    return parsed.request;
  }

  #sudoDenied(request: Request): TaskError | null {
    if (!request.sudo) return null;
    const allowed = (this.#deps.active().config?.tasks ?? DEFAULT_TASKS).sudo;
    if (!allowed)
      return { code: "sudo-refused", message: "the agent's document does not allow sudo (tasks.sudo)" };
    if (this.#deps.surroundings.uid === 0) return null;
    return { code: "sudo-unavailable", message: "the runtime itself does not run as root here" };
  }

  #outputOf(taskId: string, request: Request): TaskOutput {
    const { policy, active, journal, output } = this.#deps;
    const { maxOutputBytes, maxFrameBytes } = policy();
    const tailBytes = request.reads === null ? TAIL_BYTES : Math.floor(maxFrameBytes / 2);
    const secrets = request.reads === null ? Object.values(active().config?.secrets ?? {}) : [];
    return new TaskOutput({ streamBytes: maxOutputBytes, tailBytes }, secrets, (piece) => {
      if (request.reads !== null) return;
      output({ taskId, epoch: journal.get(taskId)?.epoch ?? 0, ...piece });
    });
  }

  #execute(taskId: string, request: Request, output: TaskOutput): Execution {
    const { active, surroundings, agent, grace, log } = this.#deps;
    const config = active().config;
    const tasks = config?.tasks ?? DEFAULT_TASKS;
    const who = identity(tasks.user, { sudo: request.sudo, mayUseSudo: tasks.sudo }, surroundings);
    if (who.remark !== undefined && !this.#remarks.has(who.remark)) {
      this.#remarks.add(who.remark);
      log.warn(who.remark);
    }
    const env = { ...config?.env, ...config?.secrets, ...request.env };
    return execute({
      request,
      identity: who,
      env,
      mark: `${agent}/${taskId}`,
      output,
      ...(grace ? { grace } : {}),
    });
  }

  /** Need not survive a power cut, after which no process lives: hence no fsync. */
  #recordProcess(taskId: string, pid: number | null): void {
    const entry = this.#deps.journal.get(taskId);
    const stat = pid === null ? null : readStat(pid);
    if (entry === undefined || stat === null) return;
    const { bootId } = this.#deps;
    this.#record({ ...entry, process: { pid: stat.pid, startTime: stat.startTime, bootId } }, false);
  }

  /** The result is on disk before anybody hears of it; where the disk refuses, memory has it and `retryDisk` goes on trying. */
  #finish(response: ResponsePayload): void {
    const { spool, log, respond: send } = this.#deps;
    if (!spool.put(response))
      log.error(`the result of task ${response.taskId} cannot be written; kept in memory`);
    this.#settle(response);
    const { success, error, result } = response;
    const how = success ? "succeeded" : (error?.code ?? `exited with ${result.exitCode}`);
    log.info(`task ${response.taskId} ${how} after ${response.duration} ms`);
    send(response);
  }

  #settle(response: ResponsePayload): void {
    const { taskId, epoch } = response;
    this.#record(
      { taskId, epoch, state: "finished", at: Date.now(), summary: summarise(response), stored: false },
      false,
    );
  }

  /** For transitions that must not fail the task when the disk is full: memory keeps what the disk refused. */
  #record(entry: JournalEntry, sync: boolean): void {
    try {
      this.#deps.journal.put(entry, sync);
    } catch (error) {
      this.#deps.journal.remember(entry);
      this.#deps.log.error(`the journal cannot be written: ${errorMessage(error)}`);
    }
  }
}
