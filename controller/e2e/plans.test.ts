/** From outside: saved plans, drift, why, pause and resume, and an instance of somebody else that is imported. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { checkPlan } from "../../schemas/validate-plan.ts";
import type { FleetView } from "../../ui/client/types.ts";
import type { Plan } from "../core/types.ts";
import type { WhyFacts } from "../core/why.ts";
import { BUILDER, settings } from "./fleets.ts";
import { type CommandResult, type Fixture, type Up, createFixture, until } from "./harness.ts";

const REPLICAS = `kind: Agent
name: web
replicas: 2
cpu: 1
memory: 256M
disk: 1G
state: stopped
`;

const all = ({ code, stdout, stderr }: CommandResult): string => `exit ${code}\n${stdout}\n${stderr}`;
const flat = (text: string): string => text.replaceAll(/\s+/g, " ");

describe("saved plans, drift and why without a loop", () => {
  let fixture: Fixture;
  const file = () => join(fixture.folder, "plan.json");
  const planTo = async (...more: readonly string[]) => {
    const made = await fixture.cli("plan", "-o", file(), ...more);
    assert.equal(made.code, 0, all(made));
    return JSON.parse(await readFile(file(), "utf8")) as Plan;
  };
  const builder = (edit: (text: string) => string = (text) => text) =>
    fixture.write("agents/builder.yaml", edit(BUILDER));

  before(async () => {
    fixture = await createFixture({ "agents/builder.yaml": BUILDER, "fleet.yaml": settings() });
  });
  after(() => fixture.close());

  it("plan --json is as its schema says, and so is the file of plan -o", async () => {
    const { stdout } = await fixture.cli("plan", "--json");
    assert.deepEqual(checkPlan(JSON.parse(stdout)), []);
    const saved = await planTo();
    assert.deepEqual(checkPlan(saved), []);
    assert.deepEqual(saved.saved, { targets: [], allowDelete: [], seen: [] });
  });

  it("refuses names that nobody has, with the one that was meant", async () => {
    const target = await fixture.cli("plan", "--target", "agent-bilder");
    assert.equal(target.code, 1);
    assert.match(target.stderr, /there is no agent "agent-bilder"; did you mean "agent-builder"\?/);
    const allow = await fixture.cli("apply", "--yes", "--allow-delete", "agent-bilder");
    assert.match(allow.stderr, /did you mean "agent-builder"/);
  });

  it("refuses files that are not such plans: where, what was found, what is allowed", async () => {
    const path = join(fixture.folder, "wrong.json");
    const plan = await planTo();
    const tell = async (value: unknown) => {
      await writeFile(path, typeof value === "string" ? value : JSON.stringify(value));
      const refused = await fixture.cli("apply", path, "--yes");
      assert.equal(refused.code, 1, all(refused));
      return refused.stderr;
    };
    assert.match(await tell({ ...plan, format: 2 }), /wrong\.json:\/format is 2; allowed: 1/);
    assert.match(
      await tell({ ...plan, chnages: [] }),
      /wrong\.json:\/chnages is not a field of a plan; did you mean "changes"/,
    );
    assert.match(
      await tell({ ...plan, revision: 7 }),
      /wrong\.json:\/revision is 7; allowed: text or nothing/,
    );
    assert.match(await tell("{"), /wrong\.json is not a plan/);
    const { saved: _, ...printed } = plan;
    assert.match(await tell(printed), /\/saved is missing; it is written by plan -o/);
    const missing = await fixture.cli("apply", join(fixture.folder, "none.json"), "--yes");
    assert.match(missing.stderr, /there is no file .*none\.json/);
    const both = await fixture.cli("apply", file(), "--yes", "--target", "agent-builder");
    assert.equal(both.code, 64, all(both));
  });

  it("applies what it holds, and is stale afterwards", async () => {
    await planTo();
    const applied = await fixture.cli("apply", file(), "--yes");
    assert.equal(applied.code, 0, all(applied));
    assert.deepEqual(await fixture.states(), { "agent-builder": "Running" });
    const again = await fixture.cli("apply", file(), "--yes");
    assert.equal(again.code, 1, all(again));
    assert.match(again.stderr, /agent-builder was not one of ours and is now \(Running\)/);
  });

  it("does what it holds and nothing beside it", async () => {
    await fixture.write("agents/other.yaml", BUILDER.replace("agent-builder", "agent-other"));
    await builder((text) => text.replace("cpu: 1", "cpu: 2"));
    await planTo("--target", "agent-builder");
    const applied = await fixture.cli("apply", file(), "--yes");
    assert.equal(applied.code, 0, all(applied));
    assert.equal((await fixture.multipass("get", "local.agent-builder.cpus")).stdout.trim(), "2");
    assert.deepEqual(await fixture.states(), { "agent-builder": "Running" });
    await fixture.remove("agents/other.yaml");
    await builder();
    assert.equal((await fixture.cli("apply", "--yes")).code, 0);
  });

  it("is refused when the fleet files moved", async () => {
    await builder((text) => text.replace("cpu: 1", "cpu: 2"));
    const saved = await planTo();
    await builder((text) => text.replace("cpu: 1", "cpu: 3"));
    const refused = await fixture.cli("apply", file(), "--yes");
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      new RegExp(`the fleet files: their hash was ${saved.desiredHash.slice(0, 12)} and is `),
    );
    assert.equal((await fixture.multipass("get", "local.agent-builder.cpus")).stdout.trim(), "1");
    await builder();
  });

  it("is refused when the world moved, and says what did", async () => {
    await builder((text) => text.replace("512M", "768M"));
    await planTo();
    assert.equal((await fixture.multipass("stop", "agent-builder")).code, 0);
    const stopped = await fixture.cli("apply", file(), "--yes");
    assert.equal(stopped.code, 1, all(stopped));
    assert.match(stopped.stderr, /agent-builder was Running and is Stopped/);
    await planTo();
    assert.equal((await fixture.multipass("set", "local.agent-builder.memory=768M")).code, 0);
    const resized = await fixture.cli("apply", file(), "--yes");
    assert.equal(resized.code, 1, all(resized));
    assert.match(resized.stderr, /agent-builder: /);
    await builder();
    const applied = await fixture.cli("apply", "--yes");
    assert.equal(applied.code, 0, all(applied));
  });

  it("drift: nothing, then something, and it writes nothing", async () => {
    const none = await fixture.cli("drift");
    assert.equal(none.code, 0, all(none));
    assert.match(none.stdout, /Nothing differs that nobody wrote/);
    await fixture.multipass("stop", "agent-builder");
    const stopped = await fixture.cli("drift");
    assert.equal(stopped.code, 2, all(stopped));
    assert.match(stopped.stdout, /agent-builder .*state is stopped, written running/);
    await fixture.multipass("delete", "--purge", "agent-builder");
    const gone = await fixture.cli("drift", "--json");
    assert.equal(gone.code, 2, all(gone));
    const { drifted } = JSON.parse(gone.stdout) as {
      drifted: readonly { agent: string; change: { seen: null } }[];
    };
    assert.deepEqual(
      drifted.map((d) => [d.agent, d.change.seen]),
      [["agent-builder", null]],
    );
    assert.equal((await fixture.cli("drift")).code, 2);
    await builder((text) => text.replace("cpu: 1", "cpu: 2"));
    assert.equal((await fixture.cli("apply", "--yes")).code, 0);
    await builder();
    const edited = await fixture.cli("drift");
    assert.equal(edited.code, 0, `an edit is no drift\n${all(edited)}`);
    const blind = await fixture.cliWith(
      { VM_AGENT_MULTIPASS: "/nowhere/multipass", VM_AGENT_DRIVER: "multipass" },
      "drift",
    );
    assert.equal(blind.code, 69, all(blind));
  });

  it("why: wanted, seen, last and next", async () => {
    const why = await fixture.cli("why", "agent-builder");
    assert.equal(why.code, 0, all(why));
    const text = flat(why.stdout);
    assert.match(text, /agent-builder is OutOfSync and Unknown\./);
    assert.match(text, /Wanted running, 1 cpu, 512M memory, 2G disk \(.*fleet\/agents\/builder\.yaml:1\)/);
    assert.match(
      text,
      /Seen Running, 2 cpu, .* \(sandbox, 0 s ago\); no hub runs, so its runtime is not heard/,
    );
    assert.match(
      text,
      /Last created at \d\d:\d\d:\d\d in \d+ s: drift: its instance is gone, and nobody edited the fleet \(drift, corrected\)/,
    );
    assert.match(
      text,
      /Next when somebody runs vm-agent apply or vm-agent up: restart-update \(cpu 2 → 1\), because .*builder\.yaml:1 was edited/,
    );
    const unknown = await fixture.cli("why", "agent-bilder");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /did you mean "agent-builder"/);
  });
});

describe("with a loop", () => {
  let fixture: Fixture;
  let up: Up;
  const fleet = () => up.api.get<FleetView>("/fleet");
  const agent = async (name: string) => (await fleet()).agents.find((a) => a.name === name);
  const settled = (name: string) =>
    until(`${name} is as written`, async () => {
      const found = await agent(name);
      return found?.sync === "Synced" && !found.work;
    });
  const why = async (name: string) => {
    const asked = await fixture.cli("why", name, "--json");
    assert.equal(asked.code, 0, all(asked));
    return JSON.parse(asked.stdout) as WhyFacts & {
      readonly sentences: readonly { label: string; text: string }[];
    };
  };

  before(async () => {
    fixture = await createFixture({
      "agents/builder.yaml": `${BUILDER}# the end\n`,
      "agents/web.yaml": REPLICAS,
      "fleet.yaml": settings(),
    });
    up = await fixture.up();
    await settled("agent-builder");
    await settled("web-2");
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  it("why tells of the runtime, and that nothing is to be done", async () => {
    const { sentences } = await why("agent-builder");
    const text = Object.fromEntries(sentences.map((s) => [s.label, s.text]));
    assert.match(
      text.Seen ?? "",
      /^Running, .*\(sandbox, \d+ s ago\); runtime \S+ connected, heartbeat \d+ s ago$/,
    );
    assert.match(text.Last ?? "", /^created at .*builder\.yaml:1 is new$/);
    assert.equal(text.Next, "nothing to do: it is as written, and kept so");
  });

  it("pause holds: the file keeps its bytes, the loop keeps its hands off; resume releases", async () => {
    const path = join(fixture.fleet, "agents", "builder.yaml");
    const original = await readFile(path, "utf8");
    const paused = await fixture.cli("pause", "agent-builder");
    assert.equal(paused.code, 0, all(paused));
    assert.match(paused.stdout, /agent-builder is paused.*\nThe running loop sees it at once\./);
    assert.equal(
      await readFile(path, "utf8"),
      original.replace("name: agent-builder\n", "name: agent-builder\npaused: true\n"),
    );
    await until("the loop knows", async () => (await agent("agent-builder"))?.sync === "Paused");
    await fixture.multipass("stop", "agent-builder");
    await until(
      "it is seen and held",
      async () => (await agent("agent-builder"))?.held[0]?.reason === "paused",
    );
    const { turns } = await fleet();
    await until("two more looks", async () => (await fleet()).turns > turns + 1);
    assert.equal((await fixture.states())["agent-builder"], "Stopped");
    const { sentences } = await why("agent-builder");
    assert.equal(sentences.at(-1)?.text, "nothing: it is paused; vm-agent resume agent-builder");
    assert.match((await fixture.cli("pause", "agent-builder")).stdout, /already; nothing was written/);
    const resumed = await fixture.cli("resume", "agent-builder");
    assert.equal(resumed.code, 0, all(resumed));
    assert.equal(await readFile(path, "utf8"), original);
    await until("it runs again", async () => (await fixture.states())["agent-builder"] === "Running");
    await settled("agent-builder");
    assert.match(
      (await why("agent-builder")).sentences.find((s) => s.label === "Last")?.text ?? "",
      /^started at .*\(drift, corrected\)$/,
    );
  });

  it("pauses a document, not one of its replicas", async () => {
    const one = await fixture.cli("pause", "web-1");
    assert.equal(one.code, 1);
    assert.match(
      one.stderr,
      /"web-1" is one of the 2 replicas of "web".*\n.*vm-agent pause web does it for web-1, web-2/,
    );
    const both = await fixture.cli("pause", "web");
    assert.equal(both.code, 0, all(both));
    await until(
      "both are",
      async () => (await fleet()).agents.filter((a) => a.sync === "Paused").length === 2,
    );
    assert.equal((await fixture.cli("resume", "web")).code, 0);
    const unknown = await fixture.cli("pause", "agent-bilder");
    assert.match(unknown.stderr, /did you mean "agent-builder"/);
  });

  it("a saved plan is applied through the loop that runs", async () => {
    await fixture.remove("agents/web.yaml");
    await until("it is held", async () => (await agent("web-1"))?.held[0]?.reason === "max-deletes");
    const file = join(fixture.folder, "plan.json");
    const made = await fixture.cli("plan", "-o", file, "--target", "web-1", "--allow-delete", "web-1");
    assert.equal(made.code, 0, all(made));
    const applied = await fixture.cli("apply", file, "--yes");
    assert.notEqual(applied.code, 1, all(applied));
    const states = await fixture.states();
    assert.ok(!("web-1" in states) && "web-2" in states, JSON.stringify(states));
  });

  it("a foreign instance is not touched, even if a document names it", async () => {
    const launched = await fixture.multipass(
      "launch",
      "24.04",
      "--name",
      "pet",
      "--cpus",
      "1",
      "--memory",
      "512M",
      "--disk",
      "3G",
    );
    assert.equal(launched.code, 0, all(launched));
    await fixture.write("agents/pet.yaml", "kind: Agent\nname: pet\nstate: stopped\n");
    await until("it is held", async () => (await agent("pet"))?.held[0]?.reason === "foreign");
    await fixture.cli("reconcile", "pet");
    const { turns } = await fleet();
    await until("two more looks", async () => (await fleet()).turns > turns + 1);
    assert.equal((await fixture.states()).pet, "Running");
    const list = await fixture.cli("list", "--json");
    const { agents } = JSON.parse(list.stdout) as {
      agents: readonly { name: string; note: string | null }[];
    };
    assert.match(agents.find((a) => a.name === "pet")?.note ?? "", /vm-agent did not create/);
    const declared = await fixture.cli("import", "pet", "--yes");
    assert.equal(declared.code, 1, all(declared));
    assert.match(declared.stderr, /pet\.yaml:1 declares "pet" already/);
    await fixture.remove("agents/pet.yaml");
    await until("its document is gone", async () => (await agent("pet")) === undefined);
    const why = await fixture.cli("why", "pet");
    assert.equal(why.code, 0, all(why));
    assert.match(
      why.stdout,
      /Multipass has an instance pet \(Running\), and it is not ours.*vm-agent import pet/s,
    );
    const wrong = await fixture.cli("why", "pett");
    assert.match(wrong.stderr, /there is no agent "pett"/);
  });

  it("import asks, writes what is there, claims it, and leaves nothing to do", async () => {
    const asked = await fixture.cli("import", "pet");
    assert.equal(asked.code, 1, all(asked));
    assert.match(asked.stderr, /vm-agent import pet --yes/);
    const imported = await fixture.cli("import", "pet", "--yes");
    assert.equal(imported.code, 0, all(imported));
    assert.match(imported.stdout, /there is nothing to do\. Its runtime is being installed/);
    const text = await readFile(join(fixture.fleet, "agents", "pet.yaml"), "utf8");
    assert.match(text, /^# Imported on .*\n[\s\S]*\ncpu: 1\nmemory: 512M\ndisk: 3G\nstate: running\n/);
    await settled("pet");
    const plan = await fixture.cli("plan", "--target", "pet", "--detailed-exitcode");
    assert.equal(plan.code, 0, all(plan));
    const again = await fixture.cli("import", "pet", "--yes");
    assert.match(again.stderr, /"pet" belongs to this fleet already/);
  });

  it("its runtime is installed by itself, and a task runs in it", async () => {
    await until("its runtime is online", async () => (await agent("pet"))?.health === "Healthy");
    const task = await fixture.cli("task", "pet", '{"type":"exec","command":"hostname; cat /etc/hostname"}');
    assert.equal(task.code, 0, all(task));
    const list = await fixture.cli("list");
    assert.match(list.stdout, /pet .*running +Running +Synced +Healthy +online/);
    const plan = await fixture.cli("plan", "--target", "pet", "--detailed-exitcode");
    assert.equal(plan.code, 0, all(plan));
    assert.doesNotMatch(plan.stdout, /no runtime is inside/);
  });

  it("the join token was never in an argument", async () => {
    const log = await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8");
    assert.match(log, /"sh","-s"/);
    assert.doesNotMatch(log, /joinToken/);
  });

  it("what is imported is kept as written from then on", async () => {
    await fixture.multipass("stop", "pet");
    await until("it runs again", async () => (await fixture.states()).pet === "Running");
    await settled("pet");
    await fixture.remove("agents/pet.yaml");
    const held = await until("its removal is held", async () => (await agent("pet"))?.held[0]);
    assert.equal(held.reason, "protected");
  });
});

describe("import without a loop", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings() });
  });
  after(() => fixture.close());

  it("writes the snapshots and the mounts of a stopped instance, and claims it under the lock", async () => {
    for (const args of [
      ["launch", "--name", "pet", "--cpus", "2", "--memory", "1G", "--disk", "4G"],
      ["mount", fixture.folder, "pet:/mnt/work"],
      ["stop", "pet"],
      ["snapshot", "pet", "--name", "first", "--comment", "as it was: good"],
    ]) {
      const done = await fixture.multipass(...args);
      assert.equal(done.code, 0, all(done));
    }
    const wrong = await fixture.cli("import", "pett", "--yes");
    assert.match(wrong.stderr, /Multipass has no instance "pett"\n.*pet/);
    const imported = await fixture.cli("import", "pet", "--yes");
    assert.equal(imported.code, 0, all(imported));
    const text = await readFile(join(fixture.fleet, "agents", "pet.yaml"), "utf8");
    assert.match(text, /state: stopped\nmounts:\n {2}- \{source: .*, target: .*\/mnt\/work"?\}\n/);
    assert.match(text, /---\nkind: Snapshot\nname: first\nagent: pet\ncomment: "as it was: good"\n/);
    const plan = await fixture.cli("plan", "--detailed-exitcode");
    assert.equal(plan.code, 0, all(plan));
    assert.deepEqual(await fixture.states(), { pet: "Stopped" });
  });
});
