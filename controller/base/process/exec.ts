/**
 * The only place of the controller that spawns programs: argument array in, a result as data out, no shell, never a
 * rejection.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";
import type { ExecResult } from "./exec-result.ts";
import { atomicStdin } from "./atomic-stdin.ts";
import { scrubbedEnv } from "./scrubbed-env.ts";

export interface RunOptions {
  /** Standard input; absent: /dev/null. */
  readonly input?: string | Buffer;
  /** The program is not started before all of `input`, a text, has arrived, independent of our own death. */
  readonly whole?: boolean;
  /** Milliseconds after which the process group is killed. Absent: none. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Bytes kept of each stream; the rest is read and dropped. */
  readonly maxOutputBytes?: number;
  /** Added to the environment of this process; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Decoding of standard output; `latin1` keeps every byte as one character. Default utf8. */
  readonly encoding?: "utf8" | "latin1";
  /** Receives all of standard output as it comes, also beyond `maxOutputBytes`. */
  readonly onStdout?: (text: string) => void;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly killGraceMs?: number;
}

export type Run = (file: string, args: readonly string[], options?: RunOptions) => Promise<ExecResult>;

export const EXEC_DEFAULTS = { maxOutputBytes: 16 * 1024 * 1024, killGraceMs: 2000 } as const;

/**
 * How long a descendant that still holds the pipes may delay the result, once the program itself has exited. The
 * program's own output is in the pipe by then.
 */
const DRAIN_MS = 500;
/** How long to wait for a killed group to end; zombies that are never reaped must not block. */
const GONE_MS = 300;
const POLL_MS = 15;

/** Live groups. They are not in the terminal's foreground group, so we have to end them. */
const living = new Set<number>();
const endAll = () => {
  for (const pid of living) kill(pid, "SIGTERM");
};

/**
 * Runs a program in its own process group and resolves exactly once. After a deadline or an abort the whole group gets
 * SIGTERM, then SIGKILL; the promise resolves even if a descendant survives or holds the pipes.
 */
export const run: Run = async (file, args, options = {}) => {
  if (!options.whole || typeof options.input !== "string") return runNow(file, args, options);
  const { input, result, ...helper } = atomicStdin(file, args, options.input);
  return result(await runNow(helper.file, helper.args, { ...options, input }));
};

const runNow: Run = (file, args, options = {}) => {
  const argv = [file, ...args];
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  if (options.signal?.aborted) return Promise.resolve(unstarted(argv, 0, { aborted: true }));

  let child: ChildProcess;
  try {
    child = spawn(file, [...args], {
      cwd: options.cwd,
      env: { ...process.env, ...scrubbedEnv(), ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      detached: true,
      shell: false,
      windowsHide: true,
    });
  } catch (error) {
    return Promise.resolve(unstarted(argv, elapsed(), { error }));
  }

  return new Promise((resolve) => {
    const cap = options.maxOutputBytes ?? EXEC_DEFAULTS.maxOutputBytes;
    const out = collector(cap, options.onStdout);
    const err = collector(cap);
    const timers = new Set<NodeJS.Timeout>();
    let ending: "deadline" | "abort" | null = null;
    let exit: { code: number | null; signal: NodeJS.Signals | null } | null = null;
    let settled = false;

    const later = (ms: number, action: () => void) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        action();
      }, ms);
      timers.add(timer);
    };
    const settle = (result: ExecResult) => {
      if (settled) return;
      settled = true;
      for (const timer of timers) clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
      if (child.pid !== undefined) forget(child.pid);
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      resolve(result);
    };
    const finish = () =>
      settle({
        argv,
        exitCode: exit?.code ?? null,
        signal: exit?.signal ?? null,
        stdout: out.text(options.encoding),
        stderr: err.text(),
        durationMs: elapsed(),
        timedOut: ending === "deadline",
        aborted: ending === "abort",
        truncated: out.truncated() || err.truncated(),
      });
    const awaitGone = (until: number, then: () => void) => {
      if (child.pid === undefined || !alive(child.pid) || performance.now() >= until) then();
      else later(POLL_MS, () => awaitGone(until, then));
    };
    const end = (why: "deadline" | "abort") => {
      const pid = child.pid;
      if (ending !== null || settled || pid === undefined) return;
      ending = why;
      kill(pid, "SIGTERM");
      awaitGone(performance.now() + (options.killGraceMs ?? EXEC_DEFAULTS.killGraceMs), () => {
        kill(pid, "SIGKILL");
        // One more turn of the event loop, so that the exit event comes before the result.
        awaitGone(performance.now() + GONE_MS, () => later(exit === null ? POLL_MS : 0, finish));
      });
    };
    const onAbort = () => end("abort");

    child.on("error", (error) => {
      if (child.pid === undefined) settle(unstarted(argv, elapsed(), { error }));
    });
    child.on("exit", (code, signal) => {
      exit = { code, signal };
      if (ending === null) later(DRAIN_MS, () => ending === null && finish());
    });
    child.on("close", () => {
      if (ending === null) finish();
    });
    child.stdout?.on("data", out.add);
    child.stderr?.on("data", err.add);
    // A program that does not read its input closes the pipe (EPIPE); its exit code counts.
    child.stdin?.on("error", () => {});
    if (options.input !== undefined) child.stdin?.end(options.input);
    if (child.pid !== undefined) remember(child.pid);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    if (options.deadlineMs !== undefined) later(options.deadlineMs, () => end("deadline"));
  });
};

function collector(cap: number, listener?: (text: string) => void) {
  const chunks: Buffer[] = [];
  const decoder = listener === undefined ? null : new StringDecoder("utf8");
  let kept = 0;
  let cut = false;
  return {
    add: (chunk: Buffer) => {
      const part = chunk.length <= cap - kept ? chunk : chunk.subarray(0, cap - kept);
      cut ||= part.length < chunk.length;
      kept += part.length;
      if (part.length > 0) chunks.push(part);
      if (decoder !== null) listener?.(decoder.write(chunk));
    },
    text: (encoding: "utf8" | "latin1" = "utf8") => Buffer.concat(chunks).toString(encoding),
    truncated: () => cut,
  };
}

function unstarted(
  argv: readonly string[],
  durationMs: number,
  why: { readonly aborted?: boolean; readonly error?: unknown },
): ExecResult {
  const base = { argv, exitCode: null, signal: null, stdout: "", stderr: "", durationMs, timedOut: false };
  if (why.error === undefined) return { ...base, aborted: why.aborted ?? false, truncated: false };
  const error = why.error instanceof Error ? why.error : new Error(String(why.error));
  const code = (error as NodeJS.ErrnoException).code ?? "UNKNOWN";
  return { ...base, aborted: false, truncated: false, spawnError: { code, message: error.message } };
}

/** True while a member of the group exists, zombies included. */
function alive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended, which is the goal.
  }
}

function remember(pid: number): void {
  if (living.size === 0) process.on("exit", endAll);
  living.add(pid);
}

function forget(pid: number): void {
  living.delete(pid);
  if (living.size === 0) process.off("exit", endAll);
}
