/** A real git repository around a test's fleet folder, and one beside it for a remote; nothing of the machine's own settings counts. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "../../base/process/exec.ts";

export const GIT_ENV: Readonly<Record<string, string>> = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Ann Author",
  GIT_AUTHOR_EMAIL: "ann@example.org",
  GIT_COMMITTER_NAME: "Carl Committer",
  GIT_COMMITTER_EMAIL: "carl@example.org",
};

const DEADLINE_MS = 30_000;

export interface TestRepository {
  readonly folder: string;
  git(...args: readonly string[]): Promise<string>;
  write(file: string, content: string): Promise<void>;
  /** Everything that is there; resolves with the full hash. */
  commit(message: string): Promise<string>;
}

export function testRepository(folder: string): TestRepository {
  const git = async (...args: readonly string[]) => {
    const result = await run("git", ["-C", folder, ...args], { env: GIT_ENV, deadlineMs: DEADLINE_MS });
    assert.equal(result.exitCode, 0, `git ${args.join(" ")}: ${result.stderr}`);
    return result.stdout.trim();
  };
  return {
    folder,
    git,
    async write(file, content) {
      const path = join(folder, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    },
    async commit(message) {
      await git("add", "--all");
      await git("commit", "--quiet", "--message", message);
      return git("rev-parse", "HEAD");
    },
  };
}

export async function initRepository(
  folder: string,
  ignored: readonly string[] = [],
): Promise<TestRepository> {
  const repository = testRepository(folder);
  await mkdir(folder, { recursive: true });
  await repository.git("init", "--quiet", "--initial-branch=main");
  if (ignored.length > 0) await repository.write(".gitignore", `${ignored.join("\n")}\n`);
  return repository;
}
