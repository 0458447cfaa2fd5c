/** An address says what is shown of the fleet, and what is shown is what it says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anAgent, drifted } from "../web/testing/fleet.ts";
import { chosenAgents, fleetQuery, parseFleetQuery, WHOLE_FLEET } from "./fleet-query.ts";
import type { HealthSample } from "./health.ts";

const sample = (cpu: number) => ({ at: 1, cpu, memory: 100 - cpu, disk: 1 }) as HealthSample;
const agents = [
  anAgent("a"),
  drifted("b"),
  anAgent("c", { health: "Degraded", sync: "Paused" }),
  anAgent("d", { failure: { message: "m", next: "n", count: 1, retryAt: null } }),
];
const health = { a: [sample(5)], b: [sample(90)], c: [sample(40)] };
const names = (query: string) => chosenAgents(agents, parseFleetQuery(query), health).map((a) => a.name);

test("an address is read and written alike; words that are not ours are as none", () => {
  const query = "?show=drifted&sync=OutOfSync&health=Offline&order=trouble&q=web+a%26b";
  assert.equal(fleetQuery(parseFleetQuery(query)), query);
  assert.equal(fleetQuery(WHOLE_FLEET), "");
  assert.deepEqual(parseFleetQuery("?show=x&sync=healthy&health=Synced&order=age"), WHOLE_FLEET);
  assert.deepEqual(parseFleetQuery("constructor=1&__proto__=2"), WHOLE_FLEET);
});

test("agents are chosen by both axes at once, and by text", () => {
  assert.deepEqual(names(""), ["a", "b", "c", "d"]);
  assert.deepEqual(names("sync=Synced"), ["a", "d"]);
  assert.deepEqual(names("health=Degraded"), ["c"]);
  assert.deepEqual(names("sync=Synced&health=Degraded"), []);
  assert.deepEqual(names("sync=OutOfSync&q=stopped"), ["b"]);
});

test("trouble, load or the last change comes first; of the same weight they stay as they were", () => {
  assert.deepEqual(names("order=trouble"), ["d", "b", "c", "a"]);
  assert.deepEqual(names("order=cpu"), ["b", "c", "a", "d"]);
  assert.deepEqual(names("order=memory"), ["a", "c", "b", "d"]);
  assert.equal(names("order=changed")[0], "b");
});
