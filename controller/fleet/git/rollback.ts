/** A commit that restores the fleet folder of another revision and changes nothing else: history is kept. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VmAgentError } from "../../base/errors.ts";
import { git, gitFailure, type GitOptions, type Repository, shortRevision } from "./git.ts";
import { listTree } from "./blobs.ts";
import type { RemoteBranch } from "./remote.ts";

/** The target of the commit. */
export type RollbackTarget =
  /** The checked-out branch, including the files. */
  | { readonly kind: "head" }
  /** Another branch of this repository; the working tree stays as it is. */
  | { readonly kind: "branch"; readonly branch: string; readonly tip: string }
  /** A branch of a remote, pushed as a plain fast-forward; the working tree stays as it is. */
  | { readonly kind: "remote"; readonly target: RemoteBranch; readonly tip: string };

const PUSH_DEADLINE_MS = 60_000;
/** Hooks run as for any commit. */
const COMMIT_DEADLINE_MS = 120_000;

/** True: the fleet folder is the same in both commits. */
export async function isSameFleet(repository: Repository, a: string, b: string): Promise<boolean> {
  const args = ["rev-parse", "--verify", "--quiet"];
  const [first, second] = await Promise.all(
    [a, b].map((commit) => git(repository.top, [...args, `${commit}:${repository.prefix}`])),
  );
  return first?.exitCode === 0 && second?.exitCode === 0 && first.stdout === second.stdout;
}

/** Resolves with the hash of the new commit. `revision`: full hash of what is restored. */
export async function commitRollback(
  repository: Repository,
  revision: string,
  target: RollbackTarget,
): Promise<string> {
  const subject = await must(repository, ["log", "-1", "--format=%s", revision]);
  const message = [
    "-m",
    `Roll the fleet back to ${shortRevision(revision)}`,
    "-m",
    `This restores the fleet folder as of ${revision} ("${subject}").`,
  ];
  if (target.kind === "head") return commitHere(repository, revision, message);
  const commit = await commitOnto(repository, revision, target.tip, message);
  if (target.kind === "branch") {
    const ref = `refs/heads/${target.branch}`;
    await must(repository, ["update-ref", "-m", "vm-agent rollback", ref, commit, target.tip]);
    return commit;
  }
  const { remote, branch } = target.target;
  const options = { deadlineMs: PUSH_DEADLINE_MS };
  const pushed = await git(
    repository.top,
    ["push", "--quiet", "--", remote, `${commit}:refs/heads/${branch}`],
    options,
  );
  if (pushed.exitCode === 0) return commit;
  throw new VmAgentError({
    code: "push-failed",
    message: `the commit ${shortRevision(commit)} is made and cannot be pushed to ${remote}/${branch}: ${gitFailure(pushed)}`,
    next: `push it yourself: git push ${remote} ${commit}:refs/heads/${branch}`,
  });
}

async function commitHere(
  repository: Repository,
  revision: string,
  message: readonly string[],
): Promise<string> {
  const scope = repository.prefix === "" ? "." : `:(top,literal)${repository.prefix}`;
  const restore = (from: string) => ["restore", `--source=${from}`, "--staged", "--worktree", "--", scope];
  await must(repository, restore(revision));
  try {
    const options = { deadlineMs: COMMIT_DEADLINE_MS };
    await must(repository, ["commit", "--quiet", ...message, "--only", "--", scope], options);
  } catch (error) {
    // The folder was clean before, so no edit is lost.
    await git(repository.top, restore("HEAD"));
    throw error;
  }
  return must(repository, ["rev-parse", "HEAD"]);
}

/** Made of trees alone, with a separate index. */
async function commitOnto(
  repository: Repository,
  revision: string,
  tip: string,
  message: readonly string[],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vm-agent-rollback-"));
  try {
    const env = { GIT_INDEX_FILE: join(folder, "index") };
    const [now, then] = await Promise.all([
      listTree(repository, tip, repository.prefix),
      listTree(repository, revision, repository.prefix),
    ]);
    const isFolder = (mode: string) => mode === "040000";
    const gone = (now ?? []).filter(({ mode }) => !isFolder(mode));
    const back = (then ?? []).filter(({ mode }) => !isFolder(mode));
    const input = [
      ...gone.map(({ path, oid }) => `0 ${"0".repeat(oid.length)}\t${path}\0`),
      ...back.map(({ mode, oid, path }) => `${mode} ${oid}\t${path}\0`),
    ].join("");
    await must(repository, ["read-tree", tip], { env });
    await must(repository, ["update-index", "-z", "--index-info"], { env, input });
    const tree = await must(repository, ["write-tree"], { env });
    return await must(repository, ["commit-tree", tree, "-p", tip, ...message]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function must(
  repository: Repository,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const result = await git(repository.top, args, options);
  if (result.exitCode === 0) return result.stdout.trim();
  throw new VmAgentError({
    code: "git-failed",
    message: `git ${args[0]} failed: ${gitFailure(result)}`,
    next: "nothing was changed; mend what git says, then try again",
  });
}
