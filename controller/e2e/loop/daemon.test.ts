/** Where Multipass's daemon says less than was done: a launch that timed out, deleted instances that hold their names, a slow stop. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { AgentView, FleetView } from "../../../ui/client/types.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const NAME = "agent-builder";
const ONE = { "builder.yaml": BUILDER, "fleet.yaml": settings() };

async function world(
  work: (f: {
    readonly fixture: Fixture;
    readonly up: (env?: Readonly<Record<string, string>>) => Promise<Up>;
    /** Calls of this command so far. */
    readonly calls: (command: string) => Promise<number>;
    readonly faults: (...rules: readonly object[]) => Promise<Readonly<Record<string, string>>>;
  }) => Promise<void>,
): Promise<void> {
  const fixture = await createFixture(ONE);
  try {
    await work({
      fixture,
      up: (env) => fixture.up(env),
      calls: async (command) =>
        (await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8"))
          .split("\n")
          .filter((line) => line.includes(`["${command}"`)).length,
      faults: async (...rules) => {
        const file = join(fixture.folder, "faults.json");
        await writeFile(file, JSON.stringify({ rules }));
        return { VM_AGENT_SANDBOX_FAULTS: file };
      },
    });
  } finally {
    await fixture.close();
  }
}

const view = async (up: Up): Promise<AgentView | undefined> =>
  (await up.api.get<FleetView>("/fleet")).agents.find((agent) => agent.name === NAME);

const asWritten = (up: Up) =>
  until(
    "it is in sync",
    async () => {
      const agent = await view(up);
      return agent?.sync === "Synced" && agent.health === "Healthy" && !agent.work;
    },
    90_000,
  );

describe("what the daemon leaves behind", { concurrency: 2 }, () => {
  it("a launch that timed out left an instance: held while it is Unknown, adopted once it comes up, never made twice or removed", () =>
    world(async ({ up, calls, faults, fixture }) => {
      const running = await up(
        await faults({ command: "launch", fault: "timeout-leaves-instance", times: 1 }),
      );
      await until("it is held", async () => (await view(running))?.held[0], 60_000);
      assert.equal((await fixture.states())[NAME], "Unknown");
      // The way out of a lasting Unknown, by a person: an orderly stop would block the daemon for five minutes.
      assert.equal((await fixture.multipass("stop", "--force", NAME)).code, 0);
      assert.equal((await fixture.multipass("start", NAME)).code, 0);
      await asWritten(running);
      assert.deepEqual([await calls("launch"), await calls("delete")], [1, 0]);
      const task = await fixture.cli("task", NAME, '{"type":"exec","command":"echo alive"}');
      assert.equal(task.stdout, "alive\n", task.stderr);
    }));

  it("ours, deleted by hand and not purged: it is recovered with its disk", () =>
    world(async ({ up, calls, fixture }) => {
      const running = await up();
      await asWritten(running);
      const mark = ["exec", NAME, "--", "sh", "-c", "echo kept > ~/mark; sync"];
      assert.equal((await fixture.multipass(...mark)).code, 0);
      assert.equal((await fixture.multipass("delete", NAME)).code, 0);
      await until("it runs again", async () => (await fixture.states())[NAME] === "Running", 60_000);
      await asWritten(running);
      assert.equal((await fixture.multipass("exec", NAME, "--", "sh", "-c", "cat ~/mark")).stdout, "kept\n");
      assert.equal(await calls("launch"), 1);
    }));

  it("a stranger's, deleted and not purged, holds the name: it is held with the way out and stays deleted", () =>
    world(async ({ up, calls, fixture }) => {
      assert.equal((await fixture.multipass("launch", "--name", NAME)).code, 0);
      assert.equal((await fixture.multipass("delete", NAME)).code, 0);
      const running = await up();
      const held = await until("it is held", async () => (await view(running))?.held[0], 60_000);
      assert.match(`${held.message} ${held.release}`, /purge|recover|import|another name/);
      await fixture.cli("reconcile");
      assert.equal((await fixture.states())[NAME], "Deleted");
      assert.deepEqual([await calls("recover"), await calls("launch")], [0, 1]);
      assert.equal((await fixture.multipass("delete", "--purge", NAME)).code, 0);
      await asWritten(running);
      assert.equal(await calls("launch"), 2);
    }));
});
