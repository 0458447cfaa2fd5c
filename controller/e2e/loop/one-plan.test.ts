/** One plan: `plan`, `apply`, `drift` and the loop agree on what is held, and none takes the loop's own work for a difference. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Plan } from "../../core/types.ts";
import type { FleetView } from "../../../ui/client/types.ts";
import { settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

const LONG = 120_000;
const agent = (more = "") => `kind: Agent\nname: agent-one\ncpu: 1\nmemory: 256M\ndisk: 1G\n${more}`;
const SECRET = "secrets: {TOKEN: {fromEnv: NOT_SET_ANYWHERE}}\n";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("one plan", { timeout: 400_000 }, () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings(), "one.yaml": agent(SECRET) });
  });
  after(() => fixture.close());

  it("a secret that cannot be read is held in plan and apply alike, before and after", async () => {
    const first = await fixture.cli("plan");
    assert.match(first.stdout, /secret TOKEN of agent-one/);
    assert.match(first.stdout, /Plan: 1 to create, .*1 held\./);
    const applied = await fixture.cli("apply", "--yes");
    assert.equal(applied.code, 3, applied.stdout + applied.stderr);
    assert.match(applied.stdout, /Applied 1 of 1 changes, 1 held\./);
    const again = await fixture.cli("plan", "--detailed-exitcode");
    assert.deepEqual(
      [again.code, /Plan: 0 to create, .*1 held\./.test(again.stdout)],
      [3, true],
      again.stdout,
    );
    const set = await fixture.cliWith({ NOT_SET_ANYWHERE: "x" }, "plan", "--json");
    assert.equal((JSON.parse(set.stdout) as Plan).counts.held, 0);
  });

  it("drift and plan do not report an instance that the loop itself stopped for a snapshot", async () => {
    await fixture.write("one.yaml", agent());
    const faults = join(fixture.folder, "faults.json");
    await writeFile(faults, JSON.stringify({ rules: [{ command: "snapshot", fault: "slow", ms: 8000 }] }));
    const up = await fixture.up({ VM_AGENT_SANDBOX_FAULTS: faults });
    const view = async () =>
      (await up.api.get<FleetView>("/fleet")).agents.find((a) => a.name === "agent-one");
    await until("it is in sync", async () => (await view())?.health === "Healthy", LONG);
    await fixture.write("clean.yaml", "kind: Snapshot\nname: clean\nagent: agent-one\n");
    await until("it is stopped", async () => (await fixture.states())["agent-one"] === "Stopped", LONG);
    const rounds: { code: number; text: string }[] = [];
    do {
      const { code, stdout, stderr } = await fixture.cli("drift");
      rounds.push({ code, text: stdout + stderr });
      const { changes, held } = JSON.parse((await fixture.cli("plan", "--json")).stdout) as Plan;
      assert.deepEqual(
        [...changes, ...held.flatMap((h) => h.would ?? [])].filter((c) => c.cause === "drift"),
        [],
      );
    } while ((await view())?.snapshots?.includes("clean") !== true);
    for (const { code, text } of rounds) assert.equal(code, 0, text);
    await until("it is in sync", async () => (await view())?.sync === "Synced", LONG);
    await up.end();
  });

  it("after a change of the agent port, why and doctor say what list and status say", async () => {
    const first = await fixture.up({ VM_AGENT_WS_PORT: "0" });
    const view = async (up: Up) =>
      (await up.api.get<FleetView>("/fleet")).agents.find((a) => a.name === "agent-one");
    await until("it is in sync", async () => (await view(first))?.health === "Healthy", LONG);
    const port = JSON.parse(await readFile(join(fixture.home, "hub.json"), "utf8")).agent as string;
    await first.end();
    const other = await freePort();
    const up = await fixture.up({ VM_AGENT_WS_PORT: String(other), VM_AGENT_BOOT_GRACE: "1" });
    await until(
      "it is offline",
      async () => ["Offline", "Degraded"].includes((await view(up))?.health ?? ""),
      LONG,
    );
    const why = await fixture.cli("why", "agent-one");
    assert.doesNotMatch(why.stdout, /nothing to do/);
    assert.match(
      why.stdout.replaceAll(/\s+/g, " "),
      /its runtime is not well: it runs; its runtime is silent/,
    );
    const doctor = (await fixture.cli("doctor")).stdout.replaceAll(/\s+/g, " ");
    assert.match(
      doctor,
      new RegExp(`agent port is ${other}, and agent-one knows it at ${new URL(port).port}`),
    );
    await up.end();
  });
});
