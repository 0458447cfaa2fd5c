/** A credential outlives neither its instance nor its document, and nothing but both. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Loop } from "./loop.ts";
import { type Scene, createScene } from "./simulation/scene.ts";

async function looked(scene: Scene): Promise<void> {
  const loop = new Loop(scene.deps);
  loop.start();
  await scene.clock.until("two looks", () => loop.turns >= 2);
  await loop.stop();
}

test("an instance that vanished without a document takes its credential along", async () => {
  const scene = await createScene([{ name: "kept" }]);
  await scene.running({ name: "kept" });
  await scene.running({ name: "gone" });
  scene.world.erase("gone");
  await looked(scene);
  assert.deepEqual([...scene.port.memory.credentials.keys()], ["kept"]);
  assert.equal(scene.claim("gone"), undefined);
});

test("one that was forgotten just before a crash is found by the next controller", async () => {
  const scene = await createScene([{ name: "kept" }]);
  await scene.running({ name: "kept" });
  await scene.port.enrol("gone", "n");
  await looked(scene);
  assert.deepEqual([...scene.port.memory.credentials.keys()], ["kept"]);
});

test("a declared name whose instance has another name has no owner", async () => {
  const scene = await createScene([{ name: "new", previousName: "old" }]);
  await scene.running({ name: "old" });
  await scene.port.enrol("new", "n");
  await looked(scene);
  assert.deepEqual([...scene.port.memory.credentials.keys()], ["old"]);
});

test("while its instance is there, while a document wants it, or while the files prove nothing, it stays", async () => {
  const scene = await createScene([{ name: "wanted", drift: "warn" }]);
  await scene.running({ name: "wanted" });
  await scene.running({ name: "there" });
  scene.world.erase("wanted");
  await scene.port.enrol("gone", "n");
  scene.desired = { ...scene.desired, guard: { reason: "invalid", message: "a file is broken" } };
  await looked(scene);
  assert.deepEqual([...scene.port.memory.credentials.keys()].sort(), ["gone", "there", "wanted"]);
});
