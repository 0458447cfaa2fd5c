/** The author of a fleet revision: of the last commit that changed it, or the current user for uncommitted changes. */
import { userInfo } from "node:os";
import type { Desired } from "../../core/types.ts";
import { findRepository, git } from "./git.ts";

export interface Author {
  readonly who: string;
  /** The committer, where it differs. */
  readonly committer: string | null;
  /** First line of the commit's message. */
  readonly subject: string | null;
  /** The last commit that changed the fleet folder, reachable from the revision in force. */
  readonly change: string | null;
}

/** A path in a long history may take a while; the revision itself is good enough then. */
const DEADLINE_MS = 5000;
const FORMAT = "--format=%H%x00%an <%ae>%x00%cn <%ce>%x00%s";

export async function authorOf(
  folder: string,
  { revision, dirty }: Pick<Desired, "revision" | "dirty">,
): Promise<Author> {
  const user: Author = { who: osUser(), committer: null, subject: null, change: revision };
  if (revision === null) return user;
  const repository = await findRepository(folder);
  if (repository.kind === "absent") return user;
  const scope = repository.prefix === "" ? [] : ["--", `:(top,literal)${repository.prefix}`];
  const log = (paths: readonly string[]) =>
    git(repository.top, ["log", "-1", FORMAT, revision, ...paths], { deadlineMs: DEADLINE_MS });
  const touching = await log(scope);
  const found = touching.exitCode === 0 && touching.stdout.trim() !== "" ? touching : await log([]);
  if (found.exitCode !== 0) return user;
  const [change = revision, author = "", committer = "", subject = ""] = found.stdout.trimEnd().split("\0");
  if (dirty) return { ...user, change };
  return { who: author, committer: committer === author ? null : committer, subject, change };
}

function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run us under a user id without a name.
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
