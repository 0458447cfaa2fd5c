// One running unit: started, watched, restarted after its delay, stopped with patience.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { lives, type ProcessStat, processStat, signal } from "../processes.ts";
import { descendants } from "./members.ts";
import type { Program } from "./program.ts";
import type { Unit } from "./unit-file.ts";

const LOG_MAX_BYTES = 8 * 1024 * 1024;

export type ServiceState = "active" | "activating" | "inactive" | "failed";

export class Service {
  readonly unit: Unit;
  state: ServiceState = "inactive";
  /** How often it was restarted after it had exited. */
  restarts = 0;
  /** How its first process ended last; 0 before that. */
  lastExit = 0;
  readonly #program: () => Program;
  readonly #log: string;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wanted = false;
  #ended: Promise<void> = Promise.resolve();
  #starts: number[] = [];

  constructor(unit: Unit, program: () => Program, log: string) {
    this.unit = unit;
    this.#program = program;
    this.#log = log;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    if (this.#child || this.#timer) return;
    this.#wanted = true;
    this.#starts = [];
    this.#launch();
  }

  /** A oneshot unit's end; at once for every other. */
  async settled(): Promise<void> {
    if (this.unit.oneshot) await this.#ended;
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const child = this.#child;
    if (child?.pid !== undefined) {
      const group = processesBelow(child.pid);
      for (const { pid } of this.unit.killMain ? group.slice(0, 1) : group) signal(pid, "SIGTERM");
      const kill = setTimeout(() => child.kill("SIGKILL"), this.unit.stopPatience);
      await this.#ended;
      clearTimeout(kill);
      for (const mark of group) if (lives(mark)) signal(mark.pid, "SIGKILL");
    }
    this.state = "inactive";
  }

  #launch(): void {
    const { count, within } = this.unit.startLimit;
    const now = Date.now();
    this.#starts = [...this.#starts.filter((time) => time > now - within), now];
    const log = openLog(this.#log);
    try {
      if (within > 0 && count > 0 && this.#starts.length > count) {
        this.state = "failed";
        writeSync(log, `${this.unit.name}: start request repeated too quickly\n`);
        return;
      }
      this.#spawn(log);
    } finally {
      closeSync(log);
    }
  }

  #spawn(log: number): void {
    let program: Program;
    try {
      program = this.#program();
    } catch (error) {
      writeSync(log, `${this.unit.name}: ${(error as Error).message}\n`);
      this.state = "failed";
      return;
    }
    const { file, args, env, cwd } = program;
    const child = spawn(file, args, { env, cwd, stdio: ["ignore", log, log] });
    this.#child = child;
    this.state = this.unit.oneshot ? "activating" : "active";
    this.#ended = new Promise((resolve) => {
      let over = false;
      const end = (code: number): void => {
        if (over) return;
        over = true;
        this.#child = undefined;
        this.#after(code);
        resolve();
      };
      child.once("exit", (code, name) => end(name === null ? (code ?? 1) : 1));
      child.once("error", () => end(203));
    });
  }

  #after(code: number): void {
    const { restart, restartDelay, oneshot } = this.unit;
    this.lastExit = code;
    this.state = code === 0 ? (oneshot ? "active" : "inactive") : "failed";
    if (!this.#wanted) return;
    const again =
      restart === "always" ||
      (restart === "on-failure" && code !== 0) ||
      (restart === "on-success" && code === 0);
    if (!again || (oneshot && code === 0)) return;
    this.state = "activating";
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.restarts += 1;
      this.#launch();
    }, restartDelay);
  }
}

/** Opened for each start: a log that grew too long is put aside then. */
function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  try {
    if (statSync(path).size > LOG_MAX_BYTES) renameSync(path, `${path}.1`);
  } catch {
    // It does not exist yet.
  }
  return openSync(path, "a");
}

/**
 * A service's processes, the first one first. bubblewrap's own are not among them: hit by SIGTERM it would die at once and take its guest
 * with it, unasked.
 */
function processesBelow(pid: number): readonly ProcessStat[] {
  const own = processStat(pid);
  const all = [...(own ? [own] : []), ...descendants(pid)].filter(({ command }) => command !== "bwrap");
  const main = all.find(({ parent }) => !all.some((it) => it.pid === parent));
  if (main) return [main, ...all.filter((it) => it !== main)];
  return own ? [own] : [];
}
