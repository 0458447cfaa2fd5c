/** One runtime that floods the hub: it is read more slowly, and everybody else is served. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { LIMITS } from "../limits.ts";
import { connected, startHub, TestRuntime, until } from "../testing/hub.ts";
import { Throttle } from "./throttle.ts";

const limits = { framesPerSecond: 1000, frameBytesPerSecond: 1_000_000, frameCredit: 500 };

test("a connection may be ahead by its credit, pays for every frame and byte, and earns by time", () => {
  const throttle = new Throttle();
  for (let i = 0; i < 500; i++) assert.equal(throttle.take(0, 10_000, limits), 0, `frame ${i}`);
  assert.ok(Math.abs(throttle.take(0, 10_000, limits) - 1) < 1e-6);
  assert.ok(Math.abs(throttle.take(50_000, 10_000, limits) - 52) < 1e-6, "50 kB are 50 ms more");
  assert.ok(
    Math.abs(throttle.take(65_536 + 5000, 10_000, limits) - (53 + 65.536 + 20)) < 1e-6,
    "a large frame weighs more",
  );
  assert.equal(throttle.take(0, 10_200, limits), 0, "time pays");
  for (let i = 0; i < 10; i++)
    assert.equal(throttle.take(49_000, 20_000, limits), 0, "the credit is full again");
  assert.ok(throttle.take(10_000, 20_000, limits) > 0, "and no fuller than it was");
});

test("the largest frame and a burst of output pass without a pause", () => {
  assert.equal(new Throttle().take(LIMITS.maxFrameBytes, 1e6, LIMITS), 0);
  const throttle = new Throttle();
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

test("a new connection of the same agent does not begin with new credit", async () => {
  const store = createMemoryStore();
  const { hub, stop } = await startHub(store, { framesPerSecond: 1, frameCredit: 1000 });
  try {
    const first = await connected(hub, "agent-1");
    await until("it is ahead by far", () => {
      first.send("log", { lines: [] });
      return hub.agent("agent-1").stats.messagesSent > 5;
    });
    const { token } = await hub.joinAgain("agent-1");
    const again = TestRuntime.current(hub, "agent-1", token);
    await again.hello("nonce of agent-1");
    const { throttle } = hub.agent("agent-1");
    const wait = throttle.take(0, performance.now(), { ...LIMITS, framesPerSecond: 1, frameCredit: 1000 });
    assert.ok(wait > 1000, `${wait} ms`);
    first.drop();
    again.drop();
  } finally {
    await stop();
    await store.close();
  }
});
