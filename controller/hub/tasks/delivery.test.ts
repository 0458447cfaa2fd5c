/** Tasks between hub and runtime over real sockets: order, redelivery, epochs, cancel, timeouts, restarts. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store, TaskRecord } from "../../store/store.ts";
import type { Payload } from "../runtimes/frames.ts";
import { aConfig, connected, startHub, type TestHub, TestRuntime, until } from "../testing/hub.ts";

let folder: string;
let store: Store;
let test: TestHub;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "vm-agent-delivery-"));
  store = openStore(join(folder, "vm-agent.db"));
  test = await startHub(store);
});
afterEach(async () => {
  await test.stop();
  await store.close();
  rmSync(folder, { recursive: true });
});

const exec = (more: Payload = {}): Payload => ({ type: "exec", command: "echo hi", ...more });

async function give(agent: string, spec = exec(), idempotencyKey: string | null = null): Promise<TaskRecord> {
  return (await test.hub.requests.submit(agent, { spec, actor: "operator", idempotencyKey })).task;
}

const reaches = (id: string, state: string) =>
  until(
    `${id} to be ${state}, is ${test.hub.engine.get(id)?.state}`,
    () => test.hub.engine.get(id)?.state === state,
  );

/** Comes back with the credential that `connected` confirmed; a fresh enrolment is the simplest way to it. */
async function comeBack(name: string, tasks: readonly Payload[] = []): Promise<TestRuntime> {
  const token = await test.hub.enrol(name, `nonce of ${name}`);
  const runtime = TestRuntime.current(test.hub, name, token);
  await runtime.hello(`nonce of ${name}`, { configHash: "config-1", tasks });
  return runtime;
}

describe("a task", () => {
  it("is delivered, journaled, run, answered, and its answer acknowledged when it is on disk", async () => {
    const runtime = await connected(test.hub, "a");
    const { id, state } = await give("a", exec({ idempotencyKey: "inside" }));
    assert.equal(state, "sent");
    const task = await runtime.next("task");
    assert.deepEqual(task.payload, { taskId: id, epoch: 1, type: "exec", command: "echo hi" });
    runtime.accept(task);
    runtime.accept(task, "running");
    await reaches(id, "running");
    runtime.print(task, 1, "out");
    runtime.answer(task);
    assert.deepEqual((await runtime.next("ack")).payload, { taskId: id, epoch: 1, stored: true });
    const stored = store.tasks.get(id);
    assert.equal(stored?.state, "succeeded");
    assert.equal(stored?.exitCode, 0);
    assert.equal(stored?.result?.stdout, "out");
    assert.deepEqual(
      store.tasks.output(id, -1).map((c) => c.data),
      ["out"],
    );
  });

  it("waits while the agent is busy, in order, as many at once as the document says", async () => {
    const runtime = await connected(test.hub, "a", { tasks: { concurrency: 2, sudo: false, user: "u" } });
    const given: TaskRecord[] = [];
    for (let i = 0; i < 4; i++) given.push(await give("a", exec({ command: `echo ${i}` })));
    assert.deepEqual(
      given.map((t) => t.state),
      ["sent", "sent", "queued", "queued"],
    );
    const first = await runtime.next("task");
    await runtime.next("task");
    runtime.answer(first);
    assert.equal((await runtime.next("task")).payload.taskId, given[2]?.id);
    assert.equal(test.hub.engine.get(given[3]?.id ?? "")?.state, "queued");
  });

  it("waits for an offline agent, and is expired after its queue timeout", async () => {
    await test.hub.enrol("a", "nonce of a");
    test.hub.configure("a", aConfig());
    const waiting = await give("a");
    const impatient = await give("a", exec({ timeouts: { queue: 1000 } }));
    assert.equal(waiting.state, "queued");
    test.clock.advance(2000);
    await reaches(impatient.id, "expired");
    const runtime = await comeBack("a");
    assert.equal((await runtime.next("task")).payload.taskId, waiting.id);
  });

  it("whose failure may be retried is run again under a new epoch, and the old epoch's answer changes nothing", async () => {
    const runtime = await connected(test.hub, "a");
    const { id } = await give("a", exec({ retries: 1 }));
    const first = await runtime.next("task");
    const failure = { success: false, result: { exitCode: 1, stdout: "", stderr: "no" } };
    runtime.answer(first, failure);
    const second = await runtime.next("task");
    assert.equal(second.payload.epoch, 2);
    runtime.answer(first);
    await until("the late answer", () => test.hub.engine.lateAnswers === 1);
    assert.equal(test.hub.engine.get(id)?.state, "sent");
    runtime.answer(second, failure);
    await reaches(id, "failed");
    assert.ok(store.audit.list(0, 100).some((e) => e.action === "task.late-answer" && e.subject === id));
  });

  it("cannot be answered by another agent", async () => {
    const runtime = await connected(test.hub, "a");
    const thief = await connected(test.hub, "b");
    const { id } = await give("a");
    const task = await runtime.next("task");
    thief.answer(task, { result: { stdout: "stolen", exitCode: 0 } });
    await until("the late answer", () => test.hub.engine.lateAnswers === 1);
    assert.equal(test.hub.engine.get(id)?.state, "sent");
  });

  it("ends by a cancel: at once when queued, else when the runtime confirms", async () => {
    const runtime = await connected(test.hub, "a");
    const running = await give("a");
    const queued = await give("a");
    const task = await runtime.next("task");
    assert.equal((await test.hub.engine.cancel(queued.id, "not needed", "operator"))?.state, "cancelled");
    assert.equal((await test.hub.engine.cancel(running.id, "enough", "operator"))?.state, "sent");
    assert.equal((await runtime.next("cancel")).payload.reason, "enough");
    runtime.answer(task, { success: false, result: { cancelled: true, exitCode: null } });
    await reaches(running.id, "cancelled");
    assert.equal((await test.hub.engine.cancel(running.id, "again", "operator"))?.state, "cancelled");
  });

  it("that is never started, or that runs over its time without an answer, is ended here", async () => {
    const runtime = await connected(test.hub, "a", { tasks: { concurrency: 2, sudo: false, user: "u" } });
    const idle = await give("a", exec({ timeouts: { start: 1000 } }));
    const long = await give("a", exec({ timeout: 5000 }));
    await runtime.next("task");
    runtime.accept(await runtime.next("task"), "running");
    await reaches(long.id, "running");
    test.clock.advance(2000);
    await reaches(idle.id, "expired");
    assert.equal((await runtime.next("cancel")).payload.taskId, idle.id);
    runtime.send("health", {});
    test.clock.advance(64_000);
    await reaches(long.id, "timed-out");
  });

  it("that the runtime does not support fails when it turns out at delivery", async () => {
    await test.hub.register("a", {});
    const { id } = await give("a", { type: "git:pull", repoPath: "/x" });
    await test.hub.enrol("a", "nonce of a");
    const token = await test.hub.enrol("a", "nonce of a");
    await TestRuntime.current(test.hub, "a", token).hello("nonce of a", { supports: ["exec"] });
    await reaches(id, "failed");
    assert.match(test.hub.engine.get(id)?.error ?? "", /does not run tasks of type git:pull/);
  });

  it("keeps the head and the tail of too much output and counts what is between them", async () => {
    await test.stop();
    test = await startHub(store, { maxOutputBytes: 1000 });
    const runtime = await connected(test.hub, "a");
    const { id } = await give("a");
    const task = await runtime.next("task");
    for (let seq = 1; seq <= 30; seq++) runtime.print(task, seq, `${String(seq).padStart(99, ".")}\n`);
    runtime.answer(task);
    await reaches(id, "succeeded");
    const kept = store.tasks.output(id, -1);
    assert.deepEqual(
      kept.map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 28, 29, 30],
    );
    assert.deepEqual([kept.at(-3)?.offset, kept.at(-3)?.line], [2700, 27]);
    assert.equal(store.tasks.get(id)?.droppedBytes, 1700);
  });

  const last = `${"x".repeat(59)}\n`.repeat(3);
  const crossing = [
    { more: 0, kept: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], size: 180, dropped: 0, title: "is the last one" },
    {
      more: 1,
      kept: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
      size: 180,
      dropped: 0,
      title: "is followed by a line",
    },
    {
      more: 9,
      kept: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 18, 19],
      size: 60,
      dropped: 720,
      title: "is in the middle",
    },
  ];
  for (const { more, kept, size, dropped, title } of crossing) {
    it(`keeps whole lines of a chunk that crosses the limit that ${title}`, async () => {
      await test.stop();
      test = await startHub(store, { maxOutputBytes: 1000 });
      const runtime = await connected(test.hub, "a");
      const { id } = await give("a");
      const task = await runtime.next("task");
      const line = (seq: number) => `${String(seq).padStart(99, ".")}\n`;
      for (let seq = 1; seq <= 9; seq++) runtime.print(task, seq, line(seq));
      runtime.print(task, 10, last);
      for (let seq = 11; seq <= 10 + more; seq++) runtime.print(task, seq, line(seq));
      runtime.answer(task);
      await reaches(id, "succeeded");
      const stored = store.tasks.output(id, -1);
      assert.deepEqual(
        stored.map(({ seq }) => seq),
        kept,
      );
      assert.equal(stored[9]?.data.length, size);
      assert.equal(store.tasks.get(id)?.droppedBytes, dropped);
    });
  }
});

describe("a runtime that comes back", () => {
  it("gets again what it never acknowledged, and only that", async () => {
    const runtime = await connected(test.hub, "a", { tasks: { concurrency: 3, sudo: false, user: "u" } });
    const [lost, taken, finished] = [await give("a"), await give("a"), await give("a")];
    await runtime.next("task");
    runtime.accept(await runtime.next("task"), "running");
    runtime.accept(await runtime.next("task"), "running");
    await reaches(finished.id, "running");
    runtime.drop();
    const again = await comeBack("a", [
      { taskId: taken.id, epoch: 1, state: "running" },
      { taskId: finished.id, epoch: 1, state: "finished" },
    ]);
    const task = await again.next("task");
    assert.equal(task.payload.taskId, lost.id);
    again.send("response", { taskId: finished.id, epoch: 1, success: true, result: { exitCode: 0 } });
    await reaches(finished.id, "succeeded");
    assert.equal(again.frames.filter((f) => f.type === "task").length, 1);
    assert.equal(test.hub.engine.get(taken.id)?.state, "running");
  });

  it("without a task that it had taken leaves it lost, or runs it again where retries allow it", async () => {
    const runtime = await connected(test.hub, "a", { tasks: { concurrency: 2, sudo: false, user: "u" } });
    const once = await give("a");
    const twice = await give("a", exec({ retries: 1 }));
    runtime.accept(await runtime.next("task"), "running");
    runtime.accept(await runtime.next("task"), "running");
    await reaches(twice.id, "running");
    runtime.drop();
    const again = await comeBack("a");
    await reaches(once.id, "lost");
    const task = await again.next("task");
    assert.deepEqual([task.payload.taskId, task.payload.epoch], [twice.id, 2]);
  });

  it("with an older journal receives a cancel for what is finished here: a task is not run again because a disk lost it", async () => {
    const runtime = await connected(test.hub, "a");
    const { id } = await give("a");
    runtime.answer(await runtime.next("task"));
    await reaches(id, "succeeded");
    runtime.drop();
    const again = await comeBack("a", [{ taskId: id, epoch: 1, state: "running" }]);
    assert.equal((await again.next("cancel")).payload.taskId, id);
    again.send("response", { taskId: id, epoch: 1, success: false, result: { exitCode: 9 } });
    assert.equal((await again.next("ack")).payload.stored, true);
    assert.equal(store.tasks.get(id)?.exitCode, 0);
  });

  it("hears of a cancel that was asked for while it was away", async () => {
    const runtime = await connected(test.hub, "a");
    const { id } = await give("a");
    runtime.accept(await runtime.next("task"), "running");
    await reaches(id, "running");
    runtime.drop();
    await until("the end", () => test.hub.registry.get("a")?.connection === null);
    await test.hub.engine.cancel(id, "enough", "operator");
    const again = await comeBack("a", [{ taskId: id, epoch: 1, state: "running" }]);
    assert.equal((await again.next("cancel")).payload.reason, "enough");
  });
});

describe("a hub that starts again", () => {
  it("has lost nothing: queued, sent and running tasks, agents, results, credentials", async () => {
    const runtime = await connected(test.hub, "a", { tasks: { concurrency: 2, sudo: false, user: "u" } });
    const done = await give("a");
    runtime.answer(await runtime.next("task"));
    await reaches(done.id, "succeeded");
    const [running, sent, queued] = [await give("a"), await give("a"), await give("a")];
    runtime.accept(await runtime.next("task"), "running");
    await reaches(running.id, "running");
    await test.stop();
    assert.equal((await runtime.hasEnded()).code, 1012);
    await store.close();

    store = openStore(join(folder, "vm-agent.db"));
    test = await startHub(store);
    const agent = test.hub.registry.get("a");
    assert.equal(agent?.status, "offline");
    assert.equal(agent?.queue.concurrency, 2);
    assert.equal(test.hub.readings()[0]?.nonce, "nonce of a");
    const states = [done, running, sent, queued].map(({ id }) => test.hub.engine.get(id)?.state);
    assert.deepEqual(states, ["succeeded", "running", "sent", "queued"]);

    const again = await comeBack("a", [{ taskId: running.id, epoch: 1, state: "running" }]);
    const task = await again.next("task");
    assert.equal(task.payload.taskId, sent.id);
    again.answer(task);
    assert.equal((await again.next("task")).payload.taskId, queued.id);
    again.send("response", { taskId: running.id, epoch: 1, success: true, result: { exitCode: 0 } });
    await reaches(running.id, "succeeded");
  });
});

describe("a hub that was away for days", () => {
  it("does not hold its own absence against a runtime, which delivers what it finished meanwhile", async () => {
    const runtime = await connected(test.hub, "a");
    const { id } = await give("a");
    runtime.accept(await runtime.next("task"), "running");
    await reaches(id, "running");
    await test.stop();
    const { clock } = test;
    clock.advance(3 * 24 * 3_600_000);
    test = await startHub(store, {}, clock);
    // When this one has expired, silence and timeouts of all have been judged.
    const impatient = await give("a", exec({ timeouts: { queue: 1000 } }));
    clock.advance(2000);
    await reaches(impatient.id, "expired");
    assert.equal(test.hub.engine.get(id)?.state, "running");
    const again = await comeBack("a", [{ taskId: id, epoch: 1, state: "finished" }]);
    again.send("response", { taskId: id, epoch: 1, success: true, result: { exitCode: 0 } });
    await reaches(id, "succeeded");
  });

  it("nor against one of which a kill left nothing but its task", async () => {
    const runtime = await connected(test.hub, "a");
    const { id } = await give("a");
    runtime.accept(await runtime.next("task"), "running");
    await reaches(id, "running");
    await test.stop();
    await store.agents.remove("a");
    test = await startHub(store, {}, test.clock);
    await test.hub.register("b", {});
    const impatient = await give("b", exec({ timeouts: { queue: 1000 } }));
    test.clock.advance(2000);
    await reaches(impatient.id, "expired");
    assert.equal(test.hub.engine.get(id)?.state, "running");
  });

  it("gives up what a runtime took that has been silent towards it for long enough", async () => {
    const runtime = await connected(test.hub, "a");
    const { id } = await give("a");
    runtime.accept(await runtime.next("task"), "running");
    await reaches(id, "running");
    await test.stop();
    test = await startHub(store, { vanishedRuntime: 5000 }, test.clock);
    test.clock.advance(6000);
    await reaches(id, "lost");
  });
});
