/** git:clone, git:pull and git:push as arguments of git, with a credential that is named and never written down. */
import { guest } from "../host/paths.ts";
import type { Request } from "./request.ts";
import type { TaskPayload } from "../session/wire.ts";

/**
 * What git asks for a password. It names the variable only: the value stays in the environment, where all secrets of a
 * task are, and comes to git through a pipe. The empty helper before it forgets what the guest's own settings name, so
 * that nothing is stored in a file either.
 */
const helper = (secret: string): string =>
  `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$VM_AGENT_GIT_USERNAME" "$${secret}"; }; f`;

/** A request, or what is wrong. Options cannot be smuggled in: operands follow `--`, and none may begin with a dash. */
export function git(task: TaskPayload, base: Request): Request | string {
  const operand = (name: string): string | null => {
    const value = task[name];
    return typeof value === "string" && value !== "" ? value : null;
  };
  for (const name of ["repo", "destination", "branch", "repoPath", "remote"]) {
    const value = operand(name);
    if (value?.startsWith("-")) return `"${name}" must not begin with a dash`;
    if (value?.includes("\0")) return `"${name}" must not hold a zero byte`;
  }
  const secret = operand("credential");
  if (secret !== null && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(secret)) return `"credential" must name a secret`;
  const branch = operand("branch");
  const username = operand("username") ?? "git";
  const env = {
    GIT_TERMINAL_PROMPT: "0",
    ...(secret !== null && { VM_AGENT_GIT_USERNAME: username }),
    ...base.env,
  };
  const run = (args: readonly string[], repo: string | null): Request => ({
    ...base,
    file: "git",
    args: [...(secret === null ? [] : credentialOptions(secret, repo)), ...args],
    env,
    secret,
  });
  if (task.type === "git:clone") {
    const repo = operand("repo");
    const destination = operand("destination");
    if (repo === null) return `"repo" must be a string`;
    const into = destination === null ? folderOf(repo) : inGuest(destination);
    const options = [
      ...(branch === null ? [] : ["--branch", branch]),
      ...(task.submodules === true ? ["--recurse-submodules"] : []),
    ];
    const { args, ...clone } = run(["clone", ...options, "--", repo, into], repo);
    return { ...clone, file: "/bin/sh", args: ["-c", CLONE, "git:clone", into, ...args], warns: true };
  }
  const path = operand("repoPath");
  if (path === null) return `"repoPath" must be a string`;
  // A branch without a remote means origin's, as the schema says.
  const remote = operand("remote") ?? (branch === null ? null : "origin");
  const operands = [remote, branch].filter((word): word is string => word !== null);
  const verb = task.type === "git:pull" ? "pull" : "push";
  return run(["-C", inGuest(path), verb, ...(operands.length > 0 ? ["--", ...operands] : [])], null);
}

/** Clones, and says on standard error what a plain clone leaves out. `$1`: the new folder; the rest: git's arguments. */
const CLONE = [
  'into=$1; shift; git "$@" || exit',
  'modules=$(git -C "$into" submodule status 2>/dev/null | grep -c "^-")',
  '[ "$modules" = 0 ] || echo "warning: submodules that were not fetched: $modules; \\"submodules\\": true fetches them" >&2',
  'if git -C "$into" grep -qF filter=lfs -- ":(glob)**/.gitattributes" 2>/dev/null; then',
  '  pointers=$(git -C "$into" grep -lF "version https://git-lfs.github.com/spec/v1" | wc -l)',
  '  [ "$pointers" -eq 0 ] || echo "warning: files that are Git LFS pointers without their content: $((pointers)); install git-lfs in the instance and run git lfs pull" >&2',
  "fi",
  "exit 0",
].join("\n");

/** The folder name that git chooses when no target is given. */
const folderOf = (repo: string): string =>
  (repo.replace(/\/+$/, "").split(/[/:]/).pop() ?? "").replace(/\.git$/, "") || "repository";

const inGuest = (path: string): string => (path.startsWith("/") ? guest(path) : path);

/**
 * Bound to the server of the clone URL where it is known: a server that it redirects to does not receive the
 * credential.
 */
function credentialOptions(secret: string, repo: string | null): readonly string[] {
  const at = repo !== null && URL.canParse(repo) ? new URL(repo) : null;
  const scope = at !== null && /^https?:$/.test(at.protocol) ? `${at.protocol}//${at.host}.` : "";
  return ["-c", "credential.helper=", "-c", `credential.${scope}helper=${helper(secret)}`];
}
