import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "./events.ts";

test("listeners of one event and of any event hear it in the order of their subscription, and no other", () => {
  const bus = createBus(() => 7);
  const heard: string[] = [];
  bus.on("observed", ({ instances }, at) => heard.push(`first ${instances} at ${at}`));
  bus.onAny(({ name }) => heard.push(`any ${name}`));
  bus.on("observed", () => heard.push("second"));
  bus.on("reconciled", () => heard.push("other"));
  bus.emit("observed", { instances: 3, durationMs: 0, reason: null });
  assert.deepEqual(heard, ["first 3 at 7", "any observed", "second"]);
});

test("a released subscription hears nothing more, and each subscription is released by itself", () => {
  const bus = createBus(Date.now);
  let heard = 0;
  const listener = () => {
    heard += 1;
  };
  const offs = [bus.on("fleet.read", listener), bus.on("fleet.read", listener), bus.onAny(listener)];
  const emit = () => bus.emit("fleet.read", { hash: "", revision: null, agents: 0, errors: [] });
  emit();
  assert.equal(heard, 3);
  assert.equal(bus.listenerCount(), 3);
  for (const [released, off] of offs.entries()) {
    off();
    off();
    assert.equal(bus.listenerCount(), 2 - released);
  }
  emit();
  assert.equal(heard, 3);
});

test("a listener that throws keeps the event from no other", () => {
  const errors: unknown[] = [];
  const bus = createBus(Date.now, (error) => errors.push(error));
  const heard: string[] = [];
  bus.on("runtime.configured", () => {
    throw new Error("broken");
  });
  bus.on("runtime.configured", ({ agent }) => heard.push(agent));
  bus.emit("runtime.configured", { agent: "a" });
  assert.deepEqual(heard, ["a"]);
  assert.match(String(errors), /broken/);
});
