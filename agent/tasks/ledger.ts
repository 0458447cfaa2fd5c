/** Journal and spool as one record of every task: accepted, started, ended, confirmed by the hub. */
import { diskProblem, errorMessage } from "../host/files.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import type { Log } from "../host/log.ts";
import { readStat } from "./processes.ts";
import { summarise } from "./result.ts";
import type { Spool } from "./spool.ts";
import {
  failure,
  type ResponsePayload,
  type TaskError,
  type TaskPayload,
  type TaskRef,
} from "../session/wire.ts";

export interface LedgerDeps {
  readonly journal: Journal;
  readonly spool: Spool;
  readonly log: Log;
  /** To the hub if it is there; else the record alone remembers. */
  readonly acknowledge: (ref: TaskRef) => void;
  readonly respond: (response: ResponsePayload) => void;
}

export class Ledger {
  readonly #deps: LedgerDeps;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  get(taskId: string): JournalEntry | undefined {
    return this.#deps.journal.get(taskId);
  }

  /** For hello: everything that the hub has not confirmed. */
  refs(): readonly TaskRef[] {
    return this.#deps.journal
      .all()
      .filter((entry) => entry.state !== "finished" || entry.stored !== true)
      .map(({ taskId, epoch, state }) => ({ taskId, epoch, state }));
  }

  /** A higher epoch is the hub's leave to run again; it is used only where the earlier run did not succeed. */
  mayRun(taskId: string, epoch: number): boolean {
    const known = this.get(taskId);
    if (known === undefined) return true;
    return known.state === "finished" && epoch > known.epoch && known.summary?.success !== true;
  }

  /**
   * On disk before it is acknowledged. After an error there is no record, so it must not run, or it could run twice.
   */
  accept(task: TaskPayload): TaskError | null {
    const { journal, spool, acknowledge } = this.#deps;
    const { taskId, epoch } = task;
    if (spool.full) return { code: "busy", message: "too many results wait for the hub" };
    try {
      journal.put({ taskId, epoch, state: "accepted", at: Date.now(), task });
    } catch (error) {
      return unwritable(error);
    }
    // The answer of an epoch that is over.
    spool.remove(taskId);
    acknowledge({ taskId, epoch, state: "accepted" });
    return null;
  }

  /** On disk before the process exists: after a crash between the two it counts as begun, never as not begun. */
  begin({ taskId, epoch }: JournalEntry, task: TaskPayload): TaskError | null {
    try {
      this.#deps.journal.put({ taskId, epoch, state: "running", at: Date.now(), task });
    } catch (error) {
      return unwritable(error);
    }
    this.#deps.acknowledge({ taskId, epoch, state: "running" });
    return null;
  }

  /** Need not survive a power cut, after which no process lives: hence no fsync. */
  leader(taskId: string, pid: number | null, bootId: string): void {
    const entry = this.get(taskId);
    const stat = pid === null ? null : readStat(pid);
    if (entry === undefined || stat === null) return;
    this.#record({ ...entry, process: { pid: stat.pid, startTime: stat.startTime, bootId } }, false);
  }

  /** The result is on disk before it is sent; where the disk refuses, it is kept in memory and `retry` tries again. */
  finish(response: ResponsePayload): void {
    const { spool, log, respond } = this.#deps;
    const { taskId, success, error, result, duration } = response;
    if (!spool.put(response)) log.error(`the result of task ${taskId} cannot be written; kept in memory`);
    this.#settle(response);
    const how = success ? "succeeded" : (error?.code ?? `exited with ${result.exitCode}`);
    log.info(`task ${taskId} ${how} after ${duration} ms`);
    respond(response);
  }

  /** A redelivery: answers with the current state. A newer epoch of the hub replaces the recorded one. */
  repeat(known: JournalEntry, epoch: number): void {
    const { spool, acknowledge, respond, log } = this.#deps;
    const current: JournalEntry = epoch > known.epoch ? { ...known, epoch } : known;
    const { taskId, state } = current;
    if (current !== known) this.#record(current, true);
    if (state !== "finished") {
      acknowledge({ taskId, epoch: current.epoch, state });
      return;
    }
    const response = spool.get(taskId) ?? known.summary;
    if (response === undefined) return;
    const renewed = { ...response, epoch: current.epoch };
    if (current !== known) {
      spool.put(renewed);
      this.#settle(renewed);
    }
    log.info(`task ${taskId} was delivered again; answered from the journal`);
    respond(renewed);
  }

  /** The hub has the result on its disk. An acknowledgement of an older epoch's result says nothing about this one. */
  stored(taskId: string, epoch: number): void {
    const known = this.get(taskId);
    if (known === undefined || known.state !== "finished" || epoch < known.epoch) return;
    this.#record({ ...known, stored: true }, true);
    this.#deps.spool.remove(taskId);
  }

  /** Results that only memory has are offered to the disk again. */
  retry(): void {
    for (const taskId of this.#deps.spool.retry()) {
      const response = this.#deps.spool.get(taskId);
      if (response !== null) this.#settle(response);
    }
  }

  /**
   * At start: finishes the records of the former life. What it had accepted but not begun is returned, to be run; what
   * it had begun ends as `interrupted`, after `endProcesses` has seen to its processes.
   */
  async recover(endProcesses: (entry: JournalEntry) => Promise<void>): Promise<readonly string[]> {
    const { journal, spool, log } = this.#deps;
    const waiting: string[] = [];
    for (const entry of journal.all()) {
      const { taskId, epoch, state } = entry;
      const spooled = spool.get(taskId);
      if (spooled !== null) {
        if (state !== "finished") this.#settle(spooled);
      } else if (state === "finished") {
        if (entry.stored !== true && entry.summary !== undefined) spool.put(entry.summary);
      } else if (state === "accepted") waiting.push(taskId);
      else {
        await endProcesses(entry);
        log.warn(`task ${taskId} was running when the runtime died; reported as interrupted`);
        this.finish(failure(taskId, epoch, "interrupted", "the runtime died while the task ran"));
      }
    }
    return waiting;
  }

  #settle(response: ResponsePayload): void {
    const { taskId, epoch } = response;
    const summary = summarise(response);
    this.#record({ taskId, epoch, state: "finished", at: Date.now(), summary, stored: false }, false);
  }

  /** For transitions that must not fail the task when the disk is full: memory keeps what the disk refused. */
  #record(entry: JournalEntry, sync: boolean): void {
    try {
      this.#deps.journal.put(entry, sync);
    } catch (error) {
      this.#deps.journal.remember(entry);
      this.#deps.log.error(unwritable(error).message);
    }
  }
}

function unwritable(error: unknown): TaskError {
  return { code: diskProblem(error), message: `the journal cannot be written: ${errorMessage(error)}` };
}
