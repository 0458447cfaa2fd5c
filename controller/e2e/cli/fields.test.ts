/** Every field of an agent acts: one world, one edit after the other, and what `multipass` says of the instance after each. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const BASE = "kind: Agent\ncpu: 1\nmemory: 256M\ndisk: 1G\n";
const PROFILE = "kind: Profile\nname: base\ncapabilities: [build]\nenv: {COLOUR: green}\n";

describe("every field acts", () => {
  let fixture: Fixture;
  let up: Up;

  const one = (more = ""): Promise<void> => fixture.write("one.yaml", `${BASE}name: agent-one\n${more}`);
  const view = async (name = "agent-one") =>
    (await up.api.get<FleetView>("/fleet")).agents.find((a) => a.name === name);
  const asWritten = (name = "agent-one") =>
    until(`${name} is in sync`, async () => {
      const agent = await view(name);
      return agent?.sync === "Synced" && agent.health === "Healthy" && !agent.work;
    });
  const state = async (name = "agent-one") => (await fixture.states())[name];
  const becomes = (want: string, name = "agent-one") =>
    until(`${name} is ${want}`, async () => (await state(name)) === want);
  const setting = async (key: string) =>
    (await fixture.multipass("get", `local.agent-one.${key}`)).stdout.trim();
  const calls = async (command: string) =>
    (await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8"))
      .split("\n")
      .filter((line) => line.includes(`"${command}"`)).length;
  const heldOf = (name: string, reason: string) =>
    until(`${name} is held: ${reason}`, async () =>
      (await view(name))?.held.find((h) => h.reason === reason),
    );
  const inside = async (line: string) => {
    const { code, stdout, stderr } = await fixture.cli("exec", "agent-one", "--", "sh", "-c", line);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };

  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings(), "profile.yaml": PROFILE });
    await one("profile: base\n");
    up = await fixture.up();
    await asWritten();
  });
  after(async () => {
    await up?.end();
    await fixture.close();
  });

  it("env, of the document and of its profile, reaches tasks without a restart", async () => {
    assert.equal(await inside("echo $COLOUR"), "green");
    const stops = await calls("stop");
    await one("profile: base\nenv: {SIZE: small}\n");
    await until(
      "the new variable is there",
      async () => (await inside("echo $SIZE-$COLOUR")) === "small-green",
    );
    await fixture.write("profile.yaml", PROFILE.replace("green", "blue"));
    await until("the profile's too", async () => (await inside("echo $SIZE-$COLOUR")) === "small-blue");
    assert.equal(await calls("stop"), stops);
  });

  it("cpu, memory and disk in one stop", async () => {
    const stops = await calls("stop");
    await fixture.write("one.yaml", "kind: Agent\nname: agent-one\ncpu: 2\nmemory: 512M\ndisk: 2G\n");
    await until("memory is 512M", async () => /^512(\.0)?MiB$/.test(await setting("memory")));
    await asWritten();
    assert.equal(await setting("cpus"), "2");
    assert.match(await setting("disk"), /^2(\.0)?GiB$/);
    assert.equal(await calls("stop"), stops + 1);
  });

  it("a disk that is written smaller is held with the way out, and nothing is touched", async () => {
    const doc = (cpu: number, memory: string, disk: string) =>
      fixture.write(
        "one.yaml",
        `kind: Agent\nname: agent-one\ncpu: ${cpu}\nmemory: ${memory}\ndisk: ${disk}\n`,
      );
    const stops = await calls("stop");
    await doc(2, "512M", "1G");
    const held = await heldOf("agent-one", "impossible");
    assert.match(held.message, /disk/);
    assert.match(await setting("disk"), /^2(\.0)?GiB$/);
    assert.equal(await calls("stop"), stops);
    await doc(1, "256M", "2G");
    await until("cpus is 1", async () => (await setting("cpus")) === "1");
    await asWritten();
  });

  it("state: suspended, stopped, running", async () => {
    const doc = (want: string) =>
      `kind: Agent\nname: agent-one\ncpu: 1\nmemory: 256M\ndisk: 2G\nstate: ${want}\n`;
    await fixture.write("one.yaml", doc("suspended"));
    await becomes("Suspended");
    await fixture.write("one.yaml", doc("running"));
    await becomes("Running");
    await asWritten();
    await fixture.write("one.yaml", doc("stopped"));
    await becomes("Stopped");
    await until("nothing to do", async () => (await view())?.sync === "Synced");
    await fixture.write("one.yaml", doc("running"));
    await becomes("Running");
    await asWritten();
  });

  it("another image: held by the loop, replaced by a person's yes", async () => {
    await fixture.multipass("exec", "agent-one", "--", "sh", "-c", "echo kept > ~/mark");
    const doc = (more: string) => `kind: Agent\nname: agent-one\ncpu: 1\nmemory: 256M\ndisk: 2G\n${more}`;
    await fixture.write("one.yaml", doc('image: "22.04"\nenv: {COLOUR: red}\n'));
    const held = await heldOf("agent-one", "data-loss");
    assert.match(JSON.stringify(held), /apply/);
    assert.equal(
      (await fixture.multipass("exec", "agent-one", "--", "sh", "-c", "cat ~/mark")).stdout.trim(),
      "kept",
    );
    const refused = await fixture.cli("apply", "--yes");
    assert.equal(refused.code, 0, refused.stdout + refused.stderr);
    await asWritten();
    const gone = await fixture.multipass(
      "exec",
      "agent-one",
      "--",
      "sh",
      "-c",
      "test -e ~/mark || echo fresh",
    );
    assert.equal(gone.stdout.trim(), "fresh");
    assert.equal(await inside("echo $COLOUR"), "red", "the new one works by its document too");
    assert.match((await fixture.multipass("info", "agent-one", "--format", "json")).stdout, /22\.04/);
  });

  it("provision with onChange: hold is held; with replace the loop recreates it", async () => {
    const doc = (change: string, run: string) =>
      `kind: Agent\nname: agent-one\nimage: "22.04"\ncpu: 1\nmemory: 256M\ndisk: 2G\nprovision:\n  run: ["${run}"]\n  onChange: ${change}\n`;
    await fixture.write("one.yaml", doc("hold", "touch /tmp/a"));
    await until("it is held", async () => ((await view())?.held.length ?? 0) > 0);
    const launches = await calls("launch");
    assert.equal(await state(), "Running");
    await fixture.write("one.yaml", doc("replace", "touch /tmp/a"));
    await until("it was launched again", async () => (await calls("launch")) === launches + 1);
    await asWritten();
  });

  it("replicas grow; shrinking is a deletion, and guarded as one", async () => {
    const many = (n: number) => fixture.write("many.yaml", `${BASE}name: agent-many\nreplicas: ${n}\n`);
    await many(3);
    for (const i of [1, 2, 3]) await asWritten(`agent-many-${i}`);
    await many(2);
    await heldOf("agent-many-3", "prune-off");
    assert.equal(await state("agent-many-3"), "Running");
    await fixture.write("fleet.yaml", settings("prune: true\n"));
    await until("the third is gone", async () => (await state("agent-many-3")) === undefined);
    await fixture.remove("many.yaml");
    await heldOf("agent-many-1", "max-deletes");
    assert.deepEqual([await state("agent-many-1"), await state("agent-many-2")], ["Running", "Running"]);
    const done = await fixture.cli(
      "apply",
      "--yes",
      "--allow-delete",
      "agent-many-1",
      "--allow-delete",
      "agent-many-2",
    );
    assert.equal(done.code, 0, done.stdout + done.stderr);
    assert.deepEqual(Object.keys(await fixture.states()), ["agent-one"]);
  });

  it("what is protected is not destroyed by a yes to everything, only by its name", async () => {
    await fixture.write("kept.yaml", `${BASE}name: agent-kept\nprotect: true\n`);
    await asWritten("agent-kept");
    await fixture.remove("kept.yaml");
    await heldOf("agent-kept", "protected");
    const all = await fixture.cli("apply", "--yes");
    assert.equal(all.code, 3, all.stdout + all.stderr);
    assert.equal(await state("agent-kept"), "Running");
    const named = await fixture.cli("apply", "--yes", "--allow-delete", "agent-kept");
    assert.equal(named.code, 0, named.stdout + named.stderr);
    assert.equal(await state("agent-kept"), undefined);
  });

  it("limits: what would exceed the sum is held, the rest goes on", async () => {
    await fixture.write("fleet.yaml", settings("limits: {cpu: 2, memory: 1G, disk: 10G}\n"));
    await fixture.write("big.yaml", `${BASE.replace("cpu: 1", "cpu: 4")}name: agent-big\n`);
    await fixture.write("small.yaml", `${BASE}name: agent-small\n`);
    await heldOf("agent-big", "limits");
    await asWritten("agent-small");
    assert.equal(await state("agent-big"), undefined);
    const { stdout } = await fixture.cli("plan");
    assert.match(stdout, /4 cpu more would make 6 cpu; limits\.cpu of kind: Fleet is 2 cpu/);
  });

  it("paused: seen and shown, never acted on", async () => {
    await fixture.remove("big.yaml");
    await fixture.write("small.yaml", `${BASE}name: agent-small\npaused: true\n`);
    await until("it is paused", async () => (await view("agent-small"))?.sync === "Paused");
    assert.equal((await fixture.multipass("stop", "agent-small")).code, 0);
    await until("its stop is seen", async () => (await view("agent-small"))?.seen === "Stopped");
    assert.equal((await fixture.cli("reconcile")).code, 0);
    assert.equal(await state("agent-small"), "Stopped");
    await fixture.write("small.yaml", `${BASE}name: agent-small\n`);
    await becomes("Running", "agent-small");
  });
});
