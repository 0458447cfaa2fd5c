/**
 * Git operations in progress (rebase, merge, bisect): they move HEAD and the files through commits that are not meant
 * to be applied.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { GitProblem, Repository } from "./git.ts";

/** In the repository's own folder; each linked working tree has one. `git am` moves a branch forward, as commits do. */
const MARKS = [
  { file: "rebase-merge", what: "rebase", end: "git rebase --continue, or --abort" },
  { file: "rebase-apply/rebasing", what: "rebase", end: "git rebase --continue, or --abort" },
  { file: "BISECT_LOG", what: "bisect", end: "git bisect reset" },
] as const;

/** Files and folders that show an operation in progress. */
export const PROGRESS_NAMES: readonly string[] = MARKS.map(({ file }) => file.split("/", 1)[0] ?? file);

/** null: none. */
export function inProgress({ gitDir }: Pick<Repository, "gitDir">): GitProblem | null {
  const mark = MARKS.find(({ file }) => existsSync(join(gitDir, file)));
  if (mark === undefined) return null;
  return { kind: "in-progress", message: `a git ${mark.what} is going on`, next: `end it: ${mark.end}` };
}
