/** The main job, from outside: files to running agents, a task and its result, an edit followed, drift mended, a restart that changes nothing. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { BUILDER, NAMES, THREE, settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const SNAPSHOT = `kind: Snapshot
name: clean
agent: agent-builder
comment: as made
`;

describe("the main job", () => {
  let fixture: Fixture;
  let up: Up;
  const fleet = () => up.api.get<FleetView>("/fleet");
  const synced = async () => {
    const { agents } = await fleet();
    return (
      agents.length === 3 && agents.every((a) => a.sync === "Synced" && a.health === "Healthy" && !a.work)
    );
  };
  const calls = async (command: string) =>
    (await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8"))
      .split("\n")
      .filter((line) => line.includes(`"${command}"`)).length;

  before(async () => {
    fixture = await createFixture({ ...THREE, "snapshots.yaml": SNAPSHOT });
    up = await fixture.up();
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  it("plans three creations before anything is there, and validates", async () => {
    const valid = await fixture.cli("validate");
    assert.equal(valid.code, 0, valid.stderr);
  });

  it("brings three agents up, and says where to go on", async () => {
    await until("all agents are in sync", synced);
    assert.deepEqual(await fixture.states(), Object.fromEntries(NAMES.map((n) => [n, "Running"])));
    await until("the line that says so", () =>
      /3 agents in sync.*Hub http:.*dashboard http:.*vm-agent exec/s.test(up.output()),
    );
    assert.match(up.output(), /sandbox/);
  });

  it("took the declared snapshot on the way", async () => {
    const { stdout } = await fixture.multipass("list", "--snapshots", "--format", "json");
    assert.deepEqual(
      Object.keys((JSON.parse(stdout) as { info: Record<string, object> }).info["agent-builder"] ?? {}),
      ["clean"],
    );
  });

  it("runs a task: its output, its exit code", async () => {
    const task = await fixture.cli(
      "task",
      "agent-builder",
      '{"type":"exec","command":"echo hello; echo oops >&2; exit 3"}',
    );
    assert.deepEqual([task.code, task.stdout, task.stderr], [3, "hello\n", "oops\n"]);
    const exec = await fixture.cli("exec", "agent-tester", "--", "printf", "%s|", "a b", "$HOME");
    assert.deepEqual([exec.code, exec.stdout], [0, "a b|$HOME|"]);
  });

  it("plan says nothing to do", async () => {
    const plan = await fixture.cli("plan", "--detailed-exitcode");
    assert.equal(plan.code, 0, plan.stdout + plan.stderr);
    assert.match(plan.stdout, /No changes\. 3 agents are in sync\./);
  });

  it("list and status tell it", async () => {
    const list = await fixture.cli("list");
    for (const name of NAMES)
      assert.match(list.stdout, new RegExp(`${name} .*running +Running +Synced +Healthy +online`));
    const status = await fixture.cli("status", "agent-builder");
    assert.match(status.stdout, /agent-builder is Synced and Healthy\./);
    assert.match(status.stdout, /Snapshots +clean/);
    const unknown = await fixture.cli("status", "agent-bilder");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /there is no agent "agent-bilder"/);
  });

  it("a broken file keeps the last good fleet in force, and says so", async () => {
    await fixture.write("agents/builder.yaml", BUILDER.replace("memory", "memroy"));
    const broken = await until("the API says so", async () => {
      const view = await fleet();
      return view.stale ? view : null;
    });
    assert.match(broken.errors.join("\n"), /agents\/builder\.yaml:6:1.*memroy/);
    assert.equal(broken.agents.length, 3);
    await until("the person sees it", () => /did you mean "memory"/.test(up.output()));
    const plan = await fixture.cli("plan");
    assert.equal(plan.code, 65);
    assert.match(plan.stderr, /memroy/);
    await fixture.write("agents/builder.yaml", BUILDER);
    await until("it is in force again", async () => !(await fleet()).stale);
    assert.deepEqual(Object.keys(await fixture.states()).sort(), [...NAMES]);
  });

  it("an edit of cpu stops, resizes and starts that one instance", async () => {
    await fixture.write("agents/builder.yaml", BUILDER.replace("cpu: 1", "cpu: 2"));
    await until(
      "cpu is 2",
      async () => (await fixture.multipass("get", "local.agent-builder.cpus")).stdout.trim() === "2",
    );
    await until("all agents are in sync", synced);
    assert.equal(await calls("launch"), 3);
  });

  it("what was done behind its back is seen, shown and mended", async () => {
    const stopped = await fixture.multipass("stop", "agent-tester");
    assert.equal(stopped.code, 0, stopped.stderr);
    await until("it runs again", async () => (await fixture.states())["agent-tester"] === "Running");
    await until("all agents are in sync", synced);
    const purged = await fixture.multipass("delete", "--purge", "agent-researcher");
    assert.equal(purged.code, 0, purged.stderr);
    await until("it is said", () => /agent-researcher: drifted: its instance is gone/.test(up.output()));
    await until("it is there again", async () => (await fixture.states())["agent-researcher"] === "Running");
    await until("all agents are in sync", synced);
  });

  it("a removed document: held while prune is off, gone when a person applies it", async () => {
    await fixture.remove("agents/researcher.yaml");
    const held = await until(
      "it is held",
      async () => (await fleet()).agents.find((a) => a.name === "agent-researcher")?.held[0],
    );
    assert.equal(held.reason, "prune-off");
    assert.equal((await fixture.states())["agent-researcher"], "Running");
    const asked = await fixture.cli("apply");
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /apply --yes/);
    const applied = await fixture.cli("apply", "--yes");
    assert.equal(applied.code, 0, applied.stdout + applied.stderr);
    assert.match(
      applied.stdout + applied.stderr,
      /^agent-researcher: /m,
      "its steps are shown as they are done",
    );
    assert.deepEqual(Object.keys(await fixture.states()).sort(), ["agent-builder", "agent-tester"]);
  });

  it("prune on: the loop removes one, and holds two", async () => {
    await fixture.write(
      "agents/tester.yaml",
      THREE["agents/tester.yaml"]?.replace(/dependsOn.*\n/, "") ?? "",
    );
    await fixture.write("fleet.yaml", settings("prune: true\n"));
    await fixture.remove("agents/builder.yaml");
    await fixture.remove("snapshots.yaml");
    await until("one is gone", async () => {
      const names = Object.keys(await fixture.states());
      return names.length === 1 && names[0] === "agent-tester";
    });
  });

  it("an emptied folder removes nothing", async () => {
    await fixture.remove("agents/tester.yaml");
    await fixture.remove("profiles.yaml");
    await fixture.remove("fleet.yaml");
    await until("it is known to be empty", async () => (await fleet()).guard);
    await fixture.cli("reconcile");
    await until("it is held", async () => (await fleet()).agents[0]?.held[0]?.reason === "fleet-empty");
    assert.deepEqual(await fixture.states(), { "agent-tester": "Running" });
    for (const [file, content] of Object.entries(THREE)) await fixture.write(file, content);
    await until("all agents are in sync", synced, 60_000);
  });

  it("a restart finds what is there and changes nothing", async () => {
    const launches = await calls("launch");
    assert.equal(await up.end("SIGINT"), 0);
    assert.match(up.output(), /agents stay as they are/);
    assert.deepEqual(Object.values(await fixture.states()), ["Running", "Running", "Running"]);
    up = await fixture.up();
    await until("all agents are in sync", synced, 60_000);
    assert.equal(await calls("launch"), launches);
    assert.doesNotMatch(up.output(), /launching|stopping|starting/);
  });
});
