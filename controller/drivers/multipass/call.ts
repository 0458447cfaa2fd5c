/** One call of the Multipass executable: deadline, `command` event, and errors as VmAgentError. */
import { positiveNumber } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import type { Bus } from "../../base/events.ts";
import { type Run, run as realRun } from "../../base/process/exec.ts";
import type { ExecResult } from "../../base/process/exec-result.ts";
import { withoutHostSecrets } from "../../base/process/scrubbed-env.ts";
import { classify, type Failure } from "./failure.ts";

/** The executable, arguments before Multipass's own, and additions to the environment. */
export interface Executable {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Milliseconds. */
export interface Deadlines {
  /** `version`, `list`, `get`: answered in 0.05 s by an idle daemon. */
  readonly look: number;
  /** Every call that changes an instance, and `info`, which waits for guests. */
  readonly change: number;
  /** `exec`, the command in the guest included. */
  readonly exec: number;
  /** `launch`: this much more than twice its `--timeout`. */
  readonly launchExtra: number;
}

/**
 * look 30 s: the daemon serves one call at a time and answers no other while it stops or restores an instance, up to
 * 300 s (CONTRACT section 12); but a refresh is cheap to repeat and its delay decides nothing (`unobservable`), so the
 * loop stays free. change 330 s: longer than the 300 s that the daemon itself allows a stop or a start, so that its own
 * error reaches us. exec 330 s: it may queue behind such a call. launchExtra 60 s: `--timeout` applies to each of two
 * phases (CONTRACT section 8).
 */
export const DEADLINES: Deadlines = { look: 30_000, change: 330_000, exec: 330_000, launchExtra: 60_000 };

/** DEADLINES with `VM_AGENT_DEADLINE_LOOK`, `_CHANGE`, `_EXEC`, `_LAUNCH_EXTRA`, in seconds, where they are set. */
export function readDeadlines(env: Readonly<Record<string, string | undefined>>): Deadlines {
  const read = (name: string, fallback: number) =>
    Math.round(positiveNumber(env, name, fallback / 1000) * 1000);
  return {
    look: read("VM_AGENT_DEADLINE_LOOK", DEADLINES.look),
    change: read("VM_AGENT_DEADLINE_CHANGE", DEADLINES.change),
    exec: read("VM_AGENT_DEADLINE_EXEC", DEADLINES.exec),
    launchExtra: read("VM_AGENT_DEADLINE_LAUNCH_EXTRA", DEADLINES.launchExtra),
  };
}

export interface CallDeps {
  readonly executable: Executable;
  readonly bus: Bus;
  readonly run?: Run;
}

export interface CallOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly input?: string;
  readonly onStdout?: ((text: string) => void) | undefined;
  /** Codes that mean that the desired state is there already. */
  readonly settled?: readonly string[];
  /** Replaces internal arguments in messages and in the `command` event. */
  readonly shown?: { readonly words: string; readonly argv: readonly string[] };
}

export type Call = (args: readonly [string, ...string[]], options: CallOptions) => Promise<ExecResult>;

/**
 * All paths given to Multipass are absolute. Our working folder may have been removed, or be inaccessible to a confined
 * snap, and then no call of the client would start.
 */
const FOLDER = "/";

/** Commands that do not block the daemon for others. */
const LOOKS: readonly string[] = ["version", "list", "get", "info", "exec"];

/**
 * A call that resolves with the result of a success, or of a failure listed in `settled`, and rejects with VmAgentError
 * otherwise.
 */
export function createCall(deps: CallDeps): Call {
  const { executable, bus, run = realRun } = deps;
  const underWay = new Map<string, number>();

  return async (args, options) => {
    const shown = args.join(" ");
    // Our own calls that may block the daemon; they explain a late answer.
    const others = [...underWay.keys()];
    const changes = !LOOKS.includes(args[0]);
    if (changes) underWay.set(shown, (underWay.get(shown) ?? 0) + 1);
    const result = await run(executable.file, [...executable.args, ...args], {
      deadlineMs: options.deadlineMs,
      ...(options.input === undefined ? {} : { input: options.input, whole: true }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onStdout === undefined ? {} : { onStdout: options.onStdout }),
      env: { ...withoutHostSecrets(), ...executable.env },
      cwd: FOLDER,
    });
    if (changes) {
      const left = (underWay.get(shown) ?? 1) - 1;
      if (left > 0) underWay.set(shown, left);
      else underWay.delete(shown);
    }

    const failure = failureOf(executable, args[0], result, others);
    // Standard input, which carries user data, is no part of the event.
    bus.emit("command", {
      argv: ["multipass", ...(options.shown?.argv ?? args)],
      durationMs: result.durationMs,
      exitCode: result.exitCode,
      failure: failure === null ? null : failure.code,
    });
    if (failure === null || options.settled?.includes(failure.code)) return result;
    throw toError(options.shown?.words ?? `multipass ${shown}`, failure);
  };
}

function failureOf(
  executable: Executable,
  command: string,
  result: ExecResult,
  others: readonly string[],
): Failure | null {
  const { spawnError } = result;
  if (spawnError !== undefined) return spawnFailure(executable, spawnError);
  if (result.aborted) {
    return {
      code: "driver-cancelled",
      message: "the call was cancelled; the daemon may go on with it",
      next: "look at the instances again before acting",
      transient: true,
    };
  }
  if (result.timedOut) {
    const busy = others.length === 0 ? "" : `; it is busy with \`multipass ${others[0]}\``;
    return {
      code: "driver-timeout",
      message: `multipassd does not answer: no result after ${Math.round(result.durationMs / 100) / 10} s${busy}`,
      next: "wait if it is stopping or restoring an instance (up to 300 s); else a guest's hypervisor process hangs: end that one, or restart the Multipass daemon",
      transient: true,
    };
  }
  return classify({ command, exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr });
}

function spawnFailure(
  executable: Executable,
  error: { readonly code: string; readonly message: string },
): Failure {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") {
    return {
      code: "driver-missing",
      message: `there is no executable ${executable.file}`,
      next: "install Multipass (https://canonical.com/multipass/install), name it with VM_AGENT_MULTIPASS, or choose `--driver sandbox`",
      transient: false,
    };
  }
  if (error.code === "EACCES" || error.code === "EPERM") {
    return {
      code: "driver-denied",
      message: `${executable.file} may not be executed`,
      next: `check its permissions and the user that vm-agent runs as: ls -l ${executable.file}`,
      transient: false,
    };
  }
  return {
    code: "driver-failed",
    message: `${executable.file} could not be started: ${error.message}`,
    next: "free memory and processes of this host, then try again",
    transient: error.code === "EAGAIN" || error.code === "ENOMEM" || error.code === "EMFILE",
  };
}

const UNREACHABLE: readonly string[] = [
  "driver-missing",
  "driver-unreachable",
  "driver-denied",
  "driver-timeout",
];

function toError(shown: string, failure: Failure): VmAgentError {
  return new VmAgentError({
    code: failure.code,
    message: `${shown}: ${failure.message}`,
    next: failure.next,
    transient: failure.transient,
    exit: UNREACHABLE.includes(failure.code) ? EXIT.unreachable : EXIT.failed,
  });
}
