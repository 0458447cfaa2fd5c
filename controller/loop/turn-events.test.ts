/** The events of a turn: drift of agents without a change in flight. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "../base/events.ts";
import type { Change, Held, Turn } from "../core/types.ts";
import { edit, settle, start } from "./simulation/running-loop.ts";
import { createTurnEvents, driftOf } from "./turn-events.ts";

test("an instance that we stopped ourselves has not drifted", () => {
  const change = { agent: "a", cause: "drift", why: ["drift: it is Stopped"] } as unknown as Change;
  const plan = { changes: [change], held: [] } as unknown as Turn["plan"];
  assert.deepEqual([...driftOf({ plan })], [["a", "it is Stopped"]]);
  assert.deepEqual([...driftOf({ plan, busy: new Set(["b"]) })], [["a", "it is Stopped"]]);
  assert.deepEqual([...driftOf({ plan, busy: new Set(["a"]) })], []);
});

test("a hold is reported once, and an approved change is not reported as held", () => {
  const bus = createBus(() => 0);
  const reported: string[] = [];
  bus.on("agent.held", ({ agent }) => void reported.push(agent));
  const held = ["a", "b"].map((agent) => ({ agent, reason: "prune-off", message: "", release: "" }));
  const plan = { changes: [], held, counts: { create: 0, change: 0, destroy: 0, held: 2 } };
  const turn = { plan, observed: { instances: { kind: "seen" } } } as unknown as Turn;
  let given = "a";
  const events = createTurnEvents(bus, ({ agent }: Held) => agent === given);
  events.planned(turn);
  events.planned(turn);
  assert.deepEqual(reported, ["b"]);
  given = "";
  events.planned(turn);
  assert.deepEqual(reported, ["b", "a"], "a yes that is over releases nothing");
});

for (const launch of ["succeeds", "fails first"] as const)
  test(`a vanished instance is announced as drifted once, and again when it vanishes again: its launch ${launch}`, async () => {
    const agents = [{ name: "a" }];
    const scene = await start(agents);
    await scene.running({ name: "a" });
    edit(scene, agents);
    const drifted = () =>
      scene.events
        .filter((e) => e.name === "agent.drifted")
        .map((e) => (e.data as { readonly message: string }).message);
    scene.loop.start();
    await settle(scene);
    assert.deepEqual(drifted(), []);
    for (const times of [1, 2]) {
      if (launch === "fails first") scene.faults.set("launch", ["refuse"]);
      scene.world.erase("a");
      scene.loop.wake();
      await scene.clock.until("it is announced", () => drifted().length >= times);
      await scene.clock.until("it runs again", () => scene.world.get("a")?.state === "Running", 3_600_000);
      await settle(scene, 3_600_000);
      assert.deepEqual(drifted(), Array(times).fill("its instance is gone"));
    }
    await scene.loop.stop();
  });
