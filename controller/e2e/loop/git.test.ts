/** A fleet in git, from outside: HEAD and a remote's branch followed, edits and broken commits not applied, rewrites held, rollback, history. */
import assert from "node:assert/strict";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import type { HistoryEntry } from "../../loop/report/history.ts";
import { BUILDER, PROFILE, RESEARCHER, settings } from "../support/fleets.ts";
import { GIT_ENV, initRepository, type TestRepository, testRepository } from "../support/git-fixture.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const FILES = {
  "agents/builder.yaml": BUILDER,
  "agents/researcher.yaml": RESEARCHER,
  "profiles.yaml": PROFILE,
};
const LOCAL = { ...FILES, "fleet.yaml": settings("git: {follow: true}\n") };
const REMOTE = {
  ...FILES,
  "fleet.yaml": settings("git: {follow: true, remote: origin, branch: main, interval: 1s}\n"),
};
const withCpu = (cpu: number): string => BUILDER.replace("cpu: 1", `cpu: ${cpu}`);

interface Stage {
  readonly fixture: Fixture;
  readonly repository: TestRepository;
  readonly up: Up;
  fleet(): Promise<FleetView>;
  /** Waits until this revision is in force and the builder has so many CPUs. */
  applied(revision: string, cpu: number): Promise<void>;
  /** Waits until the loop has looked twice more. */
  turns(): Promise<void>;
  cli(...args: readonly string[]): ReturnType<Fixture["cli"]>;
  history(): Promise<readonly HistoryEntry[]>;
}

function stageOf(fixture: Fixture, repository: TestRepository, up: Up): Stage {
  const fleet = () => up.api.get<FleetView>("/fleet");
  const cli = (...args: readonly string[]) => fixture.cliWith(GIT_ENV, ...args);
  return {
    fixture,
    repository,
    up,
    fleet,
    cli,
    async applied(revision, cpu) {
      await until(`${revision.slice(0, 7)} with ${cpu} CPUs is applied`, async () => {
        const { agents, revision: now, settled } = await fleet();
        const builder = agents.find(({ name }) => name === "agent-builder");
        return now === revision && settled && builder?.sync === "Synced" && builder.size?.cpu === cpu;
      });
    },
    async turns() {
      const { turns } = await fleet();
      await until("two more looks", async () => (await fleet()).turns >= turns + 2);
    },
    async history() {
      const { stdout } = await cli("history", "--json");
      return (JSON.parse(stdout) as { history: readonly HistoryEntry[] }).history;
    },
  };
}

describe("a fleet that follows HEAD", () => {
  let stage: Stage;
  let first: string;
  let second: string;

  before(async () => {
    const fixture = await createFixture(LOCAL);
    const repository = await initRepository(fixture.folder, ["home/"]);
    first = await repository.commit("First fleet");
    stage = stageOf(fixture, repository, await fixture.up(GIT_ENV));
    await stage.applied(first, 1);
  });
  after(async () => {
    await stage.up.end();
    await stage.fixture.close();
  });

  it("says what it follows, and which revision was applied to each agent", async () => {
    const { git, agents, dirty } = await stage.fleet();
    assert.equal(git?.follows, "HEAD");
    assert.deepEqual(git?.uncommitted, []);
    assert.equal(dirty, false);
    assert.deepEqual(
      agents.map((a) => a.applied?.revision),
      [first, first],
    );
    assert.deepEqual(
      new Set(agents.flatMap((a) => a.conditions.map((c) => c.observedRevision))),
      new Set([first]),
    );
  });

  it("shows an edit that is not committed, and does not apply it", async () => {
    await stage.fixture.write("agents/builder.yaml", withCpu(2));
    await stage.fixture.write("agents/new.yaml", "kind: Agent\nname: agent-new\n");
    await until("the edit is seen", async () => (await stage.fleet()).git?.uncommitted.length === 2);
    await stage.turns();
    const { revision, agents, git } = await stage.fleet();
    assert.equal(revision, first);
    assert.deepEqual(git?.uncommitted, ["agents/builder.yaml", "agents/new.yaml"]);
    assert.equal(agents.length, 2);
    assert.equal(agents[0]?.size?.cpu, 1);
    const plan = await stage.cli("plan");
    assert.match(
      plan.stdout,
      new RegExp(`fleet at ${first.slice(0, 7)} \\(follows HEAD; 2 files not committed, not applied\\)`),
    );
    assert.match(plan.stdout, /not committed: agents\/builder\.yaml, agents\/new\.yaml/);
    assert.match(plan.stdout, /No changes\. 2 agents are in sync/);
    assert.match(stage.up.output(), /not committed: agents\/builder\.yaml/);
  });

  it("refuses to roll back over edits that are not committed", async () => {
    const refused = await stage.cli("rollback", "HEAD", "--yes");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /2 files of the fleet folder are not committed/);
    await stage.fixture.remove("agents/new.yaml");
  });

  it("applies the edit as soon as it is committed", async () => {
    second = await stage.repository.commit("Two CPUs for the builder");
    await stage.applied(second, 2);
    const { agents, git } = await stage.fleet();
    assert.deepEqual(git?.uncommitted, []);
    assert.deepEqual(Object.fromEntries(agents.map((a) => [a.name, a.applied?.revision])), {
      "agent-builder": second,
      "agent-researcher": first,
    });
  });

  it("shows in full what was applied to an agent", async () => {
    const { stdout } = await stage.cli("status", "agent-builder");
    assert.match(stdout, new RegExp(`Applied +${second.slice(0, 7)}, \\d+ s ago`));
  });

  it("keeps the last good revision in force when a commit is broken", async () => {
    await stage.fixture.write("agents/builder.yaml", `${withCpu(4)}memroy: 1G\n`);
    const broken = await stage.repository.commit("A slip of the finger");
    await until("the errors are reported", async () => (await stage.fleet()).errors.length > 0);
    await stage.turns();
    const fleet = await stage.fleet();
    assert.equal(fleet.revision, second);
    assert.equal(fleet.stale, true);
    assert.equal(fleet.git?.tip, broken);
    assert.equal(fleet.agents[0]?.size?.cpu, 2);
    assert.match(
      fleet.guard ?? "",
      new RegExp(`at ${broken.slice(0, 7)}; the last good revision ${second.slice(0, 7)} stays`),
    );
    assert.match(
      stage.up.output(),
      new RegExp(`The commit ${broken.slice(0, 7)} cannot be used; ${second.slice(0, 7)}`),
    );
    // Mending the file without a commit changes nothing.
    await stage.fixture.write("agents/builder.yaml", withCpu(3));
    await stage.turns();
    assert.equal((await stage.fleet()).revision, second);
    const third = await stage.repository.commit("Mended");
    await stage.applied(third, 3);
  });

  it("rolls back by a new commit, and keeps the history", async () => {
    const unknown = await stage.cli("rollback", "no-such-thing", "--yes");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /"no-such-thing" is no revision/);
    const unasked = await stage.cli("rollback", first);
    assert.equal(unasked.code, 1);
    assert.match(unasked.stdout, /1 to change/);
    assert.match(unasked.stderr, /confirmation needs a terminal/);
    const before = await stage.repository.git("rev-parse", "HEAD");
    const done = await stage.cli("rollback", first, "--yes");
    assert.equal(done.code, 0, done.stderr + done.stdout);
    const head = await stage.repository.git("rev-parse", "HEAD");
    assert.equal(await stage.repository.git("rev-parse", "HEAD~1"), before);
    assert.equal(
      await stage.repository.git("rev-parse", `${first}:fleet`),
      await stage.repository.git("rev-parse", "HEAD:fleet"),
    );
    assert.equal(await stage.repository.git("status", "--porcelain"), "");
    await stage.applied(head, 1);
    const again = await stage.cli("rollback", first, "--yes");
    assert.match(again.stdout, /nothing to roll back/);
  });

  it("follows HEAD through no bisect, and commits nothing in the middle of one", async () => {
    const { revision } = await stage.fleet();
    await stage.repository.git("bisect", "start", "HEAD", first);
    await stage.repository.git("checkout", "--quiet", second);
    await until("it is seen", async () => (await stage.fleet()).git?.problem?.kind === "in-progress");
    await stage.turns();
    const { agents, revision: still } = await stage.fleet();
    assert.deepEqual([agents[0]?.size?.cpu, still], [1, revision]);
    for (const command of [
      ["rollback", first, "--yes"],
      ["stop", "agent-builder", "--commit"],
    ]) {
      const refused = await stage.cli(...command);
      assert.notEqual(refused.code, 0, command.join(" "));
      assert.match(refused.stderr, /a git bisect is going on/);
      assert.match(refused.stderr, /git bisect reset/);
    }
    await stage.repository.git("bisect", "reset");
    await until("it is over", async () => (await stage.fleet()).git?.problem === null);
    await stage.applied(revision ?? "", 1);
  });

  it("remembers who, when, what was planned and how it ended", async () => {
    const entries = await until("five entries", async () => {
      const all = await stage.history();
      return all.length >= 4 && all[0]?.subject?.startsWith("Roll the fleet back") ? all : null;
    });
    assert.deepEqual(
      entries.map((e) => e.subject),
      [`Roll the fleet back to ${first.slice(0, 7)}`, "Mended", "Two CPUs for the builder", "First fleet"],
    );
    assert.ok(entries.every((e) => e.result === "converged"));
    const last = entries.at(-1);
    assert.equal(last?.who, "Ann Author <ann@example.org>");
    assert.equal(last?.committer, "Carl Committer <carl@example.org>");
    assert.equal(last?.revision, first);
    assert.equal(last?.plan.create, 2);
    assert.equal(entries[2]?.plan.change, 1);
    const { stdout } = await stage.cli("history", "--limit", "2");
    assert.equal(stdout.trim().split("\n").length, 3);
    assert.match(stdout, /Ann Author\s+1 to change\s+converged after \d+ s\s+Mended/);
  });
});

describe("a fleet that follows a branch of a remote", () => {
  let stage: Stage;
  let other: TestRepository;
  let first: string;
  let bare: string;

  before(async () => {
    const fixture = await createFixture(REMOTE);
    const repository = await initRepository(fixture.folder, ["home/", "bare.git", "other/"]);
    first = await repository.commit("First fleet");
    bare = join(fixture.folder, "bare.git");
    await repository.git("clone", "--quiet", "--bare", ".", bare);
    await repository.git("remote", "add", "origin", bare);
    await repository.git("clone", "--quiet", bare, "other");
    other = testRepository(join(fixture.folder, "other"));
    stage = stageOf(fixture, repository, await fixture.up(GIT_ENV));
    await stage.applied(first, 1);
  });
  after(async () => {
    await stage.up.end();
    await stage.fixture.close();
  });
  const push = async (cpu: number, message: string) => {
    await other.write("fleet/agents/builder.yaml", withCpu(cpu));
    const revision = await other.commit(message);
    await other.git("push", "--quiet", "--force", "origin", "HEAD:main");
    return revision;
  };

  it("applies what others push, and leaves this working tree as it is", async () => {
    const second = await push(2, "Two CPUs");
    await stage.applied(second, 2);
    assert.equal((await stage.fleet()).git?.follows, "origin/main");
    assert.equal(await stage.repository.git("rev-parse", "HEAD"), first);
    assert.equal(await readFile(join(stage.fixture.fleet, "agents/builder.yaml"), "utf8"), BUILDER);
    assert.equal(await stage.repository.git("status", "--porcelain"), "");
  });

  it("refuses what a push would take of this machine; plan and doctor say what is allowed", async () => {
    const { revision } = await stage.fleet();
    assert.match((await stage.cli("plan")).stdout, /nothing of this machine is allowed/);
    assert.match(
      (await stage.cli("doctor")).stdout,
      /the fleet follows a remote; nothing of this machine is allowed/,
    );
    await other.write("fleet/agents/builder.yaml", `${withCpu(2)}secrets: {S: {fromFile: /etc/hostname}}\n`);
    await other.commit("A secret of the host");
    await other.git("push", "--quiet", "--force", "origin", "HEAD:main");
    const refused = await until(
      "it is refused",
      async () => {
        const plan = await stage.cli("plan");
        return plan.code === 65 ? plan.stderr : null;
      },
      60_000,
    );
    assert.match(refused, /agents\/builder\.yaml:\d+:\d+ \/secrets\/S\/fromFile is \/etc\/hostname/);
    assert.match(refused, /VM_AGENT_ALLOW_PATHS=\/etc allows it/);
    assert.equal((await stage.fleet()).revision, revision, "the last good fleet stays in force");
    await push(2, "Without it");
  });

  it("goes on with what was fetched last while the remote cannot be reached", async () => {
    const { revision } = await stage.fleet();
    await rename(bare, `${bare}-away`);
    const problem = await until("the problem is reported", async () => (await stage.fleet()).git?.problem);
    assert.equal(problem.kind, "unreachable");
    assert.match(problem.message, /origin cannot be fetched: .*; what was fetched last counts/);
    assert.equal((await stage.fleet()).revision, revision);
    await rename(`${bare}-away`, bare);
    await until("the problem is gone", async () => (await stage.fleet()).git?.problem === null);
  });

  it("holds a rewritten branch until a person releases it", async () => {
    const { revision } = await stage.fleet();
    await other.git("reset", "--quiet", "--hard", first);
    const rewritten = await push(3, "Three CPUs, on another past");
    const problem = await until("it is held", async () => (await stage.fleet()).git?.problem);
    assert.equal(problem.kind, "rewritten");
    assert.match(problem.message, new RegExp(`origin/main was rewritten: ${rewritten.slice(0, 7)}`));
    assert.match(problem.next, /vm-agent reconcile --accept-rewrite/);
    await stage.turns();
    const fleet = await stage.fleet();
    assert.equal(fleet.revision, revision);
    assert.equal(fleet.agents[0]?.size?.cpu, 2);
    const plan = await stage.cli("plan");
    assert.match(plan.stdout, /was rewritten/);
    const released = await stage.cli("reconcile", "--accept-rewrite");
    assert.equal(released.code, 0, released.stderr);
    assert.match(released.stdout, /origin\/main: [0-9a-f]{7} → [0-9a-f]{7}, accepted/);
    await stage.applied(rewritten, 3);
    assert.equal((await stage.fleet()).git?.problem, null);
  });

  it("rolls back by a commit that is pushed", async () => {
    const before = await other.git("rev-parse", "HEAD");
    const done = await stage.cli("rollback", first, "--yes", "--json");
    assert.equal(done.code, 0, done.stderr + done.stdout);
    const { commit, revision } = JSON.parse(done.stdout) as { commit: string; revision: string };
    assert.equal(revision, first);
    await stage.applied(commit, 1);
    await other.git("fetch", "--quiet");
    assert.equal(await other.git("rev-parse", "origin/main"), commit);
    assert.equal(await other.git("rev-parse", "origin/main~1"), before);
    assert.equal(await stage.repository.git("rev-parse", "HEAD"), first);
  });

  it("begins after a restart where it was, also without its remote", async () => {
    const { revision } = await stage.fleet();
    assert.equal(await stage.up.end(), 0);
    await rename(bare, `${bare}-away`);
    const again = await stage.fixture.up(GIT_ENV);
    stage = stageOf(stage.fixture, stage.repository, again);
    await stage.applied(revision ?? "", 1);
    await rename(`${bare}-away`, bare);
  });
});
