/** An unowned instance: not touched, also where a document names it, and imported, beside a loop and without one. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { acquireLock } from "../../store/lock.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { type CommandResult, type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const all = ({ code, stdout, stderr }: CommandResult): string => `exit ${code}\n${stdout}\n${stderr}`;

describe("import beside a loop", () => {
  let fixture: Fixture;
  let up: Up;
  const fleet = () => up.api.get<FleetView>("/fleet");
  const agent = async (name: string) => (await fleet()).agents.find((a) => a.name === name);
  const settled = (name: string) =>
    until(`${name} is in sync`, async () => {
      const found = await agent(name);
      return found?.sync === "Synced" && !found.work;
    });

  before(async () => {
    fixture = await createFixture({ "agents/builder.yaml": BUILDER, "fleet.yaml": settings() });
    up = await fixture.up();
    await settled("agent-builder");
  });
  after(async () => {
    await up.end();
    await fixture.close();
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
    assert.match((await agent("pet"))?.held[0]?.release ?? "", /vm-agent import pet/);
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

  it("what is imported is kept in sync from then on", async () => {
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
      ["mount", fixture.fleet, "pet:/mnt/work"],
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

describe("an import that is not carried out", () => {
  let fixture: Fixture;
  const document = () => join(fixture.fleet, "agents", "pet.yaml");
  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings() });
    const launched = await fixture.multipass("launch", "--name", "pet", "--memory", "512M", "--disk", "3G");
    assert.equal(launched.code, 0, all(launched));
  });
  after(() => fixture.close());

  /** `vm-agent import pet` with a hub that answers so. */
  const importWith = async (answer: RequestListener): Promise<CommandResult> => {
    const server = createServer((request, response) =>
      request.url === "/health" ? response.end("{}") : answer(request, response),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      return await fixture.cliWith({ VM_AGENT_URL: url, VM_AGENT_TOKEN: "t" }, "import", "pet", "--yes");
    } finally {
      server.close();
    }
  };

  it("that the loop refuses leaves no document behind", async () => {
    const refused = await importWith((_, response) => {
      const problem = { code: "world-moved", detail: '"pet" is Stopped now', next: "import it again" };
      response.writeHead(409, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
    });
    assert.equal(refused.code, 1, all(refused));
    assert.match(
      refused.stderr,
      /"pet" was not imported: "pet" is Stopped now; its document .* was removed again/,
    );
    assert.equal(existsSync(document()), false);
  });

  it("that another vm-agent keeps from the lock leaves no document behind", async () => {
    const lock = acquireLock(fixture.home, { pid: process.pid, command: "vm-agent apply", since: 0 });
    const refused = await fixture.cli("import", "pet", "--yes");
    lock.release();
    assert.equal(refused.code, 1, all(refused));
    assert.match(refused.stderr, /"vm-agent apply" .* has controlled this fleet .* was removed again/);
    assert.equal(existsSync(document()), false);
  });

  it("whose answer is lost says what is left, and goes on from there", async () => {
    const lost = await importWith((_, response) => response.destroy());
    assert.equal(lost.code, 69, all(lost));
    assert.match(lost.stderr, /did not answer within 120 s.* is left/);
    assert.match(lost.stderr, /vm-agent why pet .*vm-agent import pet goes on/s);
    assert.equal(existsSync(document()), true);
    const again = await fixture.cli("import", "pet", "--yes");
    assert.equal(again.code, 0, all(again));
  });
});
