/**
 * An instance that was launched by hand and imported: its runtime is installed, also without isolation and after a
 * loss.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

for (const isolation of ["none", "auto"])
  describe(`an imported instance, isolation ${isolation}`, () => {
    let fixture: Fixture;
    let up: Up | null = null;
    const env = { VM_AGENT_SANDBOX_ISOLATION: isolation };
    const view = async (name: string) =>
      (await up?.api.get<FleetView>("/fleet"))?.agents.find((a) => a.name === name);
    const online = (name: string) =>
      until(`the runtime of ${name} is online`, async () => (await view(name))?.runtime?.status === "online");
    const inGuest = (name: string, path: string) =>
      join(fixture.home, "sandbox", "instances", name, "root", path);

    before(async () => {
      fixture = await createFixture({ "fleet.yaml": settings() });
      for (const args of [
        ["launch", "--name", "pet", "--cpus", "1", "--memory", "512M", "--disk", "2G"],
        ["launch", "--name", "stranger", "--cpus", "1", "--memory", "512M", "--disk", "2G"],
      ]) {
        const done = await fixture.cliWith(env, "multipass", ...args);
        assert.equal(done.code, 0, done.stderr);
      }
      const imported = await fixture.cliWith(env, "import", "pet", "--yes");
      assert.equal(imported.code, 0, imported.stderr);
      assert.match(imported.stdout, /No runtime is inside; vm-agent up installs one\./);
    });
    after(async () => {
      await up?.end();
      await fixture.close();
    });

    it("a task that waits for it runs once its runtime is installed, with the rights of its files as they must be", async () => {
      up = await fixture.up(env);
      const task = await fixture.cli("task", "pet", '{"type":"exec","command":"echo from the inside"}');
      assert.deepEqual([task.code, task.stdout], [0, "from the inside\n"], task.stderr);
      const file = inGuest("pet", "etc/vm-agent/runtime.json");
      await until("the join token is used up", () => !readFileSync(file, "utf8").includes("joinToken"));
      assert.equal(statSync(file).mode & 0o777, 0o600);
      await until("it is Healthy", async () => (await view("pet"))?.health === "Healthy");
    });

    it("the token was in no argument, and the instance that was not imported is unchanged", () => {
      const log = readFileSync(join(fixture.home, "sandbox", "calls.jsonl"), "utf8");
      assert.match(log, /"sh","-s"/);
      assert.doesNotMatch(log, /joinToken|base64 -d/);
      assert.ok(!existsSync(inGuest("stranger", "etc/vm-agent")));
      assert.ok(!log.split("\n").some((line) => line.includes('"exec"') && line.includes('"stranger"')));
    });

    // The boundary is in the controller: once is enough.
    it("killed right after it claimed the instance, the next start goes on", {
      skip: isolation !== "none",
    }, async () => {
      const imported = await fixture.cli("import", "stranger", "--yes");
      assert.equal(imported.code, 0, imported.stderr);
      await up?.end("SIGKILL");
      up = await fixture.up(env);
      await online("stranger");
      await online("pet");
      const plan = await fixture.cli("plan", "--detailed-exitcode");
      assert.equal(plan.code, 0, plan.stdout);
    });
  });
