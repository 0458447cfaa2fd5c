/** fleet-git*.ts against real repositories: what is found, what is not committed, and the fleet of a commit as if it lay on disk. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { errorLine } from "../errors.ts";
import { findRepository, parseStatus, readStatus } from "./git.ts";
import { createCommitReader } from "./commits.ts";
import { createGitReader } from "./reader.ts";
import { type FleetRead, loadFleet } from "../load.ts";
import { repositoryOf } from "./testing/repository.ts";

const agent = (name: string, more = "") => `kind: Agent\nname: ${name}\n${more}`;
const FOLLOW = "kind: Fleet\ngit: {follow: true}\n";

const summary = (read: FleetRead) =>
  read.ok
    ? { agents: read.desired.agents, files: read.files }
    : { errors: read.errors.map(errorLine), excerpts: read.errors.map((e) => e.excerpt) };
const names = (read: FleetRead) =>
  read.ok ? read.desired.agents.map((a) => a.name) : read.errors.map(errorLine);

test("a repository is found from the folder, a part of it, a linked working tree and a folder that is gone", async (t) => {
  const w = repositoryOf(t);
  assert.deepEqual(await findRepository(w.fleet).then(({ kind }) => kind), "absent");
  await w.init();
  assert.deepEqual(await readStatus(await w.found()), {
    head: null,
    branch: "main",
    uncommitted: [],
    replaced: [],
  });
  w.write("fleet/agents/a.yaml", agent("a"));
  const head = await w.commit();
  assert.equal((await w.found()).prefix, "fleet");
  const inside = await findRepository(join(w.fleet, "agents"));
  assert.equal(inside.kind === "there" && inside.prefix, "fleet/agents");
  const root = await findRepository(w.top);
  assert.equal(root.kind === "there" && root.prefix, "");
  const elsewhere = repositoryOf(t);
  symlinkSync(w.fleet, join(elsewhere.top, "link"));
  const byLink = await findRepository(join(elsewhere.top, "link"));
  assert.equal(byLink.kind === "there" && byLink.prefix, "fleet");
  await w.git("worktree", "add", "--quiet", "-b", "side", "linked");
  const linked = await findRepository(join(w.top, "linked", "fleet"));
  assert.ok(linked.kind === "there" && linked.gitDir !== linked.commonDir);
  rmSync(w.fleet, { recursive: true });
  const gone = await w.found();
  assert.equal(gone.prefix, "fleet");
  const status = await readStatus(gone);
  assert.ok("head" in status && status.head === head);
  assert.deepEqual("uncommitted" in status && status.uncommitted, ["agents/a.yaml"]);
});

test("what is not committed: edited, added, removed, renamed, untracked; not what editors leave and what lies elsewhere", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  for (const name of ["edited", "removed", "renamed name"])
    w.write(`fleet/${name}.yaml`, agent(name.split(" ")[0] ?? "", `labels: {a: ${name.length}}\n`));
  w.write("other.txt", "1");
  await w.commit();
  w.write("fleet/edited.yaml", agent("edited", "cpu: 3\n"));
  w.write("fleet/sub/new one.yaml", agent("new"));
  w.write("fleet/.edited.yaml.swp", "x");
  w.write("fleet/edited.yaml~", "x");
  w.write("other.txt", "2");
  rmSync(join(w.fleet, "removed.yaml"));
  await w.git("mv", "fleet/renamed name.yaml", "fleet/again.yaml");
  const status = await readStatus(await w.found());
  assert.ok("uncommitted" in status);
  const all = ["again.yaml", "edited.yaml", "removed.yaml", "renamed name.yaml", "sub/new one.yaml"];
  assert.deepEqual(status.uncommitted, all);
  assert.equal(status.replaced.length, 3);
});

test("an unmerged file is not committed, and a detached HEAD has no branch", () => {
  const text = "# branch.oid abc\0# branch.head (detached)\0u UU N... 1 2 3 4 h1 h2 h3 fleet/a b.yaml\0";
  const status = parseStatus(text, "fleet");
  assert.deepEqual(status, { head: "abc", branch: null, uncommitted: ["a b.yaml"], replaced: [] });
});

test("a commit is read as the same files on disk are: values, errors with their places, links, cloud-init", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  w.write(
    "fleet/a.yaml",
    agent("a", "mounts: [{source: ./work, target: /work}]\nprovision: {cloudInit: ../init/a.yaml}\n"),
  );
  w.write("init/a.yaml", "packages: [git]\n");
  w.write("fleet/b/c.yml", agent("c", "provision: {cloudInit: ./user-data}\n"));
  w.write("fleet/b/user-data", "#cloud-config\nruncmd: [ls]\n");
  w.write("shared/deep/d.yaml", agent("d"));
  w.write("elsewhere.yaml", agent("e"));
  symlinkSync("../shared", join(w.fleet, "linked"));
  symlinkSync("../elsewhere.yaml", join(w.fleet, "e.yaml"));
  const good = await w.commit();
  const disk = summary(await loadFleet(w.fleet));
  const read = createCommitReader(w.fleet, {});
  const repository = await w.found();
  assert.deepEqual(summary(await read(repository, good)), disk);
  assert.deepEqual(names(await read(repository, good)), ["a", "c", "d", "e"]);

  w.write("fleet/a.yaml", agent("a", "memroy: 1G\nprovision: {cloudInit: ../init/none.yaml}\n"));
  w.write("fleet/bad.yaml", "kind: Agent\nname: [\n");
  w.write("fleet/latin.yaml", Buffer.from([0x6b, 0x3a, 0x20, 0xe9, 0x0a]));
  symlinkSync("nowhere.yaml", join(w.fleet, "lost.yaml"));
  const bad = await w.commit();
  const wrong = summary(await loadFleet(w.fleet));
  assert.deepEqual(summary(await read(repository, bad)), wrong);
  assert.equal("errors" in wrong && wrong.errors.length >= 4, true, JSON.stringify(wrong));
  // The first one is still there, whatever the working tree says.
  assert.deepEqual(names(await read(repository, good)), ["a", "c", "d", "e"]);
});

test("a link out of the repository and a commit without the folder are errors, and hold deletions", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  const empty = await w.commit();
  symlinkSync("../../outside.yaml", join(w.fleet, "out.yaml"));
  const linked = await w.commit();
  const read = createCommitReader(w.fleet, {});
  const repository = await w.found();
  const none = await read(repository, empty);
  assert.ok(!none.ok && none.guard.reason === "empty");
  const out = await read(repository, linked);
  assert.match(names(out)[0] ?? "", /out\.yaml is a link that leads out of the repository/);
  assert.ok(!out.ok && out.guard.reason === "unreadable");
});

test("HEAD decides whether it is followed: switching on and off counts when it is committed", async (t) => {
  const w = repositoryOf(t);
  w.write("fleet/a.yaml", agent("a"));
  w.write("fleet/fleet.yaml", FOLLOW);
  const reader = createGitReader(w.fleet);
  assert.deepEqual(names(await reader.read()), ["a"]);
  assert.equal(reader.state()?.problem?.kind, "no-repository");
  await w.init();
  assert.deepEqual(names(await reader.read()), ["a"]);
  assert.match(reader.state()?.problem?.message ?? "", /there is no commit yet/);
  w.write("fleet/fleet.yaml", "kind: Fleet\n");
  const plain = await w.commit();
  w.write("fleet/fleet.yaml", FOLLOW);
  w.write("fleet/b.yaml", agent("b"));
  const written = await reader.read();
  assert.deepEqual(names(written), ["a", "b"]);
  assert.ok(written.ok && written.desired.revision === plain && written.desired.dirty === true);
  assert.equal(reader.state()?.problem?.kind, "not-committed");
  const followed = await w.commit();
  w.write("fleet/fleet.yaml", "kind: Fleet\n");
  w.write("fleet/c.yaml", agent("c"));
  const later = await reader.read();
  assert.deepEqual(names(later), ["a", "b"]);
  assert.ok(later.ok && later.desired.revision === followed && later.desired.dirty === undefined);
  // Also for one who looks for the first time and sees a working tree that does not follow.
  const fresh = createGitReader(w.fleet);
  assert.deepEqual(names(await fresh.read()), ["a", "b"]);
  assert.deepEqual(fresh.state()?.follows, "HEAD");
  const off = await w.commit();
  const free = await reader.read();
  assert.deepEqual(names(free), ["a", "b", "c"]);
  assert.ok(free.ok && free.desired.revision === off);
  assert.equal(reader.state()?.follows, null);
});

test("a folder that git ignores is at no revision", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  w.write(".gitignore", "/fleet/\n");
  w.write("fleet/a.yaml", agent("a"));
  await w.commit();
  const reader = createGitReader(w.fleet);
  const read = await reader.read();
  assert.ok(read.ok && read.desired.revision === null && read.desired.dirty === undefined);
  assert.deepEqual(reader.state(), { follows: null, tip: null, uncommitted: [], problem: null });
});

test("a broken commit says nothing of following: what was in force goes on, and the errors are those of the commit", async (t) => {
  const w = repositoryOf(t);
  await w.init();
  w.write("fleet/fleet.yaml", FOLLOW);
  w.write("fleet/a.yaml", agent("a"));
  await w.commit();
  const reader = createGitReader(w.fleet);
  await reader.read();
  w.write("fleet/fleet.yaml", "kind: Fleet\ngit: {folow: true}\n");
  const broken = await w.commit();
  w.write("fleet/fleet.yaml", "kind: Fleet\n");
  const read = await reader.read();
  assert.match(names(read)[0] ?? "", /fleet\.yaml:2.*folow/);
  assert.deepEqual([reader.state()?.follows, reader.state()?.tip], ["HEAD", broken]);
  // A git that does not answer is no reason to take uncommitted edits.
  renameSync(join(w.top, ".git/HEAD"), join(w.top, ".git/HEAD-away"));
  writeFileSync(join(w.top, ".git/HEAD"), "ref: refs/heads/main\n");
  renameSync(join(w.top, ".git/objects"), join(w.top, ".git/objects-away"));
  mkdirSync(join(w.top, ".git/objects"));
  const dumb = await reader.read();
  assert.ok(!dumb.ok && dumb.guard.reason === "unreadable", JSON.stringify(names(dumb)));
});
