/** `vm-agent destroy --all`: everything that the fleet has and nothing else, after one question. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";
import { NO_PTY, type Terminals, terminals } from "../support/pty.ts";

const agent = (name: string, more = "") => `${BUILDER.replace("agent-builder", name)}${more}`;

describe("destroy --all", () => {
  let fixture: Fixture;
  let shells: Terminals;
  beforeEach(async () => {
    fixture = await createFixture({
      "fleet.yaml": settings(),
      "a.yaml": agent("agent-a"),
      "b.yaml": agent("agent-b", "protect: true\n"),
    });
    shells = terminals(fixture);
    assert.equal((await fixture.cli("apply", "--yes")).code, 0);
    await fixture.multipass("launch", "--name", "other");
  });
  afterEach(async () => {
    shells.close();
    await fixture.close();
  });

  const left = async () => Object.keys(await fixture.states()).sort();

  it("is a usage error with a name, and refused without a terminal or for what is protected", async () => {
    assert.equal((await fixture.cli("destroy", "--all", "agent-a")).code, 64);
    assert.equal((await fixture.cli("destroy")).code, 64);
    const unasked = await fixture.cli("destroy", "--all");
    assert.match(unasked.stderr, /vm-agent destroy --all --force --allow-delete agent-b/);
    const forced = await fixture.cli("destroy", "--all", "--force");
    assert.equal(forced.code, 3, forced.stderr);
    assert.match(forced.stderr, /agent-b is protected.*\n.*destroy --all --force --allow-delete agent-b/);
    assert.deepEqual(await left(), ["agent-a", "agent-b", "other"]);
  });

  it("asks once, names each, and takes the number of agents for a yes", { skip: NO_PTY }, async () => {
    const no = shells.open("destroy", "--all");
    await no.sees(/agent-a\s+agent-b \(protected\)\s+Type "2 agents" to do it/);
    no.type("yes\r");
    assert.equal(await no.ended, 1, no.shown());
    assert.deepEqual(await left(), ["agent-a", "agent-b", "other"]);
    const yes = shells.open("destroy", "--all");
    await yes.sees(/to do it/);
    yes.type("2 agents\r");
    assert.equal(await yes.ended, 0, yes.shown());
    assert.deepEqual(await left(), ["other"]);
  });

  it("takes instances whose document is gone, too, and beside a loop nothing is called held first", async () => {
    await fixture.remove("a.yaml");
    await fixture.write("c.yaml", agent("agent-c"));
    const up = await fixture.up();
    try {
      const ready = async () =>
        (await up.api.getFleet()).agents.some((a) => a.name === "agent-c" && a.health === "Healthy");
      await until("the third is there", ready, 120_000);
      const { code, stdout, stderr } = await fixture.cli(
        ...["destroy", "--all", "--force", "--allow-delete", "agent-b"],
      );
      assert.equal(code, 0, `${stdout}${stderr}`);
      assert.doesNotMatch(`${stdout}${stderr}`, /held/);
      assert.match(stdout, /✓ .*: removed/);
      assert.deepEqual(await left(), ["other"]);
      const again = await fixture.cli("destroy", "--all", "--force");
      assert.deepEqual([again.code, /nothing to destroy/.test(again.stdout)], [0, true], again.stderr);
    } finally {
      await up.end();
    }
  });
});

describe("words", () => {
  let fixture: Fixture;
  let up: Up;
  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings(), "builder.yaml": BUILDER });
    up = await fixture.up();
    await until(
      "it is in sync",
      () => /in a second terminal/i.test(up.output()) || /1 agent in sync/.test(up.output()),
      120_000,
    );
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  it("count one as one, and name the program as it was called", () => {
    assert.match(up.output(), /1 agent in sync/);
    assert.doesNotMatch(up.output(), /1 agents|npx/);
  });

  it("name a file as it was typed", async () => {
    const file = join(fixture.folder, "state.backup");
    const { stdout, stderr } = await fixture.cli("backup", file);
    assert.ok(stdout.startsWith(`${file}: `), `${stdout}${stderr}`);
    assert.match((await fixture.cli("backup", "state.backup", "--force")).stdout, /^state\.backup: /);
  });

  it("of a sandbox that cannot be read say why, without Node's internals", async () => {
    const home = join(fixture.folder, "damaged");
    await mkdir(home);
    await writeFile(join(home, "sandbox"), "not a folder");
    const { stdout, stderr } = await fixture.cliWith({ VM_AGENT_HOME: home }, "doctor");
    assert.match(stdout, /the sandbox failed: (?:ENOTDIR|EEXIST)/, stderr);
    assert.doesNotMatch(`${stdout}${stderr}`, /node:|at .*\.(?:ts|js|mjs):\d/);
  });
});
