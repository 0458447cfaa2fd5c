/** The revision of a fleet in a repository, in words: commit, uncommitted files, problems. */
import { type GitState, shortRevision } from "../../fleet/git/git.ts";
import { type Line, sentence } from "../../views/lines.ts";
import { counted } from "../../core/units.ts";

/** Files listed by name; the others are counted. */
const NAMED = 5;

/** ` at 3f2c1ab (2 files not committed)`; empty outside a repository. */
export function revisionWords(revision: string | null, git: GitState | null): string {
  if (revision === null) return "";
  const notes = [...followWords(git), ...uncommittedWords(git), ...unpushedWords(git)];
  return ` at ${shortRevision(revision)}${notes.length > 0 ? ` (${notes.join("; ")})` : ""}`;
}

const followWords = (git: GitState | null): readonly string[] =>
  git?.follows ? [`follows ${git.follows}`] : [];

function uncommittedWords(git: GitState | null): readonly string[] {
  const count = git?.uncommitted.length ?? 0;
  if (count === 0) return [];
  const files = counted(count, "file");
  return [`${files} not committed${git?.follows ? ", not applied" : ""}`];
}

function unpushedWords(git: GitState | null): readonly string[] {
  const { unpushed = 0 } = git ?? {};
  return unpushed === 0 ? [] : [`${counted(unpushed, "local commit")} not pushed, not applied`];
}

/** Lines below the heading: uncommitted files, and a problem with its next step. */
export function gitLines(git: GitState | null, width: number): readonly Line[] {
  if (git === null) return [];
  const { uncommitted, problem } = git;
  const more = uncommitted.length > NAMED ? `, and ${uncommitted.length - NAMED} more` : "";
  return [
    ...(uncommitted.length > 0
      ? moved(`not committed: ${uncommitted.slice(0, NAMED).join(", ")}${more}`, width, "dim")
      : []),
    ...(problem ? [...marked(problem.message, width), ...moved(problem.next, width)] : []),
  ];
}

/** Indented, below the heading. */
export const moved = (text: string, width: number, role: "plain" | "dim" = "plain"): readonly Line[] =>
  sentence(text, width - 2, role, 2).map((line): Line => [{ text: "  ", role }, ...line]);

/** A remark with the warning glyph. */
export const marked = (text: string, width: number): readonly Line[] =>
  sentence(text, width - 2).map((line, i): Line => [{ text: i === 0 ? "! " : "  ", role: "warn" }, ...line]);
