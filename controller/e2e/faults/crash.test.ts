/** `kill -9` of `vm-agent up` while it creates three agents, between boundaries of steps too: a restart makes three agents, none twice, none left over. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { NAMES, THREE } from "../support/fleets.ts";
import { type Fixture, createFixture, until } from "../support/harness.ts";
import { killedInLaunch } from "../kill/in-launch.ts";
import { runtimesOf } from "../support/runtimes-of.ts";

/** Milliseconds after the start. VM_AGENT_TEST_MOMENTS: so many instead, from before the first look to after the last launch. */
const many = Number(process.env.VM_AGENT_TEST_MOMENTS ?? 0);
const MOMENTS =
  many > 0
    ? Array.from({ length: many }, (_, n) => 200 + Math.round((n * 1600) / many))
    : [300, 450, 600, 900, 1300];

describe("kill -9 while three agents are created", { concurrency: 2 }, () => {
  // Inside a launch, where Multipass goes on without us: not listed yet, and listed but not up.
  for (const phase of ["preparing", "unknown"]) {
    it(`while Multipass is in the phase "${phase}" of a launch`, async () => {
      const fixture = await createFixture(THREE);
      try {
        const sandbox = join(fixture.home, "sandbox");
        await mkdir(sandbox, { recursive: true });
        await writeFile(join(sandbox, "hold"), phase);
        const first = fixture.spawnUp();
        await until("a launch is under way", async () =>
          phase === "preparing"
            ? (await readdir(join(sandbox, "instances")).catch(() => [])).length > 0
            : Object.values(await fixture.states()).includes("Unknown"),
        );
        first.kill("SIGKILL");
        await once(first, "close");
        await startsAgain(fixture, () => rm(join(sandbox, "hold")));
      } finally {
        await rm(join(fixture.home, "sandbox", "hold"), { force: true });
        await fixture.close();
      }
    });
  }

  // Between the start of `multipass launch` and the end of what it reads: nothing may be launched with half of the user data.
  for (const bytes of [0, 20_000]) {
    it(`once ${bytes} bytes of a launch's user data are written`, async () => {
      const fixture = await createFixture(THREE);
      try {
        const child = fixture.spawnUp({ NODE_OPTIONS: `--import ${killedInLaunch(bytes)}` });
        const [, signal] = (await once(child, "close")) as [number | null, string | null];
        assert.equal(signal, "SIGKILL");
        await startsAgain(fixture);
      } finally {
        await fixture.close();
      }
    });
  }

  it("a launch that timed out and left an instance is adopted, not doubled", async () => {
    const fixture = await createFixture(THREE);
    try {
      // The guests come up after Multipass gave up on them, and stay Unknown to it.
      const env = { VM_AGENT_SANDBOX_SPEED: "0.03", VM_AGENT_LAUNCH_TIMEOUT: "2", VM_AGENT_BOOT_GRACE: "8" };
      await startsAgain(fixture, undefined, env);
    } finally {
      await fixture.close();
    }
  });

  // Between boundaries too: inside a launch, inside a commit, wherever the moment falls.
  for (const ms of MOMENTS) {
    it(`after ${ms} ms, wherever that is`, async () => {
      const fixture = await createFixture(THREE);
      try {
        const child = fixture.spawnUp();
        const timer = setTimeout(() => child.kill("SIGKILL"), ms);
        await once(child, "close");
        clearTimeout(timer);
        await startsAgain(fixture);
      } finally {
        await fixture.close();
      }
    });
  }
});

async function startsAgain(
  fixture: Fixture,
  then?: () => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const up = await fixture.up(env);
  try {
    await then?.();
    await until(
      "three agents are in sync",
      async () => {
        const { agents } = await up.api.get<FleetView>("/fleet");
        return (
          agents.length === 3 && agents.every((a) => a.sync === "Synced" && a.health === "Healthy" && !a.work)
        );
      },
      90_000,
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${up.output()}`);
    });
    assert.deepEqual(await fixture.states(), Object.fromEntries(NAMES.map((n) => [n, "Running"])));
    const plan = await fixture.cli("plan", "--detailed-exitcode");
    assert.equal(plan.code, 0, plan.stdout + plan.stderr);
    // One launch succeeded for each: what was on its way was adopted.
    const calls = (await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8")).trim().split("\n");
    const removed = calls.filter((line) => line.includes('"delete"'));
    assert.deepEqual(removed, [], "nothing was ever deleted");
    assert.equal((await runtimesOf(fixture.home)).length, 3, "one runtime for each");
  } finally {
    await up.end();
  }
}
