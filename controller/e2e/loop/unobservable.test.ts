/** What is known while Multipass does not answer, or loses sight of one instance: heartbeats go on, and nothing is done blindly. */
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { AgentView, FleetView } from "../../../ui/client/types.ts";
import { BUILDER, RESEARCHER, PROFILE, settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const TWO = {
  "builder.yaml": BUILDER,
  "researcher.yaml": RESEARCHER,
  "profile.yaml": PROFILE,
  "fleet.yaml": settings(),
};
const NAME = "agent-builder";

interface Faulty {
  readonly fixture: Fixture;
  readonly up: Up;
  agent(name?: string): Promise<AgentView | undefined>;
  fleet(): Promise<FleetView>;
  /** From now on; null: nothing goes wrong any more. */
  fault(rule: Readonly<Record<string, unknown>> | null): Promise<void>;
  /** Calls of Multipass so far that change something. */
  changes(): Promise<readonly string[]>;
}

const LOOKING = ["list", "get", "info", "version", "exec"];

/** A fleet of two in sync, with faults on demand. */
async function withFaults(work: (f: Faulty) => Promise<void>): Promise<void> {
  const fixture = await createFixture(TWO);
  try {
    const file = join(fixture.folder, "faults.json");
    const up = await fixture.up({
      VM_AGENT_SANDBOX_FAULTS: file,
      VM_AGENT_DEADLINE_LOOK: "2",
      VM_AGENT_DEADLINE_CHANGE: "5",
    });
    const fleet = () => up.api.get<FleetView>("/fleet");
    const allSynced = async () => {
      const { agents, settled } = await fleet();
      return settled && agents.every((a) => a.sync === "Synced" && a.health === "Healthy");
    };
    await until("all are in sync", allSynced, 60_000);
    await work({
      fixture,
      up,
      fleet,
      agent: async (name = NAME) => (await fleet()).agents.find((a) => a.name === name),
      fault: (rule) =>
        rule ? writeFile(file, JSON.stringify({ rules: [rule] })) : rm(file, { force: true }),
      changes: async () => {
        const text = await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8");
        const calls = text
          .trim()
          .split("\n")
          .map((line) => (JSON.parse(line) as { argv: readonly string[] }).argv);
        return calls.filter(([command = ""]) => !LOOKING.includes(command)).map((argv) => argv.join(" "));
      },
    });
    await up.end();
  } finally {
    await fixture.close();
  }
}

const message = (agent: AgentView | undefined, type: string) =>
  agent?.conditions.find((c) => c.type === type)?.message ?? "";

describe("unobservable", { concurrency: 2 }, () => {
  for (const [what, rule] of [
    ["hangs", { command: "list", fault: "hang" }],
    ["is wedged", { command: "list", fault: "wedge", ms: 4000 }],
    ["is gone", { command: "list", fault: "daemon-down" }],
    ["cuts its answer short", { command: "list", fault: "truncate-json" }],
    ["denies", { command: "list", fault: "fail", message: "multipass socket access denied" }],
  ] as const)
    it(`multipassd ${what}: the instance is known to be fine by its heartbeat, tasks run, nothing is changed`, () =>
      withFaults(async ({ fixture, agent, fleet, fault, changes, up }) => {
        const before = await changes();
        await fault(rule);
        await until("nothing can be seen", async () => (await fleet()).unobservable, 60_000);
        const seen = await until("its heartbeat counts", async () => {
          const found = await agent();
          return found?.seen === "?" ? found : null;
        });
        assert.deepEqual([seen.sync, seen.health], ["Unknown", "Healthy"]);
        assert.match(
          message(seen, "Ready"),
          /the instance is fine, its runtime answers; Multipass does not answer/,
        );
        const task = await fixture.cli("task", NAME, '{"type":"exec","command":"echo alive"}');
        assert.equal(task.stdout, "alive\n", task.stderr);
        await fixture.write("builder.yaml", `${BUILDER}state: stopped\n`);
        await until("the edit is read", async () => (await agent())?.wanted === "stopped");
        await until(
          "it was looked again",
          async () => (await fleet()).turns > 0 && (await agent())?.held[0]?.reason === "unobservable",
          60_000,
        );
        assert.deepEqual(await changes(), before);
        await fault(null);
        await until("the edit is carried out", async () => (await agent())?.seen === "Stopped", 60_000);
        assert.match(up.output(), /stopping/);
        assert.match(up.output(), /Multipass: cannot be seen: [\s\S]*Multipass: is seen again after /);
      }));

  it("Unknown after it had converged: fine by its heartbeat, held, and in sync when it is observed again", () =>
    withFaults(async ({ agent, fault, changes, fixture }) => {
      const before = await changes();
      await fault({ command: "list", name: NAME, fault: "unknown-state" });
      const seen = await until("it is Unknown", async () => {
        const found = await agent();
        return found?.seen === "Unknown" ? found : null;
      });
      assert.equal(seen.health, "Healthy");
      assert.match(message(seen, "Ready"), /its runtime answers; Multipass shows it as Unknown|booting/);
      await fixture.write("builder.yaml", `${BUILDER}state: stopped\n`);
      await until("the edit is held", async () =>
        (await agent())?.held.some((h) => h.reason === "unknown-state" || h.reason === "waiting"),
      );
      assert.equal((await agent("agent-researcher"))?.sync, "Synced");
      assert.deepEqual(await changes(), before);
      await fault(null);
      await until("the edit is carried out", async () => (await agent())?.seen === "Stopped", 60_000);
    }));

  it("a call that hangs for one agent does not keep the loop from the other", () =>
    withFaults(async ({ agent, fault, fixture, fleet }) => {
      await fault({ command: "stop", name: NAME, fault: "slow", ms: 60_000, times: 1 });
      await fixture.write("builder.yaml", `${BUILDER}state: stopped\n`);
      await until("its stop is under way", async () => (await agent())?.work?.step === "stop", 30_000);
      const { turns } = await fleet();
      await fixture.write("researcher.yaml", `${RESEARCHER}state: stopped\n`);
      // The daemon serves one change at a time; ours is given up at its deadline, and the other one goes on.
      await until(
        "the other is stopped",
        async () => (await agent("agent-researcher"))?.seen === "Stopped",
        60_000,
      );
      assert.ok((await fleet()).turns > turns);
      await fault(null);
      await until("this one too, by itself", async () => (await agent())?.seen === "Stopped", 90_000);
    }));
});
