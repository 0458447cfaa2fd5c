/** The git command for the fleet: never prompts, never changes the working tree, always has a deadline. */
import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { run } from "../../base/process/exec.ts";
import type { ExecResult } from "../../base/process/exec-result.ts";
import { isIgnoredName } from "../files.ts";

/** Git state of the fleet folder, for display. Paths are relative to the fleet folder. */
export interface GitState {
  /** `HEAD`, `origin/main` or a local branch; null: the working tree counts. */
  readonly follows: string | null;
  /** Full hash of the last read commit; the one in force may be older. */
  readonly tip: string | null;
  readonly uncommitted: readonly string[];
  /** Commits of the fleet folder at HEAD that the followed remote branch lacks; absent: none. */
  readonly unpushed?: number;
  /** Why the files do not, or may not, count. */
  readonly problem: GitProblem | null;
}

export interface GitProblem {
  readonly kind: "rewritten" | "unreachable" | "not-committed" | "no-repository" | "in-progress";
  readonly message: string;
  /** The next step for a person. */
  readonly next: string;
}

export interface Repository {
  readonly kind: "there";
  /** Absolute path of the working tree's root. */
  readonly top: string;
  /** The fleet folder below it, with forward slashes and none at the end; empty: the root itself. */
  readonly prefix: string;
  readonly gitDir: string;
  /** Differs from `gitDir` in a linked working tree. */
  readonly commonDir: string;
}

export type FoundRepository =
  | Repository
  /** `transient`: git failed, so nothing is known. */
  | { readonly kind: "absent"; readonly transient: boolean; readonly reason: string };

const DEADLINE_MS = 10_000;

/** A hook that runs us sets these for its own repository; a prompt would wait for ever. */
const ENV = {
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
  GIT_OBJECT_DIRECTORY: undefined,
  GIT_NAMESPACE: undefined,
  GIT_PREFIX: undefined,
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "",
  SSH_ASKPASS: "",
  SSH_ASKPASS_REQUIRE: "never",
  LC_ALL: "C",
} as const;

export interface GitOptions {
  readonly deadlineMs?: number;
  readonly input?: string;
  readonly encoding?: "utf8" | "latin1";
  readonly maxOutputBytes?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

export function git(folder: string, args: readonly string[], options: GitOptions = {}): Promise<ExecResult> {
  const { deadlineMs = DEADLINE_MS, env, ...rest } = options;
  const all = ["--no-optional-locks", "-C", folder, ...args];
  return run("git", all, { ...rest, deadlineMs, env: { ...ENV, ...env } });
}

/** Why a call of git failed, in one line. */
export function gitFailure(result: ExecResult): string {
  if (result.spawnError?.code === "ENOENT") return "there is no git command on this machine";
  if (result.spawnError) return `git cannot be started: ${result.spawnError.message}`;
  if (result.timedOut) return `git ${commandOf(result)} did not answer within its deadline`;
  const lines = result.stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("hint:"));
  const reported = lines.find((line) => /^(fatal|error):/.test(line)) ?? lines.at(-1);
  return reported?.replace(/^(fatal|error): /, "").trim() ?? `git ${commandOf(result)} failed`;
}

const commandOf = ({ argv }: ExecResult): string => argv[4] ?? "";

export async function findRepository(folder: string): Promise<FoundRepository> {
  const wanted = resolve(folder);
  let base = wanted;
  while (!existsSync(base) && dirname(base) !== base) base = dirname(base);
  if (isOutside(base)) return { kind: "absent", transient: false, reason: `${base} is in no git repository` };
  const asked = ["--show-toplevel", "--show-prefix", "--absolute-git-dir", "--git-common-dir"];
  const result = await git(base, ["rev-parse", "--path-format=absolute", ...asked]);
  if (result.exitCode !== 0) {
    const nowhere =
      result.spawnError?.code === "ENOENT" ||
      /not a git repository|must be run in a work tree/.test(result.stderr);
    return { kind: "absent", transient: !nowhere, reason: gitFailure(result) };
  }
  const [top = "", inside = "", gitDir = "", commonDir = ""] = result.stdout.split("\n");
  const below = relative(base, wanted).split(sep).join("/");
  const prefix = join(inside, below).replace(/\/$/, "");
  return { kind: "there", top, prefix: prefix === "." ? "" : prefix, gitDir, commonDir };
}

/**
 * True where git would certainly find nothing, because no parent folder has a `.git`; git itself takes as long as a
 * small plan.
 */
function isOutside(folder: string): boolean {
  try {
    for (let at = realpathSync(folder); ; at = dirname(at)) {
      if (statSync(join(at, ".git"), { throwIfNoEntry: false }) !== undefined) return false;
      if (dirname(at) === at) return true;
    }
  } catch {
    return false;
  }
}

/** Differences between working tree and HEAD below the fleet folder. */
export interface TreeStatus {
  /** null: there is no commit yet. */
  readonly head: string | null;
  /** null: detached. */
  readonly branch: string | null;
  readonly uncommitted: readonly string[];
  /** Blobs of HEAD that are changed or missing in the working tree. */
  readonly replaced: readonly string[];
}

/** null with the reason when git fails. */
export async function readStatus(repository: Repository): Promise<TreeStatus | { readonly reason: string }> {
  const scope = repository.prefix === "" ? [] : ["--", `:(top,literal)${repository.prefix}`];
  const args = ["status", "--porcelain=v2", "-z", "--branch", "--untracked-files=all", ...scope];
  const result = await git(repository.top, args, { maxOutputBytes: 64 * 1024 * 1024 });
  if (result.exitCode !== 0) return { reason: gitFailure(result) };
  return parseStatus(result.stdout, repository.prefix);
}

const NO_BLOB = /^0+$/;

/** The porcelain format, version 2, with NUL between the records. */
export function parseStatus(text: string, prefix: string): TreeStatus {
  const records = text.split("\0");
  const uncommitted = new Set<string>();
  const replaced: string[] = [];
  let head: string | null = null;
  let branch: string | null = null;
  const add = (path: string) => {
    const own = prefix === "" ? path : path.slice(prefix.length + 1);
    if (own !== "" && !own.split("/").some(isIgnoredName)) uncommitted.add(own);
  };
  for (let i = 0; i < records.length; i++) {
    const record = records[i] ?? "";
    const fields = record.split(" ");
    const path = (from: number) => fields.slice(from).join(" ");
    if (record.startsWith("# branch.oid ")) head = fields[2] === "(initial)" ? null : (fields[2] ?? null);
    else if (record.startsWith("# branch.head ")) branch = path(2) === "(detached)" ? null : path(2);
    else if (fields[0] === "1" || fields[0] === "2") {
      const blob = fields[6] ?? "";
      if (!NO_BLOB.test(blob)) replaced.push(blob);
      add(path(fields[0] === "1" ? 8 : 9));
      if (fields[0] === "2") add(records[++i] ?? "");
    } else if (fields[0] === "u") add(path(10));
    else if (fields[0] === "?") add(path(1));
  }
  return { head, branch, uncommitted: [...uncommitted].sort(), replaced };
}

/** The commit that a revision names, in full; null: there is none. */
export async function resolveCommit(repository: Repository, revision: string): Promise<string | null> {
  if (revision.startsWith("-")) return null;
  const result = await git(repository.top, ["rev-parse", "--verify", "--quiet", `${revision}^{commit}`]);
  return result.exitCode === 0 ? result.stdout.trim() : null;
}

/** Whether a commit has the fleet folder at all. */
export async function hasFolder(repository: Repository, commit: string): Promise<boolean> {
  const result = await git(repository.top, ["cat-file", "-e", `${commit}:${repository.prefix}`]);
  return result.exitCode === 0;
}

/** Number of commits reachable from `head` and not from `base` that change the fleet folder; 0 if unknown. */
export async function commitsBetween(repository: Repository, base: string, head: string): Promise<number> {
  const scope = repository.prefix === "" ? [] : ["--", `:(top,literal)${repository.prefix}`];
  const result = await git(repository.top, ["rev-list", "--count", `${base}..${head}`, ...scope]);
  return result.exitCode === 0 ? Number(result.stdout.trim()) : 0;
}

/** Seven characters of a hash, for people. */
export const shortRevision = (revision: string): string =>
  /^[0-9a-f]{12,64}$/.test(revision) ? revision.slice(0, 7) : revision;
