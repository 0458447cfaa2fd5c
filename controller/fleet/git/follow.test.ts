/** A commit wakes the reader: in a plain repository, with packed refs, in a linked working tree, on a branch that is not checked out. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { run } from "../../base/process/exec.ts";
import { createFleetSource, type FleetSource, type FleetState } from "../source.ts";

const WHO = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
const ENV = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
const DEADLINE_MS = 60_000;

async function world(t: TestContext, fleetDocument = "kind: Fleet\ngit: {follow: true}\n") {
  const top = mkdtempSync(join(tmpdir(), "vm-agent-follow-"));
  t.after(() => rmSync(top, { recursive: true }));
  const git = async (...args: readonly string[]) => {
    const result = await run("git", ["-C", top, ...WHO, ...args], { env: ENV, deadlineMs: 30_000 });
    assert.equal(result.exitCode, 0, `${args.join(" ")}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  };
  const agent = (name: string) => write(`main/fleet/${name}.yaml`, `kind: Agent\nname: ${name}\n`);
  write("main/fleet/fleet.yaml", fleetDocument);
  agent("a");
  await git("init", "--quiet", "--initial-branch=main", "main");
  const inMain = (...args: readonly string[]) => git("-C", "main", ...args);
  const commit = async () => {
    await inMain("add", "--all");
    await inMain("commit", "--quiet", "--message", "a commit");
    return inMain("rev-parse", "HEAD");
  };
  return { top, git, inMain, agent, write, commit };
}

/** Nothing but the watch may tell: no resync. */
async function watch(t: TestContext, folder: string): Promise<{ source: FleetSource; until: Until }> {
  const listeners = new Set<() => void>();
  const onChange = () => {
    for (const listener of listeners) listener();
  };
  const source = await createFleetSource({ folder, git: true, debounceMs: 20, resyncMs: 0, onChange });
  t.after(() => source.close());
  const until: Until = (wanted) =>
    new Promise((resolve, reject) => {
      const late = () => reject(new Error(`never came: ${JSON.stringify(source.current())}`));
      const timer = setTimeout(late, DEADLINE_MS);
      const check = () => {
        if (!wanted(source.current())) return;
        listeners.delete(check);
        clearTimeout(timer);
        resolve(source.current());
      };
      listeners.add(check);
      check();
    });
  return { source, until };
}
type Until = (wanted: (state: FleetState) => boolean) => Promise<FleetState>;

const has = (name: string) => (state: FleetState) =>
  state.desired?.agents.some((agent) => agent.name === name) ?? false;

test("a commit is in force as soon as it is made, an edit is only shown; packed refs make no difference", async (t) => {
  const w = await world(t);
  await w.commit();
  const { until } = await watch(t, join(w.top, "main/fleet"));
  w.agent("b");
  const edited = await until((s) => s.git?.uncommitted.includes("b.yaml") ?? false);
  assert.equal(has("b")(edited), false);
  const second = await w.commit();
  const applied = await until(has("b"));
  assert.equal(applied.desired?.revision, second);
  await w.inMain("pack-refs", "--all");
  await w.inMain("checkout", "--quiet", "-b", "deep/branch");
  w.agent("c");
  await w.commit();
  await until(has("c"));
  // Back on the first branch, what it says counts again.
  await w.inMain("checkout", "--quiet", "main");
  const back = await until((s) => !has("c")(s));
  assert.equal(back.desired?.revision, second);
});

test("a linked working tree follows its own HEAD", async (t) => {
  const w = await world(t);
  await w.commit();
  await w.inMain("worktree", "add", "--quiet", "-b", "side", "../side");
  const { until } = await watch(t, join(w.top, "side/fleet"));
  w.write("side/fleet/b.yaml", "kind: Agent\nname: b\n");
  await w.git("-C", "side", "add", "--all");
  await w.git("-C", "side", "commit", "--quiet", "--message", "in the side");
  await until(has("b"));
});

test("a local branch is followed whatever is checked out", async (t) => {
  const w = await world(t, "kind: Fleet\ngit: {follow: true, branch: prod}\n");
  const first = await w.commit();
  const { source, until } = await watch(t, join(w.top, "main/fleet"));
  assert.match(source.current().errors[0]?.message ?? "", /there is no local branch "prod" to follow/);
  await w.inMain("branch", "prod");
  const there = await until(has("a"));
  assert.equal(there.git?.follows, "prod");
  w.agent("b");
  const second = await w.commit();
  await until((s) => s.git?.uncommitted.length === 0);
  assert.equal(source.current().desired?.revision, first);
  await w.inMain("branch", "--force", "prod", second);
  const moved = await until(has("b"));
  assert.equal(moved.desired?.revision, second);
});

test("not followed: the working tree counts, and says of itself that it is not committed", async (t) => {
  const w = await world(t, "kind: Fleet\n");
  const first = await w.commit();
  const { source, until } = await watch(t, join(w.top, "main/fleet"));
  assert.deepEqual([source.current().desired?.revision, source.current().desired?.dirty], [first, undefined]);
  w.agent("b");
  const edited = await until(has("b"));
  assert.deepEqual([edited.desired?.revision, edited.desired?.dirty], [first, true]);
  const second = await w.commit();
  const clean = await until((s) => s.desired?.revision === second);
  assert.equal(clean.desired?.dirty, undefined);
});

/** Commits that add `a`, `b` and `c` one after the other; git stops in the middle of them, where `c` is not there. */
async function inTheMiddle(t: TestContext, fleetDocument: string) {
  const w = await world(t, fleetDocument);
  const first = await w.commit();
  for (const name of ["b", "c"]) {
    w.agent(name);
    await w.commit();
  }
  const rebase = async () => {
    const argv = ["-C", join(w.top, "main"), ...WHO, "rebase", "--quiet", "--exec", "exit 1", first];
    const { exitCode } = await run("git", argv, { env: ENV, deadlineMs: 30_000 });
    assert.equal(exitCode, 1);
  };
  const bisect = async () => {
    await w.inMain("bisect", "start");
    await w.inMain("bisect", "bad");
    await w.inMain("bisect", "good", first);
  };
  const watched = await watch(t, join(w.top, "main/fleet"));
  return {
    ...watched,
    walks: [
      ["rebase", rebase, () => w.inMain("rebase", "--abort")],
      ["bisect", bisect, () => w.inMain("bisect", "reset")],
    ] as const,
  };
}

test("HEAD is not followed through a rebase or a bisect: the last good state stays in force until it is over", async (t) => {
  const { source, until, walks } = await inTheMiddle(t, "kind: Fleet\ngit: {follow: true}\n");
  for (const [what, begin, end] of walks) {
    await begin();
    const held = await until((s) => s.git?.problem?.kind === "in-progress");
    assert.match(held.errors[0]?.message ?? "", new RegExp(`a git ${what} is going on, so HEAD`));
    assert.deepEqual([held.stale, held.desired?.guard?.reason, has("c")(held)], [true, "unreadable", true]);
    await end();
    await until((s) => !s.stale);
    assert.ok(has("c")(source.current()));
  }
});

test("in the working tree the absence of a document proves nothing while git walks over commits", async (t) => {
  const { source, until, walks } = await inTheMiddle(t, "kind: Fleet\n");
  for (const [what, begin, end] of walks) {
    await begin();
    const held = await until((s) => !has("c")(s) && s.git?.problem?.kind === "in-progress");
    assert.deepEqual([held.stale, held.desired?.guard?.reason], [false, "unreadable"]);
    assert.match(held.desired?.guard?.message ?? "", new RegExp(`a git ${what} is going on`));
    assert.match(held.desired?.guard?.release ?? "", new RegExp(`git ${what}`));
    await end();
    await until((s) => has("c")(s) && s.desired?.guard === undefined);
    assert.equal(source.current().git?.problem, null);
  }
});
