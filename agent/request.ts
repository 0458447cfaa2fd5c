/** From a task's payload to the program, arguments and input that carry it out; nothing is ever pasted into a shell line. */
import { git } from "./git.ts";
import { guest } from "./paths.ts";
import { strings } from "./config.ts";
import type { TaskConfig, TaskError, TaskPayload } from "./wire.ts";

export interface Request {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | null;
  readonly stdin: string | Buffer | null;
  /** Milliseconds the program may run; null: no limit of the runtime's own. */
  readonly timeout: number | null;
  readonly sudo: boolean;
  /** `file`: stdout is a file's content, neither streamed nor masked, and goes into the result as `content`. */
  readonly reads: { readonly filePath: string; readonly encoding: "utf8" | "base64" } | null;
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

export const SUPPORTED = [
  "exec",
  "build",
  "test",
  "deploy",
  "script",
  "file:read",
  "file:write",
  "git:clone",
  "git:pull",
  "git:push",
] as const;

/** Each reads the whole source from standard input before it runs it: a shell would read the rest of it as its commands' input. */
const WHOLE_SOURCE = 'eval "$(cat)"';
/** The task's own PATH decides, so the shell looks; 127 is its own code for what is not found. */
const IF_INSTALLED =
  'command -v "$1" >/dev/null || { echo "error: this script needs $1, which is not installed in this instance; add it to provision.packages of the agent, or choose another interpreter" >&2; exit 127; }; exec "$@"';
const INTERPRETERS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  node: [process.execPath, "-"],
  bash: ["/bin/sh", "-c", IF_INSTALLED, "sh", "bash", "-c", WHOLE_SOURCE, "bash"],
  python3: ["/bin/sh", "-c", IF_INSTALLED, "sh", "python3", "-"],
  sh: ["/bin/sh", "-c", WHOLE_SOURCE, "sh"],
};

type Parsed = { readonly request: Request } | { readonly error: TaskError };

const invalid = (message: string): Parsed => ({ error: { code: "invalid", message } });

/** Writes beside the target and renames: a reader sees the old file or the new one. Keeps the mode of a file that exists. */
const WRITE_FILE = [
  "set -e",
  'directory=$(dirname -- "$1"); mkdir -p -- "$directory"',
  'temporary="$1.vm-agent-$$"; trap \'rm -f -- "$temporary"\' EXIT',
  'cat > "$temporary"',
  'if [ -n "$2" ]; then chmod -- "$2" "$temporary"; elif [ -e "$1" ]; then chmod --reference="$1" -- "$temporary"; fi',
  'mv -f -- "$temporary" "$1"; trap - EXIT',
].join("\n");

/** `MAX_SETTIMEOUT`: a longer timer would fire at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export function parseTask(task: TaskPayload): Parsed {
  const { type } = task;
  const base = common(task);
  if ("error" in base) return base;
  switch (type) {
    case "exec":
    case "build":
    case "test":
    case "deploy":
      if (typeof task.command !== "string" || task.command === "")
        return invalid(`"command" must be a string`);
      return { request: { ...base.request, file: "/bin/sh", args: ["-c", task.command] } };
    case "script": {
      if (typeof task.script !== "string") return invalid(`"script" must be a string`);
      const interpreter = INTERPRETERS[String(task.interpreter ?? "node")];
      if (interpreter === undefined)
        return invalid(`"interpreter" must be one of ${Object.keys(INTERPRETERS).join(", ")}`);
      const args = Array.isArray(task.args) ? task.args.map(String) : [];
      const [file, ...first] = interpreter;
      // On standard input: no file that another user could read, and none that is left behind.
      return { request: { ...base.request, file, args: [...first, ...args], stdin: task.script } };
    }
    case "file:read": {
      const path = filePath(task.filePath);
      if (path === null) return invalid(`"filePath" must be a path`);
      const encoding = task.encoding === "base64" ? "base64" : "utf8";
      const reads = { filePath: String(task.filePath), encoding } as const;
      return { request: { ...base.request, file: "/bin/cat", args: ["--", path], reads } };
    }
    case "file:write": {
      const path = filePath(task.filePath);
      if (path === null) return invalid(`"filePath" must be a path`);
      if (typeof task.content !== "string") return invalid(`"content" must be a string`);
      if (task.mode !== undefined && !/^0?[0-7]{3,4}$/.test(String(task.mode)))
        return invalid(`"mode" must be octal digits`);
      const stdin = Buffer.from(task.content, task.encoding === "base64" ? "base64" : "utf8");
      const args = ["-c", WRITE_FILE, "file-write", path, task.mode === undefined ? "" : String(task.mode)];
      const notes = { filePath: task.filePath, size: stdin.length };
      return { request: { ...base.request, file: "/bin/sh", args, stdin, notes } };
    }
    case "git:clone":
    case "git:pull":
    case "git:push": {
      const found = git(task, base.request);
      return typeof found === "string" ? invalid(found) : { request: found };
    }
    default:
      return {
        error: { code: "unsupported", message: `this runtime does not do tasks of type ${String(type)}` },
      };
  }
}

function common(task: TaskPayload): { readonly request: Request } | { readonly error: TaskError } {
  const { cwd, timeout } = task;
  if (cwd !== undefined && cwd !== null && typeof cwd !== "string")
    return { error: invalidError(`"cwd" must be a string`) };
  // `timeouts.run` says the same as `timeout`, and wins as it does in the hub.
  const { run } =
    ((typeof task.timeouts === "object" ? task.timeouts : null) as { readonly run?: unknown }) ?? {};
  const limit = run ?? timeout;
  if (limit !== undefined && limit !== null && (typeof limit !== "number" || !(limit > 0))) {
    return { error: invalidError(`"timeout" must be a positive number of milliseconds`) };
  }
  return {
    request: {
      file: "",
      args: [],
      env: strings(task.env),
      cwd: typeof cwd === "string" && cwd !== "" ? cwd : null,
      stdin: null,
      timeout: typeof limit === "number" ? Math.min(limit, LONGEST_TIMEOUT) : null,
      sudo: task.sudo === true,
      reads: null,
      secret: null,
      notes: {},
    },
  };
}

const invalidError = (message: string): TaskError => ({ code: "invalid", message });

/** Absolute in the guest, or below the working folder; `./` keeps `-` from meaning standard input. */
function filePath(value: unknown): string | null {
  if (typeof value !== "string" || value === "" || value.includes("\0")) return null;
  return value.startsWith("/") ? guest(value) : `./${value}`;
}
