/** The verbs that edit the fleet and carry it out, from outside: by a loop of their own, by the loop that runs, through git, and refused. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { settings } from "../support/fleets.ts";
import { GIT_ENV, initRepository } from "../support/git-fixture.ts";
import { type CommandResult, type Fixture, type Up, createFixture } from "../support/harness.ts";

const IN_TURN = { concurrency: 1 } as const;
const SMALL = ["--cpu", "1", "--memory", "256M", "--disk", "1G"];

const done = ({ code, stdout, stderr }: CommandResult): string => {
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return stdout;
};

// Three worlds that share nothing, side by side: most of what they do is to wait.
describe("the verbs", { concurrency: true }, () => {
  describe("without a loop", IN_TURN, () => {
    let fixture: Fixture;
    const text = () => readFile(join(fixture.fleet, "agents", "agent-a.yaml"), "utf8");
    before(async () => {
      fixture = await createFixture({ "fleet.yaml": settings() });
    });
    after(() => fixture.close());

    it("create, stop, snapshot, restore, destroy: each is written and then so", async () => {
      const created = done(
        await fixture.cli("create", "agent-a", ...SMALL, "--type", "writer", "--capabilities", "docs, code"),
      );
      assert.match(created, /Written to .*agent-a\.yaml\.\n[\s\S]*✓ agent-a: in sync/);
      const document =
        "kind: Agent\nname: agent-a\ntype: writer\ncapabilities: [docs, code]\ncpu: 1\nmemory: 256M\ndisk: 1G\n";
      assert.equal(await text(), document);
      assert.deepEqual(await fixture.states(), { "agent-a": "Running" });

      done(await fixture.cli("stop", "agent-a"));
      assert.deepEqual(await fixture.states(), { "agent-a": "Stopped" });

      const taken = JSON.parse(done(await fixture.cli("snapshot", "agent-a", "before", "--json"))) as {
        readonly agents: readonly string[];
        readonly changed: boolean;
        readonly held: readonly unknown[];
      };
      assert.deepEqual([taken.agents, taken.changed, taken.held], [["agent-a"], true, []]);
      const { stdout } = await fixture.multipass("list", "--snapshots", "--format", "csv");
      assert.match(stdout, /^agent-a,before,/m);

      const wrong = await fixture.cli("restore", "agent-a", "befor", "--yes");
      assert.deepEqual([wrong.code, /did you mean "before"/.test(wrong.stderr)], [1, true]);
      done(await fixture.cli("restore", "agent-a", "before", "--yes"));
      assert.match(await text(), /^restore: \{snapshot: before, token: "/m);
      const again = done(await fixture.cli("stop", "agent-a"));
      assert.match(again, /say so already; no file was changed/);

      const asked = await fixture.cli("destroy", "agent-a");
      assert.deepEqual([asked.code, asked.stderr.includes("vm-agent destroy agent-a --force")], [1, true]);
      assert.match(done(await fixture.cli("destroy", "agent-a", "--force")), /✓ agent-a: removed/);
      assert.deepEqual(
        [await fixture.states(), existsSync(join(fixture.fleet, "agents/agent-a.yaml"))],
        [{}, false],
      );
    });
  });

  describe("refused, and where the fleet follows git", IN_TURN, () => {
    let fixture: Fixture;
    before(async () => {
      fixture = await createFixture({ "fleet.yaml": settings() });
    });
    after(() => fixture.close());

    it("refuses, with nothing written, what would break the fleet or cannot be", async () => {
      done(await fixture.multipass("launch", "--name", "stranger", "--cpus", "1"));
      const refused = [
        [["create", "9lives"], 1, /9lives/],
        [["create", "agent-b", "--cpu", "many"], 1, /cpu/],
        [["create", "stranger"], 1, /did not create it[\s\S]*import stranger/],
        [["create", "agent-b", "--label", "team"], 64, /KEY=VALUE/],
        [["start"], 64, /no agent is named/],
        [["stop", "no-such"], 1, /no agent "no-such"/],
        [["destroy", "no-such", "--force"], 1, /no agent "no-such"/],
      ] as const;
      const refusal = async ([args, code, why]: (typeof refused)[number]) => {
        const result = await fixture.cli(...args);
        assert.equal(result.code, code, `${args.join(" ")}: ${result.stderr}`);
        assert.match(result.stderr, why);
        assert.equal(
          existsSync(join(fixture.fleet, "agents")) &&
            existsSync(join(fixture.fleet, `agents/${args[1]}.yaml`)),
          false,
        );
      };
      await Promise.all(refused.map(refusal));
      assert.deepEqual(await fixture.states(), { stranger: "Running" });
    });

    it("counts only when it is committed, once the fleet follows git", async () => {
      const repository = await initRepository(fixture.folder, ["home"]);
      await fixture.write("fleet.yaml", settings("git: {follow: true}\n"));
      await repository.commit("the fleet");
      const refused = await fixture.cliWith(GIT_ENV, "create", "agent-g", ...SMALL);
      assert.deepEqual([refused.code, existsSync(join(fixture.fleet, "agents/agent-g.yaml"))], [1, false]);
      assert.match(refused.stderr, /vm-agent create agent-g --commit writes and commits it/);
      const made = done(await fixture.cliWith(GIT_ENV, "create", "agent-g", ...SMALL, "--commit"));
      assert.match(made, /agent-g\.yaml, and committed\./);
      assert.deepEqual(
        [await repository.git("log", "-1", "--format=%s"), await repository.git("status", "--porcelain")],
        ["Fleet: vm-agent create agent-g", ""],
      );
      assert.equal((await fixture.states())["agent-g"], "Running");
      await fixture.write("note.yaml", "kind: Profile\nname: unfinished\n");
      const dirty = await fixture.cliWith(GIT_ENV, "stop", "agent-g", "--commit");
      assert.deepEqual([dirty.code, /not committed: note\.yaml/.test(dirty.stderr)], [1, true]);
      await fixture.remove("note.yaml");
      done(await fixture.cliWith(GIT_ENV, "destroy", "agent-g", "--force", "--commit"));
      assert.deepEqual(await fixture.states(), { stranger: "Running" });
    });
  });

  describe("with a loop that runs", IN_TURN, () => {
    let fixture: Fixture;
    let up: Up;
    before(async () => {
      fixture = await createFixture({ "fleet.yaml": settings() });
      up = await fixture.up();
    });
    after(async () => {
      await up.end();
      await fixture.close();
    });

    it("it does the work, and the command tells how it goes until it is done", async () => {
      const created = done(await fixture.cli("create", "agent-a", ...SMALL));
      assert.match(created, /agent-a: launching …[\s\S]*✓ agent-a: in sync/);
      done(await fixture.cli("create", "agent-b", ...SMALL));
      const { agents } = await up.api.getFleet();
      assert.deepEqual(
        agents.map((a) => [a.name, a.sync, a.health]),
        [
          ["agent-a", "Synced", "Healthy"],
          ["agent-b", "Synced", "Healthy"],
        ],
      );
      const direct = await fixture.cli("exec", "--direct", "agent-a", "--", "echo out; echo err >&2; exit 7");
      assert.deepEqual([direct.code, direct.stdout, direct.stderr], [7, "out\n", "err\n"]);
      assert.deepEqual((await up.api.listTasks({ limit: 5 })).tasks, []);
      done(await fixture.cli("stop", "agent-a", "agent-b"));
      for (const args of [
        ["exec", "--direct", "agent-a", "--", "true"],
        ["shell", "agent-a"],
      ]) {
        const off = await fixture.cli(...args);
        assert.deepEqual(
          [off.code, /"agent-a" is stopped\n {2}vm-agent start agent-a/.test(off.stderr)],
          [1, true],
        );
      }
      assert.deepEqual(await fixture.states(), { "agent-a": "Stopped", "agent-b": "Stopped" });
      done(await fixture.cli("start", "--all"));
      assert.deepEqual(await fixture.states(), { "agent-a": "Running", "agent-b": "Running" });
    });

    it("what is held is said, and is not done: exit 3", async () => {
      done(await fixture.cli("pause", "agent-a"));
      const held = await fixture.cli("stop", "agent-a");
      assert.equal(held.code, 3, held.stdout + held.stderr);
      assert.match(held.stdout, /agent-a: \? held: it is paused[\s\S]*vm-agent resume agent-a/);
      assert.equal((await fixture.states())["agent-a"], "Running");
      await fixture.cli("resume", "agent-a");
    });

    it("what is protected is destroyed only when it is named for that", async () => {
      const path = "agents/agent-b.yaml";
      await fixture.write(path, `${await readFile(join(fixture.fleet, path), "utf8")}protect: true\n`);
      const held = await fixture.cli("destroy", "agent-b", "--force");
      assert.deepEqual([held.code, /--force --allow-delete agent-b/.test(held.stderr)], [3, true]);
      assert.equal((await fixture.states())["agent-b"], "Running");
      done(await fixture.cli("destroy", "agent-b", "--force", "--allow-delete", "agent-b"));
      assert.equal((await fixture.states())["agent-b"], undefined);
    });
  });
});
