/**
 * Reads the fleet from its source: the working tree, or a followed commit. The Fleet document at HEAD decides which, so
 * that an uncommitted edit neither begins nor ends following, and a remote cannot redirect us.
 */
import type { FleetSettings } from "../../core/types.ts";
import { fileError } from "../errors.ts";
import {
  commitsBetween,
  findRepository,
  hasFolder,
  type FoundRepository,
  type GitProblem,
  type GitState,
  readStatus,
  type Repository,
  resolveCommit,
  type TreeStatus,
} from "./git.ts";
import { createCommitReader, createSuspicion, withRevision } from "./commits.ts";
import {
  advance,
  branchName,
  fetchBranch,
  type RemoteBranch,
  rewritten,
  trackingTip,
  unreachable,
} from "./remote.ts";
import { inProgress } from "./progress.ts";
import { createFleetReader, type FleetRead, type FleetReader, type LoadOptions } from "../load.ts";

type GitSettings = FleetSettings["git"];

export interface GitReaderOptions extends LoadOptions {
  /** The followed revision when HEAD was last resolved, as far as it was recorded. */
  readonly remembered?: GitSettings | null;
  /** Whether a read may fetch first; default: only before the first fetch. */
  readonly mayFetch?: () => Promise<boolean>;
  /** The search for the repository, where it has begun: the first read waits for it instead of starting another. */
  readonly found?: Promise<FoundRepository>;
}

export interface GitFleetReader extends FleetReader {
  /** As of the last read; null: no repository, or none is used. */
  state(): GitState | null;
  /** Milliseconds between two fetches; null: there is nothing to fetch. */
  fetchEvery(): number | null;
  fetch(signal?: AbortSignal): Promise<void>;
  repository(): Repository | null;
  /** The followed local branch; null: none. */
  branch(): string | null;
  /** The branch of a remote that is followed. */
  target(): RemoteBranch | null;
  isCheckedOut(branch: string): boolean;
  /** The fleet of a commit, whatever is followed. */
  at(commit: string): Promise<FleetRead>;
}

/** Where nothing is declared and no branch is checked out. */
const DEFAULT_BRANCH = "main";
const FETCH_DEADLINE_MS = 60_000;
/** A person waits at a terminal. */
const FIRST_FETCH_DEADLINE_MS = 20_000;

export function createGitReader(folder: string, options: GitReaderOptions = {}): GitFleetReader {
  const onDisk = createFleetReader(folder, options);
  let repository: FoundRepository | null = null;
  let begun = options.found ?? null;
  let followed: GitSettings | null = options.remembered ?? null;
  let state: GitState | null = null;
  let status: TreeStatus | null = null;
  let fetchFailure: string | null = null;
  let folderIn: { readonly commit: string; readonly there: boolean } | null = null;
  let headSaid: { readonly commit: string; readonly git: GitSettings } | null = null;
  const readCommit = createCommitReader(folder, options);
  /** Its content comes from everyone who may push there. */
  const readRemote = createCommitReader(folder, { ...options, restricted: true });
  /** HEAD may say that it is followed, although the working tree does not. */
  const mayFollow = createSuspicion();

  const readHead = async (
    at: Repository,
    seen: TreeStatus & { readonly head: string },
    readTree: () => Promise<FleetRead>,
  ): Promise<FleetRead> => {
    let tree: FleetRead | null = null;
    let head: FleetRead | null = null;
    const going = inProgress(at);
    if (!followed?.follow) {
      tree = await readTree();
      if (tree.git?.follow === false && !(await mayFollow(at, seen.replaced))) {
        followed = tree.git;
        return await inTree(at, tree, seen, going);
      }
    }
    // A remote branch is followed, and HEAD has not moved: only its former result is needed.
    const keeps = going !== null && followed?.follow === true;
    if (!keeps && headSaid?.commit !== seen.head) {
      head = await readCommit(at, seen.head);
      headSaid =
        head.git?.follow && head.git.remote !== undefined ? { commit: seen.head, git: head.git } : null;
    }
    // HEAD is at an intermediate commit during a rebase or bisect: it neither begins nor ends following.
    const said = keeps ? followed : (headSaid?.git ?? head?.git ?? followed);
    const settings = said ?? (tree ?? (await readTree())).git;
    if (settings !== null) followed = settings;
    if (!settings?.follow) {
      tree ??= await readTree();
      return await inTree(at, tree, seen, going ?? (tree.git?.follow ? NOT_COMMITTED : null));
    }
    const { remote } = settings;
    const branch = settings.branch ?? seen.branch;
    if (remote === undefined) {
      const commit =
        settings.branch === undefined ? seen.head : await resolveCommit(at, `refs/heads/${branch}`);
      state = {
        follows: settings.branch ?? "HEAD",
        tip: commit,
        uncommitted: seen.uncommitted,
        problem: null,
      };
      if (going && settings.branch === undefined) {
        state = { ...state, problem: going };
        return failed(
          `${going.message}, so HEAD is not what is meant; the last good state stays in force`,
          going.next,
        );
      }
      if (commit === null)
        return failed(`there is no local branch "${branch}" to follow`, "make it, or change git.branch");
      return commit === seen.head && head ? head : readCommit(at, commit);
    }
    const target = { remote, branch: branch ?? DEFAULT_BRANCH };
    const { tip, problem } = await remoteTip(at, target);
    const unpushed = tip === null || tip === seen.head ? 0 : await commitsBetween(at, tip, seen.head);
    state = {
      follows: branchName(target),
      tip,
      uncommitted: seen.uncommitted,
      ...(unpushed > 0 && { unpushed }),
      problem,
    };
    if (tip !== null) return readRemote(at, tip);
    return failed(`${branchName(target)} was never fetched: ${fetchFailure}`, problem?.next ?? "");
  };

  const remoteTip = async (
    at: Repository,
    target: RemoteBranch,
  ): Promise<{ readonly tip: string | null; readonly problem: GitProblem | null }> => {
    const fetchNow = async () => {
      fetchFailure = await fetchBranch(at, target, { deadlineMs: FIRST_FETCH_DEADLINE_MS });
    };
    if (await options.mayFetch?.()) await fetchNow();
    let tips = await advance(at, target);
    if (tips.accepted === null && fetchFailure === null) {
      await fetchNow();
      tips = await advance(at, target);
    }
    const { accepted, fetched } = tips;
    if (accepted !== null && fetched !== null && fetched !== accepted)
      return { tip: accepted, problem: rewritten(target, accepted, fetched) };
    const problem = fetchFailure === null ? null : unreachable(target, fetchFailure);
    return { tip: accepted ?? (await trackingTip(at, target)), problem };
  };

  const inTree = async (
    at: Repository,
    read: FleetRead,
    { head, uncommitted }: TreeStatus,
    problem: GitProblem | null,
  ): Promise<FleetRead> => {
    // A folder that git ignores has no changes, and is in no commit.
    if (uncommitted.length === 0 && head !== null && folderIn?.commit !== head)
      folderIn = { commit: head, there: await hasFolder(at, head) };
    const revision = uncommitted.length > 0 || folderIn?.there ? head : null;
    state = { follows: null, tip: revision, uncommitted, problem };
    const known = withRevision(read, revision, uncommitted.length > 0);
    if (problem?.kind !== "in-progress" || !known.ok || known.desired.guard) return known;
    const message = `${problem.message}, so what is not there may come back`;
    return {
      ...known,
      desired: { ...known.desired, guard: { reason: "unreadable", message, release: problem.next } },
    };
  };

  const outside = async (reason: string, transient: boolean, readTree: () => Promise<FleetRead>) => {
    status = null;
    const tree = await readTree();
    const wanted = tree.git?.follow || (transient && followed?.follow);
    if (wanted && transient) {
      state = { follows: state?.follows ?? null, tip: null, uncommitted: [], problem: null };
      return failed(`git does not answer: ${reason}`, "uncommitted edits are not applied for that; mend it");
    }
    followed = tree.git ?? followed;
    const problem: GitProblem = {
      kind: "no-repository",
      message: `git.follow is on, and nothing can be followed: ${reason}; the working tree counts`,
      next: "run git init and commit the fleet folder, or take git.follow out",
    };
    state = wanted ? { follows: null, tip: null, uncommitted: [], problem } : null;
    return tree;
  };

  const look = async (read: () => Promise<FleetRead>): Promise<FleetRead> => {
    // Git is called while the files are read, where they are likely to count.
    const early = followed?.follow ? null : read();
    const readTree = () => early ?? read();
    try {
      for (let tries = 0; tries < 2; tries++) {
        if (repository?.kind !== "there") {
          const search = begun ?? findRepository(folder);
          begun = null;
          repository = await search;
        }
        if (repository.kind === "absent")
          return await outside(repository.reason, repository.transient, readTree);
        const seen = await readStatus(repository);
        if (!("reason" in seen)) {
          status = seen;
          const { head } = seen;
          if (head !== null) return await readHead(repository, { ...seen, head }, readTree);
          return await outside("there is no commit yet", false, readTree);
        }
        // The repository may have been removed since.
        repository = null;
        if (tries > 0) return await outside(seen.reason, true, readTree);
      }
    } catch (error) {
      return outside((error as Error).message, true, readTree);
    }
    return readTree();
  };

  const target = (): RemoteBranch | null =>
    followed?.follow && followed.remote !== undefined && status !== null
      ? { remote: followed.remote, branch: followed.branch ?? status.branch ?? DEFAULT_BRANCH }
      : null;
  return {
    read: () => look(() => onDisk.read()),
    reread: (paths) => look(() => onDisk.reread(paths)),
    needs: () => onDisk.needs(),
    state: () => state,
    fetchEvery: () => (target() && followed ? followed.interval : null),
    async fetch(signal) {
      const wanted = target();
      if (repository?.kind !== "there" || wanted === null) return;
      const how = { deadlineMs: FETCH_DEADLINE_MS, ...(signal && { signal }) };
      const failure = await fetchBranch(repository, wanted, how);
      if (!signal?.aborted) fetchFailure = failure;
    },
    repository: () => (repository?.kind === "there" ? repository : null),
    branch: () =>
      (followed?.follow && followed.remote === undefined ? followed.branch : null) ?? status?.branch ?? null,
    target,
    isCheckedOut: (branch) => status?.branch === branch,
    async at(commit) {
      const restricted = target() !== null;
      if (repository?.kind === "there")
        return createCommitReader(folder, { ...options, restricted })(repository, commit);
      return failed("the fleet folder is in no repository", "run git init and commit it");
    },
  };
}

/** One read, for a command. */
export async function readFleetInGit(
  folder: string,
  options: GitReaderOptions = {},
): Promise<{ readonly read: FleetRead; readonly git: GitState | null }> {
  const reader = createGitReader(folder, options);
  const read = await reader.read();
  return { read, git: reader.state() };
}

const NOT_COMMITTED: GitProblem = {
  kind: "not-committed",
  message: "git.follow is written and not committed; the working tree counts until it is",
  next: "commit the fleet folder",
};

function failed(message: string, next: string): FleetRead {
  const error = fileError("", message, "unreadable", next);
  return {
    ok: false,
    errors: [error],
    warnings: [],
    files: [],
    git: null,
    guard: { reason: "unreadable", message },
  };
}
