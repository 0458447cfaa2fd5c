/** One runtime that floods the hub: it is read more slowly, and everybody else is served. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openStore } from "../store/sqlite.ts";
import { LIMITS } from "./limits.ts";
import { connected, startHub, type TestRuntime, until } from "./testing.ts";
import { Throttle } from "./throttle.ts";

const limits = { framesPerSecond: 1000, frameBytesPerSecond: 1_000_000, frameCredit: 500 };

test("a connection may be ahead by its credit, pays for every frame and byte, and earns by time", () => {
  const throttle = new Throttle();
  for (let i = 0; i < 500; i++) assert.equal(throttle.take(0, 10_000, limits), 0, `frame ${i}`);
  assert.ok(Math.abs(throttle.take(0, 10_000, limits) - 1) < 1e-6);
  assert.ok(Math.abs(throttle.take(100_000, 10_000, limits) - 102) < 1e-6, "100 kB are 100 ms more");
  assert.equal(throttle.take(0, 10_200, limits), 0, "time pays");
  assert.equal(throttle.take(500_000 - 1000, 20_000, limits), 0, "the credit is full again");
  assert.ok(throttle.take(10_000, 20_000, limits) > 0, "and no fuller than it was");
});

test("the largest frame and a burst of output pass without a pause", () => {
  const throttle = new Throttle();
  assert.equal(throttle.take(LIMITS.maxFrameBytes, 1e6, LIMITS), 0);
  for (let i = 0; i < 1000; i++) assert.equal(throttle.take(16_384, 1e6, LIMITS), 0);
});

const OTHERS = 20;
const TASKS = 5;
const FLOOD = 20_000;

for (const [what, flood] of [
  ["log", (runtime: TestRuntime) => runtime.send("log", { lines: [] })],
  ["response", (runtime: TestRuntime) => runtime.send("response", { taskId: "no-such", success: true })],
  ["note, for another agent,", (runtime: TestRuntime) => runtime.send("note", { text: "x" }, "agent-1")],
] as const) {
  test(`while one runtime floods frames of type ${what} the tasks of ${OTHERS} others finish`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "vm-agent-throttle-"));
    const store = openStore(join(folder, "vm-agent.db"));
    // Low, so that the flood is far beyond it on any machine.
    const { hub, stop } = await startHub(store, { framesPerSecond: 1000, frameCredit: 200 });
    const names = Array.from({ length: OTHERS }, (_, i) => `agent-${i}`);
    const others = await Promise.all(names.map((name) => connected(hub, name)));
    const flooder = await connected(hub, "flooder");
    t.after(async () => {
      for (const runtime of [...others, flooder]) runtime.drop();
      await stop();
      await store.close();
      rmSync(folder, { recursive: true });
    });
    const heard = () => hub.agent("flooder").stats.messagesSent;
    for (let sent = 0; sent < FLOOD; sent++) flood(flooder);
    await until("the first of the flood", () => heard() > 100);

    const works = async (runtime: TestRuntime) => {
      for (let n = 0; n < TASKS; n++) {
        const spec = { type: "exec", command: "true" };
        const { task } = await hub.requests.submit(runtime.name, {
          spec,
          actor: "operator",
          idempotencyKey: null,
        });
        const given = await runtime.next("task");
        runtime.accept(given);
        runtime.answer(given);
        await until(
          `a task of ${runtime.name}`,
          () => hub.engine.get(task.id)?.state === "succeeded",
          60_000,
        );
      }
    };
    await Promise.all(others.map(works));
    const then = heard();
    assert.ok(then < FLOOD, `${then} of ${FLOOD} frames of the flood were read before the others were done`);
    assert.equal(flooder.closed, null, "it is slowed down, not cut off");
    await until("more of the flood", () => heard() > then, 60_000);
  });
}
