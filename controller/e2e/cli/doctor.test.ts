/** `vm-agent doctor` beside a hub that runs: the ports are its own, its agents are connected, and nothing is changed by looking. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { createFixture, until } from "../support/harness.ts";

interface Report {
  readonly ok: boolean;
  readonly findings: readonly { readonly check: string; readonly level: string; readonly found: string }[];
}

test("with a hub, and after it was killed", async () => {
  const f = await createFixture({ "builder.yaml": BUILDER, "fleet.yaml": settings() });
  try {
    const up = await f.up();
    await until("the agent is in sync", async () => {
      const view = await up.api.get<FleetView>("/fleet");
      return view.agents[0]?.sync === "Synced" && view.agents[0].health === "Healthy" && view.settled;
    });
    const calls = async () =>
      (await readFile(join(f.home, "sandbox", "calls.jsonl"), "utf8"))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => (JSON.parse(line) as { readonly argv: readonly string[] }).argv[0] ?? "");
    const before = (await calls()).length;
    const examine = async (code: number): Promise<(check: string) => string> => {
      const result = await f.cli("doctor", "--json");
      assert.equal(result.code, code, result.stdout + result.stderr);
      const report = JSON.parse(result.stdout) as Report;
      assert.equal(report.ok, code === 0);
      return (check) =>
        report.findings
          .filter((x) => x.check === check)
          .map((x) => `${x.level}: ${x.found}`)
          .join("\n");
    };
    const found = await examine(0);
    assert.match(
      found("ports"),
      new RegExp(`^good: the hub runs \\(pid ${up.process.pid}\\): agents ws://127`),
    );
    assert.match(found("hub"), /^good: the hub of this fleet runs since/);
    assert.equal(found("reach"), "good: 1 of 1 running instances are connected to the hub");
    assert.match(found("database"), /^good: the database opens .* 1 instance claimed/);
    assert.equal(found("instances"), "good: 1 instance of ours, no name is taken");
    assert.match(found("room"), /^good: all agents have their instances/);
    // Ours, and the list of the loop beside us.
    assert.deepEqual([...new Set((await calls()).slice(before))].sort(), ["list", "version"]);

    await up.end("SIGKILL");
    const after = await examine(0);
    assert.match(after("hub"), /^good: no hub runs; the last one was killed/);
    assert.match(after("ports"), /^good: ports \d+, \d+, \d+ are free$/);
  } finally {
    await f.close();
  }
});
