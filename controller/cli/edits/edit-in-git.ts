/**
 * Edits of a fleet that follows git take effect once committed, so they are committed, or refused before a byte is
 * changed.
 */
import { type Settings, trustOf } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { git, gitFailure, type Repository } from "../../fleet/git/git.ts";
import { createGitReader } from "../../fleet/git/reader.ts";
import { branchName } from "../../fleet/git/remote.ts";
import { type Look, readFolder } from "./fleet-file.ts";

/** Hooks run as for any commit. Milliseconds. */
const COMMIT_DEADLINE_MS = 120_000;

/**
 * null: the working tree counts. Throws `not-committed` where an edit would not take effect, or would include other
 * edits.
 */
export async function mayEdit(
  settings: Settings,
  look: Look,
  commit: boolean,
  command: string,
): Promise<Repository | null> {
  const { git: wanted } = (await readFolder(settings, look)).settings;
  if (!wanted.follow && !commit) return null;
  const refused = (code: string, message: string, next: string) =>
    new VmAgentError({ code, message, next: `${next}; no file was changed`, exit: EXIT.failed });
  const reader = createGitReader(settings.fleet, trustOf(settings));
  await reader.read();
  const repository = reader.repository();
  if (repository === null)
    throw refused(
      "no-repository",
      `${settings.fleet} is in no git repository`,
      "leave --commit out, or run git init",
    );
  const { follows = null, uncommitted = [], problem = null } = reader.state() ?? {};
  const target = reader.target();
  if (target !== null)
    throw refused(
      "follows-remote",
      `the fleet follows ${branchName(target)} (git.follow), so an edit counts once it is pushed there`,
      "edit the file, commit and push it; the loop takes it from there",
    );
  if (!commit)
    throw refused(
      "not-committed",
      "the fleet follows git (git.follow), so an edit counts once it is committed",
      `vm-agent ${command} --commit writes and commits it`,
    );
  if (problem?.kind === "in-progress") throw refused(problem.kind, problem.message, problem.next);
  if (follows !== null && follows !== "HEAD" && !reader.isCheckedOut(follows))
    throw refused(
      "other-branch",
      `the fleet follows ${follows}, and another branch is checked out`,
      `git switch ${follows} first`,
    );
  if (uncommitted.length > 0)
    throw refused(
      "not-committed",
      `other edits of the fleet are not committed: ${uncommitted.slice(0, 5).join(", ")}`,
      "commit or discard them first, so that this commit holds this edit alone",
    );
  return repository;
}

export async function commitEdit(
  { top }: Repository,
  files: readonly string[],
  command: string,
): Promise<void> {
  const options = { deadlineMs: COMMIT_DEADLINE_MS };
  const paths = files.map((file) => `:(literal)${file}`);
  const add = await git(top, ["add", "--all", "--", ...paths], options);
  const done =
    add.exitCode === 0
      ? await git(
          top,
          ["commit", "--quiet", "-m", `Fleet: vm-agent ${command}`, "--only", "--", ...paths],
          options,
        )
      : add;
  if (done.exitCode === 0) return;
  throw new VmAgentError({
    code: "commit-failed",
    message: `it is written to ${files.join(", ")} and cannot be committed: ${gitFailure(done)}`,
    next: "commit it yourself; it counts from then on",
  });
}
