/** Accepts tasks, runs as many at once as the configuration allows, and records every end in the ledger. */
import { type ActiveConfig, DEFAULT_TASKS } from "../host/config.ts";
import { type Execution, execute, type Outcome } from "./exec.ts";
import type { JournalEntry } from "./journal.ts";
import { endLeftovers } from "./leftovers.ts";
import type { Ledger } from "./ledger.ts";
import type { Log } from "../host/log.ts";
import type { TaskOutput } from "./output.ts";
import type { Grace } from "./processes.ts";
import { parseTask } from "./parse-task.ts";
import { type Request, sudoDenied } from "./request.ts";
import { fileBytes, fit, outputFor, respond } from "./result.ts";
import { type Identity, identity, type Surroundings } from "./user.ts";
import {
  failure,
  type OutputPayload,
  type Policy,
  type ResponsePayload,
  type TaskConfig,
  type TaskError,
  type TaskPayload,
  type TaskRef,
} from "../session/wire.ts";

/** Accepted tasks that may wait here; the hub is expected to send no more than `concurrency`. */
const WAITING_LIMIT = 100;

/** How long after a task died by a signal our own stop may still come to explain it. */
const EXPLAIN_MS = 250;

export interface RunnerDeps {
  readonly agent: string;
  readonly bootId: string;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly surroundings: Surroundings;
  readonly policy: () => Policy;
  readonly active: () => ActiveConfig;
  /** For answers that are not worth a record: the task was not taken. */
  readonly respond: (response: ResponsePayload) => void;
  /** `paced`: it must not be dropped; what is lost with a connection is sent again. */
  readonly output: (chunk: OutputPayload, paced: boolean) => void;
  readonly grace?: Grace;
}

interface Running {
  readonly execution: Execution;
  readonly output: TaskOutput;
  readonly finished: Promise<void>;
}

export class TaskRunner {
  readonly #deps: RunnerDeps;
  readonly #waiting: string[] = [];
  readonly #running = new Map<string, Running>();
  readonly #remarks = new Set<string>();
  #stopping = false;
  /** While an upgrade waits for an idle moment, no task is started. */
  #onIdle: (() => void) | null = null;
  #pumping = false;

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
  }

  /** To be awaited before anything is offered. */
  async recover(): Promise<void> {
    const waiting = await this.#deps.ledger.recover((entry) => endLeftovers(entry, this.#deps));
    this.#waiting.push(...waiting);
    this.#pump();
  }

  refs(): readonly TaskRef[] {
    return this.#deps.ledger.refs();
  }

  runningIds(): readonly string[] {
    return [...this.#running.keys()];
  }

  waiting(): number {
    return this.#waiting.length;
  }

  offer(task: TaskPayload): void {
    const { ledger } = this.#deps;
    const { taskId, epoch } = task;
    if (this.#stopping) return;
    if (!ledger.mayRun(taskId, epoch)) {
      const known = ledger.get(taskId);
      if (known !== undefined) ledger.repeat(known, epoch);
      return;
    }
    const full = this.#waiting.length >= WAITING_LIMIT;
    const refusal = full
      ? { code: "busy", message: `${WAITING_LIMIT} tasks wait already` }
      : ledger.accept(task);
    if (refusal !== null) {
      this.#deps.respond(failure(taskId, epoch, refusal.code, refusal.message));
      return;
    }
    this.#waiting.push(taskId);
    this.#pump();
  }

  cancel(taskId: string, epoch: number, reason: string): void {
    const { ledger, log } = this.#deps;
    const known = ledger.get(taskId);
    if (known === undefined) {
      this.#deps.respond(failure(taskId, epoch, "unknown-task", "this runtime never took the task"));
      return;
    }
    if (epoch < known.epoch) return;
    const waitingAt = this.#waiting.indexOf(taskId);
    const running = this.#running.get(taskId);
    if (waitingAt >= 0) {
      this.#waiting.splice(waitingAt, 1);
      ledger.finish(failure(taskId, known.epoch, "cancelled", reason || "cancelled before it began"));
    } else if (running === undefined) ledger.repeat(known, known.epoch);
    else {
      log.info(`task ${taskId} is being cancelled`);
      running.execution.stop("cancelled");
    }
  }

  stored(taskId: string, epoch: number): void {
    this.#deps.ledger.stored(taskId, epoch);
  }

  /** A reader of paced output has everything up to this piece. */
  outputTaken(taskId: string, epoch: number, seq: number): void {
    if (this.#deps.ledger.get(taskId)?.epoch === epoch) this.#running.get(taskId)?.output.taken(seq);
  }

  /** To be called on a new connection: sends the paced output again that no reader has. */
  resendOutput(): void {
    for (const [taskId, { output }] of this.#running) {
      const epoch = this.#deps.ledger.get(taskId)?.epoch ?? 0;
      for (const piece of output.untaken()) this.#deps.output({ taskId, epoch, ...piece }, true);
    }
  }

  retryDisk(): void {
    this.#deps.ledger.retry();
  }

  /** True as soon as nothing runs, and from then on nothing is begun; false after so long, and work goes on. */
  async hold(ms: number): Promise<boolean> {
    if (this.#running.size === 0) {
      this.#onIdle = () => {};
      return true;
    }
    const idle = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
    if (idle) return true;
    this.#onIdle = null;
    this.#pump();
    return false;
  }

  /** To be called when the configuration changed: more may run now. */
  reconfigured(): void {
    this.#pump();
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
    while (!this.#stopping && this.#onIdle === null) {
      if (this.#deps.active().awaitsSecrets || this.#running.size >= this.#tasks().concurrency) break;
      const next = this.#waiting.shift();
      if (next === undefined) break;
      const entry = this.#deps.ledger.get(next);
      if (entry?.task !== undefined) this.#start(entry, entry.task);
    }
    this.#pumping = false;
  }

  #start(entry: JournalEntry, task: TaskPayload): void {
    const { ledger, log, agent, bootId, surroundings, grace } = this.#deps;
    const { taskId } = entry;
    const { user, sudo: mayUseSudo } = this.#tasks();
    const who = identity(user, { sudo: task.sudo === true, mayUseSudo }, surroundings);
    const request = this.#prepare(entry, task, who);
    if ("code" in request) {
      ledger.finish(failure(taskId, entry.epoch, request.code, request.message));
      return;
    }
    this.#remark(who);
    const output = this.#outputOf(taskId, request);
    const env = this.#environment(request);
    const mark = `${agent}/${taskId}`;
    const execution = execute({ request, identity: who, env, mark, output, ...(grace ? { grace } : {}) });
    ledger.leader(taskId, execution.pid, bootId);
    log.info(`task ${taskId} (${String(task.type)}) runs`);
    const clock = performance.now();
    const finished = execution.done.then(async (ended) => {
      const outcome = await this.#explained(ended);
      this.#running.delete(taskId);
      const epoch = ledger.get(taskId)?.epoch ?? entry.epoch;
      const duration = Math.round(performance.now() - clock);
      const policy = this.#deps.policy();
      const most = fileBytes(policy);
      const response = respond({ taskId, epoch, duration, request, outcome, output, fileBytes: most });
      ledger.finish(fit(response, policy.maxFrameBytes));
      if (this.#running.size === 0) this.#onIdle?.();
      this.#pump();
    });
    this.#running.set(taskId, { execution, output, finished });
  }

  /** What to run, or why not. When it returns a request, the task is on disk as running. */
  #prepare(entry: JournalEntry, task: TaskPayload, { home }: Identity): Request | TaskError {
    const parsed = parseTask(task, { home, fileBytes: fileBytes(this.#deps.policy()) });
    if ("error" in parsed) return parsed.error;
    const { request } = parsed;
    return (
      sudoDenied(request, this.#tasks(), this.#deps.surroundings) ??
      this.#withoutSecret(request) ??
      this.#deps.ledger.begin(entry, task) ??
      request
    );
  }

  #withoutSecret({ secret }: Request): TaskError | null {
    const secrets = this.#deps.active().config?.secrets ?? {};
    if (secret === null || secrets[secret] !== undefined) return null;
    return { code: "no-such-secret", message: `the agent's document has no secret "${secret}"` };
  }

  /**
   * A shutdown may signal the task's processes together with us. A task that ended by such a signal was interrupted, if
   * our own stop arrives within a moment: the hub may retry it, where a failure would be the task's own.
   */
  async #explained(outcome: Outcome): Promise<Outcome> {
    const { signal, stopped } = outcome;
    if (stopped !== null || (signal !== "SIGTERM" && signal !== "SIGKILL")) return outcome;
    const until = performance.now() + EXPLAIN_MS;
    while (!this.#stopping && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 25));
    return this.#stopping ? { ...outcome, stopped: "interrupted" } : outcome;
  }

  #tasks(): TaskConfig {
    return this.#deps.active().config?.tasks ?? DEFAULT_TASKS;
  }

  #environment(request: Request): Readonly<Record<string, string>> {
    const { config } = this.#deps.active();
    return { ...config?.env, ...config?.secrets, ...request.env };
  }

  /** Said once: it is true of every task. */
  #remark({ remark }: Identity): void {
    if (remark === undefined || this.#remarks.has(remark)) return;
    this.#remarks.add(remark);
    this.#deps.log.warn(remark);
  }

  #outputOf(taskId: string, request: Request): TaskOutput {
    const { policy, active, ledger, output } = this.#deps;
    const secrets = Object.values(active().config?.secrets ?? {});
    const made: TaskOutput = outputFor(request, policy(), secrets, (piece) =>
      output({ taskId, epoch: ledger.get(taskId)?.epoch ?? 0, ...piece }, made.isPaced),
    );
    return made;
  }
}
