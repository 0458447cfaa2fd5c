/** A watcher that reports nothing: every command that writes a fleet file has the loop read it before it returns. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { readSettings } from "../../base/env.ts";
import { fleetOrders } from "../../cli/system/fleet-orders.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { type Fixture, type Up, createFixture, until } from "../support/harness.ts";

/** chokidar's own variables: it looks at the files once in an hour. */
const LATE = { CHOKIDAR_USEPOLLING: "1", CHOKIDAR_INTERVAL: "3600000" };

let fixture: Fixture;
let up: Up;
const agent = async (name: string) =>
  (await up.api.get<FleetView>("/fleet")).agents.find((a) => a.name === name);
const done = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await fixture.cli(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
};

before(async () => {
  fixture = await createFixture({ "agents/builder.yaml": BUILDER, "fleet.yaml": settings() });
  up = await fixture.up(LATE);
  await until("it is in sync", async () => (await agent("agent-builder"))?.sync === "Synced", 120_000);
});
after(async () => {
  await up?.end();
  await fixture.close();
});

test("pause and resume", async () => {
  assert.match(await done("pause", "agent-builder"), /The running loop has read it\./);
  assert.equal((await agent("agent-builder"))?.sync, "Paused");
  await done("resume", "agent-builder");
  assert.notEqual((await agent("agent-builder"))?.sync, "Paused");
});

test("start, stop, create, destroy", async () => {
  await done("stop", "agent-builder");
  assert.equal((await fixture.states())["agent-builder"], "Stopped");
  await done("create", "agent-more", "--cpu", "1", "--memory", "256M", "--disk", "1G");
  await done("destroy", "agent-more", "--force");
  assert.equal((await fixture.states())["agent-more"], undefined);
});

test("import", async () => {
  const launched = await fixture.multipass("launch", "--name", "pet", "--memory", "512M", "--disk", "3G");
  assert.equal(launched.code, 0, launched.stderr);
  await done("import", "pet", "--yes");
  assert.notEqual(await agent("pet"), undefined);
});

test("edits from a dashboard", async () => {
  const orders = fleetOrders({
    settings: readSettings({}, fixture.env, fixture.folder),
    look: { color: false, width: 80 },
    api: up.api,
    executable: () => Promise.reject(new Error("not needed")),
  });
  await orders.paused(["agent-builder"], true);
  assert.equal((await agent("agent-builder"))?.sync, "Paused");
  await orders.paused(["agent-builder"], false);
  await orders.state(["agent-builder"], "running");
  assert.equal((await agent("agent-builder"))?.wanted, "running");
  await orders.snapshot(["agent-builder"], "before");
  await until("it is planned or held", async () => JSON.stringify(await up.api.getPlan()).includes("before"));
  await orders.destroy("agent-builder");
});
