/** What is run for a task: program, arguments, environment, input; and whether the fleet lets it use sudo. */
import type { TaskConfig, TaskError } from "../session/wire.ts";

export interface Request {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | null;
  readonly stdin: string | Buffer | null;
  /** What the program reads from file descriptor 3; null: it has none. */
  readonly source: string | null;
  /** Milliseconds the program may run; null: no limit of the runtime's own. */
  readonly timeout: number | null;
  readonly sudo: boolean;
  /** `file`: stdout is a file's content, neither streamed nor masked, and goes into the result as `content`. */
  readonly reads: { readonly filePath: string; readonly encoding: "utf8" | "base64" } | null;
  /** Its output is taken whole by a reader, for whom it waits. */
  readonly paced: boolean;
  /** Lines of standard error that begin with `warning: ` become the result's `warnings`. */
  readonly warns: boolean;
  /** Name of the secret that it cannot do without; null: none. */
  readonly secret: string | null;
  /** Fields for the result of a success. */
  readonly notes: Readonly<Record<string, unknown>>;
}

/** Sudo is decided by the fleet's file, not by the task's body. */
export function sudoDenied(
  request: Request,
  tasks: TaskConfig,
  around: { readonly uid: number | null },
): TaskError | null {
  if (!request.sudo) return null;
  if (!tasks.sudo) {
    return { code: "sudo-refused", message: "the agent's document does not allow sudo (tasks.sudo)" };
  }
  if (around.uid === 0) return null;
  return { code: "sudo-unavailable", message: "the runtime itself does not run as root here" };
}
