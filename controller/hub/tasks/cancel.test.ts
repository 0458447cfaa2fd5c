/** A cancel that the runtime does not confirm: the state says what is known, and a later word is recorded, not applied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { connected, startHub, until } from "../testing/hub.ts";

test("a runtime that is there and ignores a cancel: the task is lost, and what it says later changes nothing", async () => {
  const store = createMemoryStore();
  const { hub, clock, stop } = await startHub(store, { cancelConfirm: 60_000 });
  try {
    const a = await connected(hub, "a");
    const spec = { type: "exec", command: "true", retries: 3 };
    const { task } = await hub.requests.submit("a", { spec, actor: "test", idempotencyKey: null });
    const given = await a.next("task");
    a.accept(given, "running");
    await until("it runs", () => hub.engine.get(task.id)?.state === "running");
    await hub.engine.cancel(task.id, "enough", "test");
    await a.next("cancel");
    clock.advance(30_000);
    a.send("health", {});
    await until("the heartbeat", () => hub.registry.get("a")?.lastHealthCheck === clock.now());
    assert.equal(hub.engine.get(task.id)?.state, "running");
    clock.advance(31_000);
    await until("its end", () => hub.engine.get(task.id)?.finishedAt);
    const lost = hub.engine.get(task.id);
    assert.deepEqual([lost?.state, lost?.cancelReason, lost?.epoch], ["lost", "enough", 1]);
    assert.match(lost?.error ?? "", /did not confirm within 60000 ms/);
    a.answer(given);
    await until("the late answer", () =>
      store.audit
        .list(0, 100)
        .some(({ action, subject }) => action === "task.late-answer" && subject === task.id),
    );
    assert.equal(hub.engine.get(task.id)?.state, "lost");
    // The next one is not held up by it.
    await hub.requests.submit("a", { spec, actor: "test", idempotencyKey: null });
    await a.next("task");
  } finally {
    await stop();
  }
});
