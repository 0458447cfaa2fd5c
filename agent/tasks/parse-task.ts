/** From a task's payload to the program, arguments and input that carry it out; nothing is ever pasted into a shell line. */
import { git } from "./git.ts";
import { guest } from "../host/paths.ts";
import { strings } from "../host/config.ts";
import type { Request } from "./request.ts";
import type { TaskError, TaskPayload } from "../session/wire.ts";

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

/** `MAX_ARG_STRLEN` of Linux, 128 KiB, with the zero byte at its end: no argument and no variable is larger. */
const LONGEST_ARGUMENT = 131_071;

/** Shell text that comes by file descriptor 3, which is closed before it begins. */
const FROM_SOURCE = 'eval "exec 3<&-;$(cat <&3)"';
const NODE_FROM_SOURCE =
  'const source = require("fs").readFileSync(3, "utf8"); require("fs").closeSync(3); require("vm").runInThisContext(source, "[script]")';
const PYTHON_FROM_SOURCE = 'exec(compile(open(3).read(), "<script>", "exec"))';

/** The task's own PATH decides, so the shell looks; 127 is its own code for what is not found. */
const IF_INSTALLED =
  'command -v "$1" >/dev/null || { echo "error: this script needs $1, which is not installed in this instance; add it to provision.packages of the agent, or choose another interpreter" >&2; exit 127; }; exec "$@"';
const ifInstalled = ["/bin/sh", "-c", IF_INSTALLED, "sh"] as const;

interface Interpreter {
  /** Reads the script from file descriptor 3, so that standard input is the task's. */
  readonly fromSource: readonly [string, ...string[]];
  /** Reads it from standard input, and is used where the task has none. Absent: a shell, which would share it with its commands. */
  readonly fromStdin?: readonly [string, ...string[]];
}

const INTERPRETERS: Readonly<Record<string, Interpreter>> = {
  node: {
    fromSource: [process.execPath, "-e", NODE_FROM_SOURCE, "--", "-"],
    fromStdin: [process.execPath, "-"],
  },
  bash: { fromSource: [...ifInstalled, "bash", "-c", FROM_SOURCE, "bash"] },
  python3: {
    fromSource: [...ifInstalled, "python3", "-c", PYTHON_FROM_SOURCE],
    fromStdin: [...ifInstalled, "python3", "-"],
  },
  sh: { fromSource: ["/bin/sh", "-c", FROM_SOURCE, "sh"] },
};

type Parsed = { readonly request: Request } | { readonly error: TaskError };

const invalid = (message: string): Parsed => ({ error: { code: "invalid", message } });

/** `$1`: path. Says why a path is no plain file; a device, pipe or socket could be read without an end. */
const MUST_BE_PLAIN = [
  'if [ -d "$1" ]; then echo "$1 is a folder; give the path of a file" >&2; exit 1; fi',
  'if [ -e "$1" ] && [ ! -f "$1" ]; then echo "$1 is a device, pipe or socket; only plain files are read and written" >&2; exit 1; fi',
].join("\n");

/** `$2`: most bytes. One more is read, which shows that there are more. */
const READ_FILE = [MUST_BE_PLAIN, 'exec head -c "$(($2 + 1))" -- "$1"'].join("\n");

/** Writes beside the target and renames: a reader sees the old file or the new one. Keeps the mode of a file that exists. */
const WRITE_FILE = [
  "set -e",
  MUST_BE_PLAIN,
  'directory=$(dirname -- "$1"); mkdir -p -- "$directory"',
  'temporary="$1.vm-agent-$$"; trap \'rm -f -- "$temporary"\' EXIT',
  'cat > "$temporary"',
  'if [ -n "$2" ]; then chmod -- "$2" "$temporary"; elif [ -e "$1" ]; then chmod --reference="$1" -- "$temporary"; fi',
  'mv -f -- "$temporary" "$1"; trap - EXIT',
].join("\n");

/** Where a task runs and what bounds it. */
export interface Place {
  /** Home of the user as whom it runs, as the guest names it. */
  readonly home: string;
  /** Bytes of a file that fit into a result. */
  readonly fileBytes: number;
}

/** `MAX_SETTIMEOUT`: a longer timer would fire at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export function parseTask(given: TaskPayload, { home, fileBytes }: Place): Parsed {
  const task = { ...given };
  for (const name of PATHS) {
    const value = task[name];
    if (typeof value !== "string" || !value.startsWith("~")) continue;
    if (name === "repo" && !/^~(?:\/|$)/.test(value)) continue;
    if (!/^~(?:\/|$)/.test(value))
      return invalid(
        `"${name}" begins with ~ and a name: only ~ and ~/ are known, the home of the task's user`,
      );
    task[name] = `${guest(home).replace(/\/$/, "")}${value.slice(1)}`;
  }
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
      return { request: shell(base.request, task.command) };
    case "script": {
      if (typeof task.script !== "string") return invalid(`"script" must be a string`);
      const interpreter = INTERPRETERS[String(task.interpreter ?? "node")];
      if (interpreter === undefined)
        return invalid(`"interpreter" must be one of ${Object.keys(INTERPRETERS).join(", ")}`);
      const args = Array.isArray(task.args) ? task.args.map(String) : [];
      const { fromSource, fromStdin } = interpreter;
      const bySource = fromStdin === undefined || base.request.stdin !== null;
      const [file, ...first] = bySource ? fromSource : fromStdin;
      const input = bySource ? { source: task.script } : { stdin: task.script };
      // By a pipe: no file that another user could read, and none that is left behind.
      return { request: { ...base.request, file, args: [...first, ...args], ...input } };
    }
    case "file:read": {
      const path = filePath(task.filePath);
      if (path === null) return invalid(`"filePath" must be a path`);
      const encoding = task.encoding === "base64" ? "base64" : "utf8";
      const reads = { filePath: String(given.filePath), encoding } as const;
      const args = ["-c", READ_FILE, "file:read", path, String(fileBytes)];
      return { request: { ...base.request, file: "/bin/sh", args, reads } };
    }
    case "file:write": {
      const path = filePath(task.filePath);
      if (path === null) return invalid(`"filePath" must be a path`);
      if (path.endsWith("/")) return invalid(`"filePath" ends with a slash, as a folder does`);
      if (typeof task.content !== "string") return invalid(`"content" must be a string`);
      if (task.mode !== undefined && !/^0?[0-7]{3,4}$/.test(String(task.mode)))
        return invalid(`"mode" must be octal digits`);
      const stdin = Buffer.from(task.content, task.encoding === "base64" ? "base64" : "utf8");
      const args = ["-c", WRITE_FILE, "file:write", path, task.mode === undefined ? "" : String(task.mode)];
      const notes = { filePath: given.filePath, size: stdin.length };
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

/** Fields in which `~` is the home of the task's user. */
const PATHS = ["cwd", "filePath", "destination", "repoPath", "repo"] as const;

function shell(base: Request, command: string): Request {
  const fits = Buffer.byteLength(command) <= LONGEST_ARGUMENT;
  return {
    ...base,
    file: "/bin/sh",
    args: ["-c", fits ? command : FROM_SOURCE],
    source: fits ? null : command,
  };
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
  if (task.stdin !== undefined && typeof task.stdin !== "string")
    return { error: invalidError(`"stdin" must be a string`) };
  const stdin =
    task.stdin === undefined
      ? null
      : Buffer.from(task.stdin, task.stdinEncoding === "base64" ? "base64" : "utf8");
  return {
    request: {
      file: "",
      args: [],
      env: strings(task.env),
      cwd: typeof cwd === "string" && cwd !== "" ? cwd : null,
      stdin,
      source: null,
      timeout: typeof limit === "number" ? Math.min(limit, LONGEST_TIMEOUT) : null,
      sudo: task.sudo === true,
      reads: null,
      paced: task.output === "paced",
      warns: false,
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
