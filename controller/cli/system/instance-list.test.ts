/** The early look is taken only where the driver is certain, and counts only for the program that was asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readSettings } from "../../base/env.ts";
import { createBus } from "../../base/events.ts";
import type { Claim } from "../../core/types.ts";
import type { Selection } from "../../drivers/select.ts";
import type { ObserveDeps } from "../../observe/observe.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { type InstanceList, listInstances, withListed } from "./instance-list.ts";

const settings = readSettings({}, {}, "/nowhere");
const bus = createBus(Date.now);

test("without a driver that is asked for and without claims, the fleet has a say: nothing is begun", async () => {
  assert.equal(await listInstances(settings, null, createMemoryStore, bus), null);
  assert.equal(await listInstances({ ...settings, driver: "auto" }, null, createMemoryStore, bus), null);
});

test("an unusable driver is reported by the command that needs it", async () => {
  const broken = () => {
    throw new Error("the store cannot be read");
  };
  assert.equal(await listInstances({ ...settings, driver: "sandbox" }, null, broken, bus), null);
});

test("the sandbox that is asked for is looked at, with the claims as they were before", async () => {
  const commands: string[] = [];
  const heard = createBus(Date.now);
  heard.on("command", ({ argv }) => void commands.push(argv.join(" ")));
  const asked = { ...settings, driver: "sandbox" as const, home: "/nowhere" };
  const early = await listInstances(asked, null, createMemoryStore, heard);
  assert.equal(early?.selection.kind, "sandbox");
  assert.deepEqual(early?.claims, []);
  await early?.seen;
  assert.deepEqual(commands, ["multipass list --no-ipv4 --format json"]);
});

test("what was seen early counts for the same program only", async () => {
  const list = async () => ({ kind: "unobservable" as const, reason: "asked again", next: "" });
  const deps = { driver: { list }, store: createMemoryStore() } as unknown as ObserveDeps;
  const selection = { executable: { file: "/bin/a", args: [] } } as unknown as Selection;
  const other = { executable: { file: "/bin/b", args: [] } } as unknown as Selection;
  const claims = [{ name: "agent-a" }] as unknown as readonly Claim[];
  const early: InstanceList = { selection, claims, seen: Promise.resolve({ kind: "seen", instances: [] }) };

  const same = withListed(deps, early, { ...selection });
  assert.equal((await same.driver.list()).kind, "seen");
  assert.equal(same.store.claims.list(), claims);
  for (const unchanged of [withListed(deps, early, other), withListed(deps, null, selection)]) {
    assert.equal((await unchanged.driver.list()).kind, "unobservable");
    assert.deepEqual(unchanged.store.claims.list(), []);
  }
});
