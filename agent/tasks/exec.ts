/** Runs one program in its own process group and reports how it really ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { Writable } from "node:stream";
import { SANDBOX_BOOT } from "../host/facts.ts";
import { errorCode, errorMessage } from "../host/files.ts";
import type { TaskOutput } from "./output.ts";
import { GUEST_ROOT, guest, MAIL_DIR } from "../host/paths.ts";
import { endGroup, GRACE, type Grace } from "./processes.ts";
import type { Request } from "./request.ts";
import type { Identity } from "./user.ts";
import type { TaskError } from "../session/wire.ts";

/** In the environment of every process of a task: `agent/taskId`. */
export const TASK_MARK = "VM_AGENT_TASK";

/** After the program itself has ended, so long may its children keep the pipes open before we stop listening. */
const PIPES_MS = 1_000;

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export type StopReason = "cancelled" | "timed-out" | "interrupted";

export interface Outcome {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stopped: StopReason | null;
  /** The program could not be started, or could not be ended. */
  readonly error: TaskError | null;
}

export interface Execution {
  /** Leader of the group; null when nothing was started. */
  readonly pid: number | null;
  /** The first reason counts; resolves with `done`. */
  stop(reason: StopReason): void;
  /** Settles when the program has ended and, if it was stopped, nothing of its group lives. Never rejects. */
  readonly done: Promise<Outcome>;
}

export interface Job {
  readonly request: Request;
  readonly identity: Identity;
  /** Configuration, secrets and the task's own, in this order; the last wins. */
  readonly env: Readonly<Record<string, string>>;
  readonly mark: string;
  readonly output: TaskOutput;
  readonly grace?: Grace;
}

export function execute(job: Job): Execution {
  const { request, identity } = job;
  const cwd = workingFolder(request.cwd, identity);
  if (typeof cwd !== "string") return notStarted(cwd);
  let child: ChildProcess;
  try {
    const [file, ...args] = [...identity.prefix, request.file, ...request.args];
    child = spawn(file!, args, {
      cwd,
      env: environment(job),
      detached: true,
      stdio: [
        request.stdin === null ? "ignore" : "pipe",
        "pipe",
        "pipe",
        ...(request.source === null ? [] : ["pipe" as const]),
      ],
      ...identity.ids,
    });
  } catch (error) {
    return notStarted(whyNotStarted(error));
  }
  const { pid } = child;
  child.stdout?.on("data", (bytes: Buffer) => job.output.write("stdout", bytes));
  child.stderr?.on("data", (bytes: Buffer) => job.output.write("stderr", bytes));
  job.output.attach({
    pause: () => {
      child.stdout?.pause();
      child.stderr?.pause();
    },
    resume: () => {
      child.stdout?.resume();
      child.stderr?.resume();
    },
  });
  // A program that ends without reading its input is not an error of ours.
  child.stdin?.on("error", () => {});
  child.stdin?.end(request.stdin);
  const source = child.stdio[3] as Writable | null | undefined;
  source?.on("error", () => {});
  source?.end(request.source);
  if (pid !== undefined) resetOomScore(pid);

  let stopped: StopReason | null = null;
  let ending: Promise<boolean> | null = null;
  const stop = (reason: StopReason): void => {
    if (stopped !== null || pid === undefined) return;
    stopped = reason;
    job.output.release();
    ending = endGroup(pid, [TASK_MARK, job.mark], job.grace ?? GRACE);
    ending.then((gone) => gone || giveUp(), giveUp);
  };
  const timer = request.timeout === null ? null : setTimeout(() => stop("timed-out"), request.timeout);

  // A process in uninterruptible sleep never exits; the task must still end.
  let giveUp = (): void => {};
  const givenUp = new Promise<End>((resolve) => {
    giveUp = () => resolve({ exitCode: null, signal: null, error: null });
  });
  const done = Promise.race([ended(child, job.output), givenUp]).then(async (end): Promise<Outcome> => {
    if (timer !== null) clearTimeout(timer);
    const gone = ending === null ? true : await ending;
    job.output.end();
    await job.output.allTaken();
    const error = gone
      ? end.error
      : { code: "still-alive", message: "processes of the task could not be ended" };
    return { exitCode: end.exitCode, signal: end.signal, stopped, error };
  });
  return { pid: pid ?? null, stop, done };
}

function whyNotStarted(error: unknown): TaskError {
  const message =
    errorCode(error) === "E2BIG"
      ? "its arguments and environment together are larger than this system allows; write large values to files instead"
      : errorMessage(error);
  return { code: "not-started", message };
}

function notStarted(error: TaskError): Execution {
  const outcome = { exitCode: null, signal: null, stopped: null, error };
  return { pid: null, stop: () => {}, done: Promise.resolve(outcome) };
}

type End = Pick<Outcome, "exitCode" | "signal" | "error">;

/**
 * Ended: the program has exited and its output has been read. A background process that inherited the pipes does not
 * hold the task up: after `PIPES_MS` we stop reading and let it live.
 */
function ended(child: ChildProcess, output: Pick<TaskOutput, "isPaused">): Promise<End> {
  return new Promise((resolve) => {
    let end: End | null = null;
    let timer: NodeJS.Timeout | null = null;
    child.on("error", (error) => {
      if (child.pid !== undefined) return;
      resolve({ exitCode: null, signal: null, error: whyNotStarted(error) });
    });
    child.on("exit", (exitCode, signal) => {
      end = { exitCode, signal, error: null };
      let flowed = performance.now();
      const flows = () => {
        flowed = performance.now();
      };
      child.stdout?.on("data", flows);
      child.stderr?.on("data", flows);
      const look = () => {
        // While a reader is waited for, there may be more in the pipes than has come.
        if (output.isPaused) flows();
        const rest = flowed + PIPES_MS - performance.now();
        if (rest > 0) {
          timer = setTimeout(look, rest);
          return;
        }
        child.stdout?.destroy();
        child.stderr?.destroy();
      };
      timer = setTimeout(look, PIPES_MS);
    });
    child.on("close", (exitCode, signal) => {
      if (timer !== null) clearTimeout(timer);
      resolve(end ?? { exitCode, signal, error: null });
    });
  });
}

/** Nothing of the runtime's own environment reaches a task but PATH and what the sandbox needs. */
function environment({ identity, env, mark }: Job): NodeJS.ProcessEnv {
  const path = process.env.PATH || DEFAULT_PATH;
  return {
    PATH: path.split(":").includes("/snap/bin") ? path : `${path}:/snap/bin`,
    HOME: homeOf(identity),
    USER: identity.name,
    LOGNAME: identity.name,
    SHELL: identity.shell,
    LANG: "C.UTF-8",
    VM_AGENT_MESSAGES: guest(MAIL_DIR),
    ...sandboxEnvironment(),
    ...env,
    [TASK_MARK]: mark,
  };
}

/** What lets the sandbox find a task's processes again, and a task its guest's root. */
function sandboxEnvironment(): NodeJS.ProcessEnv {
  const names = ["VM_AGENT_GUEST_ROOT", SANDBOX_BOOT].filter((name) => process.env[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

function homeOf(identity: Identity): string {
  return guest(identity.home);
}

/** Absolute paths are the guest's; relative ones start at the user's home, which is also the default. */
function workingFolder(cwd: string | null, identity: Identity): string | TaskError {
  const home = homeOf(identity);
  if (GUEST_ROOT !== "") mkdirSync(home, { recursive: true });
  if (cwd === null) return existsSync(home) ? home : guest("/");
  const path = isAbsolute(cwd) ? guest(cwd) : join(home, cwd);
  try {
    if (statSync(path).isDirectory()) return path;
  } catch {
    // Said below.
  }
  return { code: "no-such-folder", message: `the working folder ${cwd} does not exist in the instance` };
}

/** The unit protects the runtime from the out-of-memory killer; its tasks must not inherit that. */
function resetOomScore(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "0");
  } catch {
    // Not Linux, gone already, or not ours to set.
  }
}
