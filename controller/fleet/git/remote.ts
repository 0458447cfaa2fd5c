/** A followed branch of a remote: fetched to refs of our own, fast-forward only; a rewritten branch is held. */
import { git, gitFailure, type GitProblem, type Repository, shortRevision } from "./git.ts";

/** `refs/vm-agent/` is ours: the user's remote-tracking branches stay unchanged, and git keeps the commits we need. */
const OURS = "refs/vm-agent";

export interface RemoteBranch {
  readonly remote: string;
  readonly branch: string;
}

export const branchName = ({ remote, branch }: RemoteBranch): string => `${remote}/${branch}`;

const acceptedRef = (target: RemoteBranch): string => `${OURS}/accepted/${branchName(target)}`;
const fetchedRef = (target: RemoteBranch): string => `${OURS}/fetched/${branchName(target)}`;

export interface RemoteTips {
  /** The accepted tip; null: none yet. */
  readonly accepted: string | null;
  /** The last fetched tip. */
  readonly fetched: string | null;
}

/** null: fetched. Otherwise the reason. */
export async function fetchBranch(
  repository: Repository,
  target: RemoteBranch,
  options: { readonly deadlineMs: number; readonly signal?: AbortSignal },
): Promise<string | null> {
  const quiet = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap="];
  const refspec = `+refs/heads/${target.branch}:${fetchedRef(target)}`;
  const result = await git(repository.top, ["fetch", ...quiet, "--", target.remote, refspec], options);
  return result.exitCode === 0 ? null : gitFailure(result);
}

/** Accepts the fetched tip where it descends from the accepted one. Rejects when git fails. */
export async function advance(repository: Repository, target: RemoteBranch): Promise<RemoteTips> {
  const tips = await readTips(repository, target);
  const { accepted, fetched } = tips;
  if (fetched === null || fetched === accepted) return tips;
  if (accepted !== null && !(await goesOn(repository, accepted, fetched))) return tips;
  await accept(repository, target, fetched, accepted);
  return { accepted: fetched, fetched };
}

/** The first tip of a repository that cannot reach its remote: from its clone or last fetch. */
export async function trackingTip(repository: Repository, target: RemoteBranch): Promise<string | null> {
  const result = await git(repository.top, [
    "rev-parse",
    "--verify",
    "--quiet",
    `refs/remotes/${branchName(target)}^{commit}`,
  ]);
  return result.exitCode === 0 ? result.stdout.trim() : null;
}

/** A person has approved the rewritten branch. Resolves with the accepted tip. */
export async function acceptRewrite(
  repository: Repository,
  target: RemoteBranch,
): Promise<{ readonly before: string; readonly now: string } | null> {
  const { accepted, fetched } = await advance(repository, target);
  if (accepted === null || fetched === null || fetched === accepted) return null;
  await accept(repository, target, fetched, accepted);
  return { before: accepted, now: fetched };
}

export function rewritten(target: RemoteBranch, accepted: string, fetched: string): GitProblem {
  return {
    kind: "rewritten",
    message:
      `${branchName(target)} was rewritten: ${shortRevision(fetched)} does not go on from ` +
      `${shortRevision(accepted)}, which stays in force`,
    next: "look at both, then release it with vm-agent reconcile --accept-rewrite",
  };
}

export function unreachable(target: RemoteBranch, reason: string): GitProblem {
  return {
    kind: "unreachable",
    message: `${target.remote} cannot be fetched: ${reason}; what was fetched last counts`,
    next: `try git fetch ${target.remote} ${target.branch} as the user who runs vm-agent`,
  };
}

export async function readTips(repository: Repository, target: RemoteBranch): Promise<RemoteTips> {
  const refs = [acceptedRef(target), fetchedRef(target)];
  const result = await git(repository.top, ["for-each-ref", "--format=%(refname) %(objectname)", ...refs]);
  if (result.exitCode !== 0) throw new Error(gitFailure(result));
  const found = new Map(result.stdout.split("\n").map((line) => line.split(" ") as [string, string]));
  return { accepted: found.get(refs[0] ?? "") ?? null, fetched: found.get(refs[1] ?? "") ?? null };
}

async function goesOn(repository: Repository, from: string, to: string): Promise<boolean> {
  const result = await git(repository.top, ["merge-base", "--is-ancestor", from, to]);
  if (result.exitCode === 0 || result.exitCode === 1) return result.exitCode === 0;
  throw new Error(gitFailure(result));
}

async function accept(
  repository: Repository,
  target: RemoteBranch,
  tip: string,
  before: string | null,
): Promise<void> {
  const args = [
    "update-ref",
    "-m",
    "vm-agent: accepted",
    acceptedRef(target),
    tip,
    before ?? "0".repeat(tip.length),
  ];
  const result = await git(repository.top, args);
  // Another vm-agent process was faster: its result is read next time.
  if (result.exitCode !== 0 && !/is at .* but expected|reference already exists/.test(result.stderr))
    throw new Error(gitFailure(result));
}
