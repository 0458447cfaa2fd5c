/** The API as the seed's clients use it: its endpoints and shapes, tasks and messages. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Frame, Payload } from "../hub/runtimes/frames.ts";
import { connected, TestRuntime, until } from "../hub/testing/hub.ts";
import { exec, servedApi } from "./testing/served-api.ts";

const api = servedApi();

describe("the seed's clients", () => {
  it("register, connect by wsUrl, get tasks, answer, and are listed in the seed's shape", async () => {
    const metadata = { type: "builder", capabilities: ["build", "docker"], cpu: 2, memory: "4G" };
    const registered = await api.call("POST", "/agents/register", { agentId: "agent-1", metadata });
    assert.equal(registered.status, 200);
    const wsUrl = String(registered.body.wsUrl);
    assert.match(wsUrl, /^ws:\/\/[^/]+\/agent\/agent-1\/[\w-]{43}$/);
    assert.equal(wsUrl.endsWith(String(registered.body.token)), true);

    const client = new TestRuntime(wsUrl, "agent-1");
    assert.equal((await client.next("status")).to, "agent-1");
    const [silent] = (await api.call("GET", "/agents")).body.agents as { health: Payload }[];
    const none = { total: 0, used: 0, free: 0, percent: 0, usagePercent: 0 };
    assert.deepEqual([silent?.health.cpu, silent?.health.memory, silent?.health.disk], [0, none, none]);
    client.send("health", { cpu: 12, memory: { total: 1, used: 1, free: 0, percent: 100 } }, "host");
    const given = await api.call("POST", "/agents/agent-1/task", { ...exec(), timeout: 30_000, sudo: false });
    assert.deepEqual(given.body, { taskId: given.body.taskId, status: "sent" });
    const task = await client.next("task");
    assert.equal(task.payload.taskId, given.body.taskId);
    const result = { stdout: "hi\n", stderr: "", exitCode: 0 };
    client.send("response", { taskId: task.payload.taskId, success: true, result, duration: 5 }, "host");
    await until("the result", () => api.store.tasks.get(String(task.payload.taskId))?.state === "succeeded");

    const { agent } = (await api.call("GET", "/agents/agent-1/status")).body;
    assert.equal(agent?.status, "online");
    assert.deepEqual(agent?.metadata, metadata);
    const memory = { total: 1, used: 1, free: 0, percent: 100, usagePercent: 100 };
    assert.deepEqual(agent?.health, { cpu: 12, memory });
    assert.deepEqual(agent?.currentTasks, []);
    const stats = agent?.stats as Payload;
    assert.deepEqual([stats.tasksReceived, stats.tasksCompleted, stats.tasksFailed], [1, 1, 0]);
    for (const field of ["registeredAt", "lastSeen", "lastHealthCheck"])
      assert.equal(typeof agent?.[field], "number");

    const output = await api.readStream(`/tasks/${String(task.payload.taskId)}/output`, null, () => false);
    assert.deepEqual(
      output.map((e) => [e.event, e.data.data ?? e.data.state]),
      [
        ["output", "hi\n"],
        ["end", "succeeded"],
      ],
    );
    assert.equal((await api.call("DELETE", "/agents/agent-1")).status, 200);
    assert.equal((await client.hasEnded()).code, 4001);
    assert.equal((await api.call("GET", "/agents/agent-1/status")).body.code, "agent-unknown");
  });

  it("connect on the HTTP port too, and are not given a task twice", async () => {
    const { body } = await api.call("POST", "/agents/register", { agentId: "a" });
    const path = new URL(String(body.wsUrl)).pathname;
    const first = new TestRuntime(`ws://127.0.0.1:${api.server.port}${path}`, "a");
    await first.next("status");
    await api.call("POST", "/agents/a/task", exec());
    const task = await first.next("task");
    first.drop();
    const second = new TestRuntime(`ws://127.0.0.1:${api.server.port}${path}`, "a");
    await second.next("status");
    second.send("response", { taskId: task.payload.taskId, success: false, error: "broken" });
    await until("the result", () => api.store.tasks.get(String(task.payload.taskId))?.error === "broken");
    assert.deepEqual(
      second.frames.filter((f) => f.type === "task"),
      [],
    );
  });

  it("find health without a token, statistics, and what could not be delivered", async () => {
    const health = await api.call("GET", "/health", undefined, { authorization: "" });
    assert.equal(health.status, 200);
    assert.deepEqual(Object.keys(health.body), ["status", "run", "uptime", "timestamp", "agents"]);
    assert.deepEqual([health.body.status, health.body.agents], ["healthy", { total: 0, online: 0 }]);
    const client = await connected(api.world.hub, "a");
    client.send("task", { type: "exec", command: "rm -rf /" }, "b");
    client.send("log", { text: "hello" }, "no-such");
    assert.equal((await client.next("error")).payload.code, "type-not-routable");
    assert.equal((await client.next("error")).payload.code, "unknown-recipient");
    assert.equal((await api.call("GET", "/admin/dlq")).body.count, 2);
    assert.equal(((await api.call("GET", "/admin/stats")).body.router as Payload).deadLetters, 2);
    assert.equal((await api.call("DELETE", "/admin/dlq")).body.cleared, 2);
    assert.equal((await api.call("GET", "/admin/dlq")).body.count, 0);
  });

  it("send each other messages, which wait for who is offline and expire", async () => {
    const a = await connected(api.world.hub, "a");
    const tokenOfB = await api.world.hub.enrol("b", "n");
    a.send("log", { n: 1 }, "b");
    a.send("log", { n: 2 }, "broadcast");
    const sent = await api.call("POST", "/agents/b/messages", { type: "log", payload: { n: 3 } });
    assert.equal(sent.body.status, "queued");
    await until("three waiting messages", () => api.store.messages.pending("b", 0).length === 3);
    const b = TestRuntime.current(api.world.hub, "b", tokenOfB);
    await b.hello("n");
    const got: Frame[] = [await b.next("log"), await b.next("log"), await b.next("log")];
    assert.deepEqual(
      got.map((f) => [f.from, f.payload.n]),
      [
        ["a", 1],
        ["a", 2],
        ["hub", 3],
      ],
    );
    await until("an empty queue", () => api.store.messages.pending("b", 0).length === 0);
    assert.equal(
      (await api.call("POST", "/agents/b/messages", { type: "task" })).body.code,
      "message-invalid",
    );
    assert.equal((await api.call("POST", "/agents/x/messages", {})).body.code, "agent-unknown");
  });
});
