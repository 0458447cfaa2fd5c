/** A branch of a remote, and rollbacks: commits that are accepted, held and made, in real repositories. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { resolveCommit } from "./git.ts";
import { createGitReader } from "./reader.ts";
import { acceptRewrite, advance, fetchBranch } from "./remote.ts";
import { commitRollback, isSameFleet } from "./rollback.ts";
import { loadFleet } from "../load.ts";
import { repositoryOf } from "./testing/repository.ts";

const agent = (name: string, more = "") => `kind: Agent\nname: ${name}\n${more}`;

test("a branch of a remote goes forward only, and a rewritten one waits for a yes", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  w.write("fleet/a.yaml", agent("a"));
  const first = await w.commit();
  w.write(".git/info/exclude", "bare.git\n");
  await w.git("clone", "--quiet", "--bare", ".", "bare.git");
  await w.git("remote", "add", "origin", join(w.top, "bare.git"));
  const repository = await w.found();
  const target = { remote: "origin", branch: "main" };
  const fetch = () => fetchBranch(repository, target, { deadlineMs: 30_000 });
  assert.equal(await fetch(), null);
  assert.deepEqual(await advance(repository, target), { accepted: first, fetched: first });
  const second = await w.commit();
  await w.git("push", "--quiet", "origin", "main");
  assert.equal(await fetch(), null);
  assert.deepEqual(await advance(repository, target), { accepted: second, fetched: second });
  await w.git("reset", "--quiet", "--hard", first);
  w.write("fleet/b.yaml", agent("b"));
  const other = await w.commit();
  await w.git("push", "--quiet", "--force", "origin", "main");
  assert.equal(await fetch(), null);
  assert.deepEqual(await advance(repository, target), { accepted: second, fetched: other });
  assert.deepEqual(await acceptRewrite(repository, target), { before: second, now: other });
  assert.deepEqual(await advance(repository, target), { accepted: other, fetched: other });
  assert.equal(await acceptRewrite(repository, target), null);
  assert.match(
    (await fetchBranch(repository, { ...target, branch: "none" }, { deadlineMs: 30_000 })) ?? "",
    /find remote ref/,
  );
  // The user's own branches of the remote were not touched by any of this.
  assert.equal(await w.git("for-each-ref", "--format=%(objectname)", "refs/remotes/origin/main"), other);
});

test("local commits of the fleet that the followed remote does not have are counted", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  w.write("fleet/a.yaml", agent("a"));
  w.write("fleet/fleet.yaml", "kind: Fleet\ngit: {follow: true, remote: origin, branch: main}\n");
  await w.commit();
  w.write(".git/info/exclude", "bare.git\n");
  await w.git("clone", "--quiet", "--bare", ".", "bare.git");
  await w.git("remote", "add", "origin", join(w.top, "bare.git"));
  const reader = createGitReader(w.fleet);
  assert.ok((await reader.read()).ok);
  assert.equal(reader.state()?.unpushed, undefined);
  w.write("app.txt", "no part of the fleet");
  await w.commit();
  w.write("fleet/b.yaml", agent("b"));
  await w.commit();
  const read = await reader.read();
  assert.ok(read.ok);
  assert.deepEqual(
    read.desired.agents.map(({ name }) => name),
    ["a"],
  );
  assert.equal(reader.state()?.unpushed, 1);
  await w.git("push", "--quiet", "origin", "main");
  await reader.fetch();
  await reader.read();
  assert.equal(reader.state()?.unpushed, undefined);
});

test("a rollback is a new commit of the fleet folder alone, here and onto a branch that is not checked out", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  w.write("fleet/a.yaml", agent("a"));
  w.write("app.txt", "1");
  const first = await w.commit("The first");
  w.write("fleet/b.yaml", agent("b"));
  rmSync(join(w.fleet, "a.yaml"));
  w.write("app.txt", "2");
  const second = await w.commit();
  w.write("app.txt", "staged");
  await w.git("add", "app.txt");
  const repository = await w.found();
  assert.equal(await isSameFleet(repository, first, second), false);
  const commit = await commitRollback(repository, first, { kind: "head" });
  assert.equal(commit, await resolveCommit(repository, "HEAD"));
  assert.equal(await isSameFleet(repository, first, commit), true);
  assert.equal(await w.git("rev-parse", "HEAD~1"), second);
  assert.equal(await w.git("show", "HEAD:app.txt"), "2");
  assert.equal(await w.git("status", "--porcelain"), "M  app.txt".trim());
  assert.match(
    await w.git("log", "-1", "--format=%B"),
    /Roll the fleet back to [0-9a-f]{7}\n\nThis restores .*The first/,
  );
  const read = await loadFleet(w.fleet);
  assert.deepEqual(read.files, ["a.yaml"]);

  await w.git("branch", "prod", second);
  const onto = await commitRollback(repository, first, { kind: "branch", branch: "prod", tip: second });
  assert.equal(await w.git("rev-parse", "prod"), onto);
  assert.equal(await w.git("rev-parse", "prod~1"), second);
  assert.equal(await isSameFleet(repository, first, onto), true);
  assert.equal(await w.git("show", "prod:app.txt"), "2");
});

test("a hook that refuses leaves everything as it was", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  w.write("fleet/a.yaml", agent("a"));
  const first = await w.commit();
  w.write("fleet/a.yaml", agent("a", "cpu: 3\n"));
  const second = await w.commit();
  writeFileSync(join(w.top, ".git/hooks/pre-commit"), "#!/bin/sh\necho no >&2\nexit 1\n", { mode: 0o755 });
  const repository = await w.found();
  await assert.rejects(commitRollback(repository, first, { kind: "head" }), /git commit failed: no/);
  assert.equal(await w.git("rev-parse", "HEAD"), second);
  assert.equal(await w.git("status", "--porcelain"), "");
});
