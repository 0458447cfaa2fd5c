/** Author and time of a fleet file's last commit. */
import { basename, dirname } from "node:path";
import { run } from "../../base/process/exec.ts";

export interface FileHistory {
  readonly revision: string;
  readonly author: string;
  readonly at: number;
  /** The file differs from that revision. */
  readonly edited: boolean;
}

const DEADLINE_MS = 5000;

/** null outside a repository, for an uncommitted file, or without git. */
export async function fileHistory(path: string): Promise<FileHistory | null> {
  const git = (...args: readonly string[]) =>
    run("git", ["-C", dirname(path), ...args, "--", basename(path)], { deadlineMs: DEADLINE_MS });
  const [log, status] = await Promise.all([
    git("log", "-1", "--format=%h%x00%an%x00%at"),
    git("status", "--porcelain"),
  ]);
  const [revision = "", author = "", seconds = ""] = log.stdout.trim().split("\0");
  if (log.exitCode !== 0 || revision === "") return null;
  return { revision, author, at: Number(seconds) * 1000, edited: status.stdout.trim() !== "" };
}
