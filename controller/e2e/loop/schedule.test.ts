/** A schedule through the whole program: a run that was due while nothing ran is made up for once, however many were missed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { scheduleKey } from "../../store/keys.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { settings } from "../support/fleets.ts";
import { createFixture, until } from "../support/harness.ts";

const DAY_MS = 86_400_000;
const AGENT = "kind: Agent\nname: one\ncpu: 1\nmemory: 256M\ndisk: 1G\n";
/** Once a year, so that no run falls due by itself while the test runs. */
const SNAPSHOT = 'kind: Snapshot\nname: clean\nagent: one\nschedule: "0 0 1 1 *"\nkeep: 3\n';

test("runs that were missed while nothing ran are made up for by one snapshot, and the instance runs again", async (t) => {
  const fixture = await createFixture({
    "fleet.yaml": settings(),
    "one.yaml": AGENT,
    "clean.yaml": SNAPSHOT,
  });
  t.after(() => fixture.close());
  const env = { TZ: "UTC" };
  const database = join(fixture.home, "vm-agent.db");
  const key = scheduleKey("one", "clean");
  const snapshots = async () => {
    const { stdout } = await fixture.multipass("list", "--snapshots", "--format", "json");
    const { info } = JSON.parse(stdout) as { info: Record<string, Record<string, unknown>> };
    return Object.keys(info.one ?? {});
  };
  const row = async () => {
    const store = openStore(database, { readOnly: true });
    const value = store.kv.get(key) as { readonly since: number } | undefined;
    await store.close();
    return value;
  };

  let up = await fixture.up(env);
  await until("the schedule is noted", row);
  assert.deepEqual(await snapshots(), [], "a schedule that is new has missed nothing");
  await up.end();

  const store = openStore(database);
  const noted = store.kv.get(key) as { readonly since: number };
  await store.kv.put(key, { ...noted, since: noted.since - 3 * 366 * DAY_MS });
  await store.close();
  const year = new Date().getUTCFullYear();

  up = await fixture.up(env);
  await until("it is taken", async () => (await snapshots()).length > 0);
  await until("all is in sync", async () => {
    const { agents } = await up.api.getFleet();
    return agents[0]?.sync === "Synced" && agents[0].seen === "Running" && !agents[0].work;
  });
  await up.end();
  up = await fixture.up(env);
  await until("two more looks", async () => (await up.api.getFleet()).turns >= 2);
  const taken = await snapshots();
  assert.equal(taken.length, 1, taken.join());
  assert.match(taken[0] ?? "", new RegExp(`^clean-(${year}|${year - 1})0101-0000$`));
  await up.end();
});
