/** A real git repository with a fleet folder in it, for one test; nothing of the machine's own settings counts. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { run } from "../../../base/process/exec.ts";
import { findRepository, type Repository } from "../git.ts";

const WHO = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
const ENV = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
Object.assign(process.env, ENV, {
  GIT_AUTHOR_NAME: "t",
  GIT_AUTHOR_EMAIL: "t@example.org",
  GIT_COMMITTER_NAME: "t",
  GIT_COMMITTER_EMAIL: "t@example.org",
});

export function repositoryOf(t: TestContext) {
  const top = mkdtempSync(join(tmpdir(), "vm-agent-git-"));
  t.after(() => rmSync(top, { recursive: true }));
  const fleet = join(top, "fleet");
  mkdirSync(fleet);
  const git = async (...args: readonly string[]) => {
    const result = await run("git", ["-C", top, ...WHO, ...args], { deadlineMs: 30_000 });
    assert.equal(result.exitCode, 0, `${args.join(" ")}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const write = (path: string, text: string | Uint8Array) => {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  };
  const commit = async (message = "a commit") => {
    await git("add", "--all");
    await git("commit", "--quiet", "--allow-empty", "--message", message);
    return git("rev-parse", "HEAD");
  };
  const init = () => git("init", "--quiet", "--initial-branch=main");
  const found = async (): Promise<Repository> => {
    const repository = await findRepository(fleet);
    assert.equal(repository.kind, "there");
    return repository as Repository;
  };
  return { top, fleet, git, write, commit, init, found };
}
