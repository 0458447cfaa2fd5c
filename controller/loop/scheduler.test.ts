/** News of runtimes while every slot is taken: one look for many, and none is forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Loop } from "./loop.ts";
import { type Scene, createScene } from "./simulation/scene.ts";
import { FULL_GAP_MS, TURN_GAP_MS } from "./scheduler.ts";

/** What runs is let run to its end, whatever the test came to: nothing else would wake it. */
const ended = (loop: Loop, scene: Scene) => Promise.all([loop.stop(), scene.clock.advance(600_000)]);
const online = { agent: "c", version: "1" };

test("while every slot is taken, the news that runtimes are there costs one look, within FULL_GAP_MS", async (t) => {
  const scene = await createScene([{ name: "a" }, { name: "b" }], { parallelism: 1 });
  const loop = new Loop(scene.deps);
  t.after(() => ended(loop, scene));
  loop.start();
  await scene.clock.until("the only slot is taken", () => loop.queue.size === 1);
  await scene.clock.advance(2 * TURN_GAP_MS);
  assert.equal(loop.queue.size, 1, "the launch takes longer than that");
  const before = loop.turns;
  for (let i = 0; i < 8; i++) {
    scene.bus.emit("runtime.online", online);
    await scene.clock.advance(TURN_GAP_MS);
  }
  assert.equal(loop.turns, before, "nothing could have been begun");
  await scene.clock.advance(FULL_GAP_MS);
  assert.equal(loop.queue.size, 1);
  assert.equal(loop.turns, before + 1, "once for all of them");
  await scene.clock.until("both run", () => scene.calls.length === 2 && loop.queue.size === 0);
  assert.deepEqual(scene.calls, ["launch a", "launch b"]);
});

test("with a free slot, and of what was lost, the loop looks at once", async (t) => {
  const scene = await createScene([{ name: "a" }, { name: "b" }], { parallelism: 3 });
  const loop = new Loop(scene.deps);
  t.after(() => ended(loop, scene));
  loop.start();
  await scene.clock.until("two of three slots are taken", () => loop.queue.size === 2);
  await scene.clock.advance(4 * TURN_GAP_MS);
  const before = loop.turns;
  scene.bus.emit("runtime.online", online);
  await scene.clock.advance(2 * TURN_GAP_MS);
  assert.equal(loop.turns, before + 1);
  scene.write([{ name: "a" }, { name: "b" }], { parallelism: 2 });
  scene.bus.emit("runtime.offline", { agent: "c", reason: "gone", expected: false });
  await scene.clock.advance(2 * TURN_GAP_MS);
  assert.equal(loop.turns, before + 2);
});
