/** What counts of a fleet in a repository, in words: the revision, what is not committed, and what is wrong with it. */
import { type GitState, shortRevision } from "../reconcile/fleet-git.ts";
import type { Output } from "./output.ts";

/** Files that are named; the others are counted. */
const NAMED = 5;

/** ` at 3f2c1ab (2 files not committed)`; empty outside a repository. */
export function revisionWords(revision: string | null, git: GitState | null): string {
  if (revision === null) return "";
  const notes = [...followWords(git), ...uncommittedWords(git)];
  return ` at ${shortRevision(revision)}${notes.length > 0 ? ` (${notes.join("; ")})` : ""}`;
}

const followWords = (git: GitState | null): readonly string[] =>
  git?.follows ? [`follows ${git.follows}`] : [];

function uncommittedWords(git: GitState | null): readonly string[] {
  const count = git?.uncommitted.length ?? 0;
  if (count === 0) return [];
  const files = count === 1 ? "1 file" : `${count} files`;
  return [`${files} not committed${git?.follows ? ", not applied" : ""}`];
}

/** Lines below the heading: the files that are not committed, and a problem with what is done about it. */
export function gitLines(git: GitState | null, output: Pick<Output, "paint">): readonly string[] {
  if (git === null) return [];
  const { uncommitted, problem } = git;
  const more = uncommitted.length > NAMED ? `, and ${uncommitted.length - NAMED} more` : "";
  return [
    ...(uncommitted.length > 0
      ? [output.paint("dim", `  not committed: ${uncommitted.slice(0, NAMED).join(", ")}${more}`)]
      : []),
    ...(problem ? [`${output.paint("warn", "!")} ${problem.message}`, `  ${problem.next}`] : []),
  ];
}
