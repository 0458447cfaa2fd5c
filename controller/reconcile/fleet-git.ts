/** The git revision that the fleet folder is at, where it is in a repository. */
import { run } from "../base/exec.ts";

/** Short hash of HEAD, or null outside a repository, without a commit, or without git. */
export async function gitRevision(folder: string): Promise<string | null> {
  const result = await run("git", ["-C", folder, "rev-parse", "--short", "HEAD"], { deadlineMs: 5000 });
  return result.exitCode === 0 ? result.stdout.trim() : null;
}
