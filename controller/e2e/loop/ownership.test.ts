/** Whose an instance is, proven inside a real sandbox: a lost store, a name that was taken, a clone, and a guest that cannot be asked. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";
import { launchingNothing } from "../kill/in-launch.ts";

const ONE = { "builder.yaml": BUILDER, "fleet.yaml": settings() };
const NAME = "agent-builder";

async function withFixture(work: (f: Fixture) => Promise<void>): Promise<void> {
  const fixture = await createFixture(ONE);
  try {
    await work(fixture);
  } finally {
    await fixture.close();
  }
}

const fleetOf = (up: Up) => up.api.get<FleetView>("/fleet");
const agentOf = async (up: Up, name = NAME) => (await fleetOf(up)).agents.find((a) => a.name === name);
const synced = (up: Up) =>
  until(
    "the agent is in sync and online",
    async () => {
      const agent = await agentOf(up);
      return agent?.sync === "Synced" && agent.health === "Healthy" && (await fleetOf(up)).settled;
    },
    60_000,
  );
const heldAs = (up: Up, reason: string, name = NAME) =>
  until(
    `${name} is held as ${reason}`,
    async () => (await agentOf(up, name))?.held.find((h) => h.reason === reason),
    60_000,
  );

/** Calls of Multipass that were made, as text lines. */
async function calls(fixture: Fixture): Promise<readonly string[]> {
  return (await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8")).trim().split("\n");
}
const count = (lines: readonly string[], word: string) => lines.filter((l) => l.includes(`"${word}"`)).length;

async function metricsOf(fixture: Fixture): Promise<string> {
  const { http } = JSON.parse(await readFile(join(fixture.home, "hub.json"), "utf8")) as { http: string };
  const token = (await readFile(join(fixture.home, "operator-token"), "utf8")).trim();
  const answer = await fetch(new URL("/metrics", http), { headers: { authorization: `Bearer ${token}` } });
  return answer.text();
}

async function loseStore(fixture: Fixture): Promise<void> {
  for (const end of ["", "-wal", "-shm"]) await rm(join(fixture.home, `vm-agent.db${end}`), { force: true });
}

describe("ownership", { concurrency: 2 }, () => {
  it("the store is lost: what is ours is taken back by its nonce, and works", () =>
    withFixture(async (fixture) => {
      const first = await fixture.up();
      await synced(first);
      await first.end();
      const key = await stat(join(fixture.home, "fleet-key"));
      assert.equal(key.mode & 0o777, 0o600);
      assert.equal(key.size, 32);
      await loseStore(fixture);
      const up = await fixture.up();
      await synced(up);
      const task = await fixture.cli("task", NAME, '{"type":"exec","command":"echo back"}');
      assert.equal(task.stdout, "back\n", task.stderr);
      const lines = await calls(fixture);
      assert.equal(count(lines, "launch"), 1);
      assert.equal(count(lines, "delete") + count(lines, "stop"), 0);
      assert.doesNotMatch(lines.join("\n"), /joinToken/);
      assert.match(up.output(), /taken back/);
      await up.end();
    }));

  it("a launch that was cut off left an instance with nothing inside: said at once, not touched, and a person's word frees the name", () =>
    withFixture(async (fixture) => {
      const first = fixture.spawnUp({ NODE_OPTIONS: `--import ${launchingNothing()}` });
      await once(first, "close");
      const up = await fixture.up();
      const held = await heldAs(up, "unproven");
      assert.match(
        held?.message ?? "",
        /a launch .* was begun and cut off.*: nothing of vm-agent is inside it/,
      );
      assert.match(held?.release ?? "", /multipass delete --purge agent-builder, and it is created again/);
      const agent = await agentOf(up);
      assert.match(
        agent?.conditions.find((c) => c.type === "Stalled")?.message ?? "",
        /was begun and cut off/,
      );
      const before = await calls(fixture);
      assert.deepEqual([count(before, "launch"), count(before, "delete") + count(before, "stop")], [1, 0]);
      const deleted = await fixture.multipass("delete", "--purge", NAME);
      assert.equal(deleted.code, 0, deleted.stderr);
      await synced(up);
      await up.end();
    }));

  it("store and key are lost: it is a stranger's, and nothing is done to it", () =>
    withFixture(async (fixture) => {
      const first = await fixture.up();
      await synced(first);
      await first.end();
      await loseStore(fixture);
      await rm(join(fixture.home, "fleet-key"));
      const up = await fixture.up();
      const held = await until("it was asked", async () => {
        const found = await heldAs(up, "foreign");
        return found.message.includes("another fleet made it") ? found : null;
      });
      assert.match(held.release, /another name|delete/);
      assert.equal((await fixture.states())[NAME], "Running");
      await up.end();
    }));

  it("purged and launched from outside between two refreshes: it is not stopped, and is held as foreign", () =>
    withFixture(async (fixture) => {
      const first = await fixture.up();
      await synced(first);
      await first.end();
      await fixture.multipass("delete", "--purge", NAME);
      const launched = await fixture.multipass("launch", "--name", NAME, "--memory", "512M", "--disk", "2G");
      assert.equal(launched.code, 0, launched.stderr);
      await fixture.write("builder.yaml", `${BUILDER}state: stopped\n`);
      const up = await fixture.up();
      const held = await heldAs(up, "foreign");
      assert.match(held.message, /nothing of vm-agent is inside it/);
      assert.equal((await fixture.states())[NAME], "Running");
      assert.equal(count(await calls(fixture), "stop"), 0);
      await up.end();
    }));

  it("a clone is refused, and the agent whose files it carries says so", () =>
    withFixture(async (fixture) => {
      const up = await fixture.up();
      await synced(up);
      await fixture.write("builder.yaml", `${BUILDER}state: stopped\n`);
      await until("it is stopped", async () => (await fixture.states())[NAME] === "Stopped");
      await until("that is seen", async () => (await fleetOf(up)).settled);
      const cloned = await fixture.multipass("clone", NAME, "--name", "agent-copy");
      assert.equal(cloned.code, 0, cloned.stderr);
      await fixture.write("builder.yaml", BUILDER);
      await until("it runs again", async () => (await fixture.states())[NAME] === "Running", 60_000);
      await synced(up);
      assert.equal((await fixture.multipass("start", "agent-copy")).code, 0);
      await until(
        "the clone was refused",
        async () => (await agentOf(up))?.notes?.some((n) => /"agent-copy".*clone.*refused/.test(n)),
        60_000,
      );
      const status = await fixture.cli("status", NAME);
      assert.match(status.stdout, /agent-copy/);
      assert.equal((await agentOf(up))?.health, "Healthy");
      await fixture.write("copy.yaml", BUILDER.replace(NAME, "agent-copy"));
      const held = await until("it is known why", async () => {
        const found = await heldAs(up, "foreign", "agent-copy");
        return found.message.includes(`clone of "${NAME}"`) ? found : null;
      });
      assert.ok(held);
      assert.equal((await fixture.states())["agent-copy"], "Running");
      await up.end();
    }));

  it("a guest that is silent and cannot be asked is not stopped: held as unproven, until it answers", () =>
    withFixture(async (fixture) => {
      const faults = join(fixture.folder, "faults.json");
      const up = await fixture.up({ VM_AGENT_SANDBOX_FAULTS: faults });
      await synced(up);
      const quiet = await fixture.multipass("exec", NAME, "--", "sudo", "systemctl", "stop", "vm-agent");
      assert.equal(quiet.code, 0, quiet.stderr);
      await until("its silence is known", async () => (await agentOf(up))?.runtime?.status !== "online");
      const rule = { command: "exec", name: NAME, fault: "fail", message: "ssh connection failed: refused" };
      await writeFile(faults, JSON.stringify({ rules: [rule] }));
      await fixture.write("builder.yaml", `${BUILDER}state: stopped\n`);
      const held = await heldAs(up, "unproven");
      assert.match(held.message, /cannot be asked.*ssh connection failed/);
      assert.match(held.release, /multipass stop --force agent-builder/);
      assert.equal((await fixture.states())[NAME], "Running");
      await rm(faults);
      await fixture.cli("reconcile", NAME);
      await until("it is stopped", async () => (await fixture.states())[NAME] === "Stopped", 60_000);
      await up.end();
    }));

  it("a runtime that ended is started again, and how far that went outlives vm-agent", () =>
    withFixture(async (fixture) => {
      await fixture.write("builder.yaml", `${BUILDER}health: {offlineAfter: 10s}\n`);
      const env = { VM_AGENT_BOOT_GRACE: "5" };
      const up = await fixture.up(env);
      await synced(up);
      const { code, stderr } = await fixture.multipass(
        "exec",
        NAME,
        "--",
        "sudo",
        "systemctl",
        "stop",
        "vm-agent",
      );
      assert.equal(code, 0, stderr);
      await until("it is restarted", () => up.output().includes("restarting its runtime"), 60_000);
      await synced(up);
      await fixture.multipass("exec", NAME, "--", "sudo", "systemctl", "stop", "vm-agent");
      const next = await until(
        "the next rung waits",
        async () => {
          const found = await agentOf(up);
          return found?.next?.what === "restart-instance" ? found : null;
        },
        60_000,
      );
      assert.equal(next.health, "Degraded");
      assert.match(
        next.conditions.find((c) => c.type === "Ready")?.message ?? "",
        /restart-instance \(try 2\)/,
      );
      await up.end();
      const again = await fixture.up(env);
      const still = await until(
        "it goes on from there",
        async () => {
          const found = await agentOf(again);
          return found?.next?.what === "restart-instance" ? found : null;
        },
        60_000,
      );
      assert.equal(still.next?.attempt, 2);
      const metrics = await metricsOf(fixture);
      assert.match(metrics, /vm_controller_reconciles_total\{outcome="nothing"\} [1-9]/);
      assert.match(metrics, /vm_controller_reconcile_duration_seconds_count [1-9]/);
      await again.end();
    }));
});
