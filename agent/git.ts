/** git:clone, git:pull and git:push as arguments of git, with a credential that is named and never written down. */
import { guest } from "./paths.ts";
import type { Request } from "./request.ts";
import type { TaskPayload } from "./wire.ts";

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
    const into = destination === null ? [] : [inGuest(destination)];
    return run(["clone", ...(branch === null ? [] : ["--branch", branch]), "--", repo, ...into], repo);
  }
  const path = operand("repoPath");
  if (path === null) return `"repoPath" must be a string`;
  // A branch without a remote means origin's, as the schema says.
  const remote = operand("remote") ?? (branch === null ? null : "origin");
  const operands = [remote, branch].filter((word): word is string => word !== null);
  const verb = task.type === "git:pull" ? "pull" : "push";
  return run(["-C", inGuest(path), verb, ...(operands.length > 0 ? ["--", ...operands] : [])], null);
}

const inGuest = (path: string): string => (path.startsWith("/") ? guest(path) : path);

/** Bound to the server that is cloned from, where it is known: another one that it redirects to is not told. */
function credentialOptions(secret: string, repo: string | null): readonly string[] {
  const at = repo !== null && URL.canParse(repo) ? new URL(repo) : null;
  const scope = at !== null && /^https?:$/.test(at.protocol) ? `${at.protocol}//${at.host}.` : "";
  return ["-c", "credential.helper=", "-c", `credential.${scope}helper=${helper(secret)}`];
}
