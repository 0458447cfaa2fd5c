/** Runtimes and registering programs that send too much, too deep and out of range: nothing of it is stored or listed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import type { Payload } from "../hub/runtimes/frames.ts";
import { aConfig, connected, startHub, TestRuntime, until } from "../hub/testing/hub.ts";
import { openStore } from "../store/sqlite/sqlite.ts";
import { exec, servedApi } from "./testing/served-api.ts";

const api = servedApi();

/** JSON text, because JSON.stringify overflows the stack on such a value. */
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
const frame = (type: string, payload: string): string =>
  `{"id":"m","from":"a","to":"hub","type":"${type}","timestamp":1,"payload":${payload}}`;

/** A guest registered as first generation, which says nothing before its first frame. */
async function guest(id = "a", metadata: Payload = {}): Promise<TestRuntime> {
  const { body } = await api.call("POST", "/agents/register", { agentId: id, metadata });
  const client = new TestRuntime(String(body.wsUrl), id);
  await client.next("status");
  return client;
}

/** A runtime of today with these features. */
async function current(id: string, features: readonly string[]): Promise<TestRuntime> {
  const { hub } = api.world;
  const client = TestRuntime.current(hub, id, await hub.enrol(id, "n"));
  hub.configure(id, aConfig());
  await client.hello("n", { features });
  return client;
}

/** A finished task whose result is this JSON text. */
async function answered(client: TestRuntime, result: string): Promise<Payload> {
  const given = await api.call("POST", `/agents/${client.name}/task`, exec());
  const { payload } = await client.next("task");
  client.sendText(frame("response", `{"taskId":"${payload.taskId}","success":true,"result":${result}}`));
  await until("the result", () => api.store.tasks.get(String(payload.taskId))?.finishedAt);
  return (await api.call("GET", `/tasks/${String(given.body.taskId)}`)).body.task as Payload;
}

describe("frames of a runtime", () => {
  for (const [what, payload] of [
    ["nested 1.9 million deep", `{"x":${nested(1_900_000)}}`],
    ["nested 65 levels deep", `{"x":${nested(63)}}`],
    ["of 400,000 values", `{"x":[${"1,".repeat(400_000)}1]}`],
  ] as const) {
    for (const type of ["health", "response", "output", "log", "ack", "message"]) {
      it(`${what} are refused as ${type}, and nothing is kept of them`, async () => {
        const client = await guest();
        client.sendText(frame(type, payload));
        const { code, reason } = await client.hasEnded();
        assert.equal(code, 4009);
        assert.match(reason, /nested deeper than 64 levels|more than 50000 values/);
        const { agent } = (await api.call("GET", "/agents/a/status")).body;
        // The figures of an agent that never reported: zeros.
        assert.deepEqual(
          [(agent?.health as { cpu?: number } | undefined)?.cpu, agent?.lastHealthCheck],
          [0, 0],
        );
        assert.ok(JSON.stringify(agent?.health).length < 500);
        await api.store.flush();
        const [row] = api.store.agents.list();
        assert.ok(JSON.stringify(row).length < 2000, "the stored row is small");
      });
    }
  }

  it("with 64 levels and 40,000 values are read", async () => {
    const client = await guest();
    client.sendText(frame("health", `{"cpu":1,"x":${nested(62)},"y":[${"1,".repeat(40_000)}1]}`));
    await until("the heartbeat", () => api.world.hub.agent("a").lastHealthCheck > 0);
    assert.deepEqual((await api.call("GET", "/agents/a/status")).body.agent?.health, { cpu: 1 });
  });

  it("keep known fields of a heartbeat, each within its range and length", async () => {
    const client = await guest();
    const lines = Array.from({ length: 100 }, () => `\u001b]52;c;eA==\u0007${"x".repeat(3000)}`);
    client.send("health", {
      cpu: 1e308,
      memory: { total: -1, used: 1e308, free: "much", usagePercent: "25%", secret: "x".repeat(100_000) },
      disk: { percent: 50 },
      uptime: Number.MAX_VALUE,
      systemUptime: 7,
      loadAverage: [1e308, "2", 0.5, 4],
      problems: lines,
      warnings: { length: 3 },
      inboxFull: "yes",
      anything: lines,
    });
    await until("the heartbeat", () => api.world.hub.agent("a").lastHealthCheck > 0);
    const { health } = (await api.call("GET", "/agents/a/status")).body.agent as { health: Payload };
    const { problems, ...rest } = health;
    assert.deepEqual(rest, {
      cpu: 100,
      memory: { percent: 25, usagePercent: 25 },
      disk: { percent: 50, usagePercent: 50 },
      systemUptime: 7,
      loadAverage: [0, 0, 0.5],
    });
    const shown = problems as readonly string[];
    assert.equal(shown.length, 20);
    assert.ok(
      shown.every((text) => /^x{200,299}…$/.test(text)),
      String(shown[0]),
    );
  });

  it("have numbers that no reader of a log, a task or its output stumbles over", async () => {
    const client = await current("b", ["log"]);
    const lines = [
      { seq: 1, at: 1e308, level: "error", message: "far in the future" },
      { seq: 2, at: -1, level: "\u001b[31m", message: `\u009d0;title\u009c${"y".repeat(9000)}` },
      { seq: 1e308, at: 1, level: "info", message: "no number" },
    ];
    const asked = api.call("GET", "/agents/b/logs");
    const { payload } = await client.next("log");
    client.send("log", { request: payload.request, id: "log", first: 1, last: 1e308, lines });
    const { body } = await asked;
    const found = body.lines as readonly Payload[];
    const now = api.world.clock.now();
    assert.deepEqual(
      found.map(({ seq, at, level }) => [seq, at, level]),
      [
        [1, now, "error"],
        [2, now, "info"],
      ],
    );
    assert.match(String(found[1]?.message), /^y{4000,4095}…$/);
    assert.equal(body.last, 0);
  });

  it("of output are numbered within bounds; one that is too large is dropped and counted", async () => {
    const client = await connected(api.world.hub, "b");
    const { body } = await api.call("POST", "/agents/b/task", exec());
    const { payload } = await client.next("task");
    const about = { taskId: payload.taskId, epoch: 1, stream: "stdout" };
    client.send("output", { ...about, seq: 1e308, data: "lost" });
    client.send("output", { ...about, seq: -1, data: "lost" });
    client.send("output", { ...about, seq: 1, data: "kept", dropped: 1e308 });
    client.send("output", { ...about, seq: 2, data: "z".repeat(1_000_000) });
    client.send("response", { taskId: payload.taskId, epoch: 1, success: true, result: { exitCode: 1e308 } });
    const id = String(body.taskId);
    await until("the end", () => api.store.tasks.get(id)?.finishedAt);
    const task = (await api.call("GET", `/tasks/${id}`)).body.task as Payload;
    assert.deepEqual([task.exitCode, task.droppedBytes, task.result], [null, 1_000_000, { exitCode: null }]);
    const printed = api.store.tasks.output(id, -1).map(({ data }) => data);
    assert.equal(printed.join(""), "kept");
  });
});

describe("results of tasks", () => {
  it("have known fields only, and lists are without them", async () => {
    const client = await guest();
    const stdout = "o".repeat(600_000);
    const more = `"x":${nested(50)},"y":"${"z".repeat(100_000)}","size":1e308,"timedOut":"no","__proto__":{"a":1}`;
    const task = await answered(client, `{"stdout":"${stdout}","exitCode":0,${more}}`);
    assert.deepEqual(task.result, { stdout, exitCode: 0, size: 0 });
    const answer = await api.call("GET", "/tasks?limit=2");
    const [listed] = answer.body.tasks as readonly Payload[];
    assert.equal(listed?.result, null);
    assert.ok(JSON.stringify(answer.body).length < 2000);
  });

  it("that failed with a long, steering text have a short, harmless one", async () => {
    const client = await guest();
    const given = await api.call("POST", "/agents/a/task", exec());
    const { payload } = await client.next("task");
    const error = `\u001b]0;owned\u0007first\nsecond\u0007\u009b2J${"e".repeat(50_000)}`;
    client.send("response", { taskId: payload.taskId, success: false, error });
    await until("the result", () => api.store.tasks.get(String(payload.taskId))?.finishedAt);
    const task = (await api.call("GET", `/tasks/${String(given.body.taskId)}`)).body.task as Payload;
    assert.match(String(task.error), /^first\nseconde{1900,2000}$/);
    const [listed] = (await api.call("GET", "/tasks")).body.tasks as readonly Payload[];
    assert.equal(String(listed?.error).length, 500);
  });
});

it("a registering program's metadata is bounded in depth, number and length; a body nested too deep is refused", async () => {
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, 1]));
  const metadata = {
    type: "builder",
    capabilities: ["build", 7, "\u001b[2Jdocker"],
    labels: { team: "web", nested: {} },
    memory: "4G",
    note: "n".repeat(3000),
    deep: { a: { b: { c: { d: 1 } } } },
    many,
  };
  const { agent } = (await api.call("POST", "/agents/register", { agentId: "a", metadata })).body;
  const found = agent?.metadata as Payload;
  assert.deepEqual(
    [found.type, found.capabilities, found.labels],
    ["builder", ["build", "docker"], { team: "web" }],
  );
  assert.deepEqual([found.memory, String(found.note).length, found.deep], ["4G", 256, { a: { b: {} } }]);
  assert.ok(Object.keys(found.many as object).length < 200);
  const body = `{"agentId":"a","metadata":{"x":${nested(200)}}}`;
  const refused = await api.call("POST", "/agents/register", body);
  assert.deepEqual([refused.status, refused.body.code], [400, "body-not-json"]);
  assert.match(String(refused.body.detail), /nested deeper than 64 levels/);
});

it("undeliverable messages are listed without large payloads", async () => {
  const client = await guest();
  client.send("log", { text: "t".repeat(50_000) }, "missing");
  client.send("log", { text: "short" }, "missing");
  await until("both letters", () => api.store.deadLetters.count() === 2);
  const { messages } = (await api.call("GET", "/admin/dlq")).body as {
    messages: readonly { message: Payload }[];
  };
  assert.deepEqual(
    messages.map(({ message }) => message.payload),
    [{}, { text: "short" }],
  );
  assert.ok(Number(messages[0]?.message.omittedCharacters) > 50_000);
});

it("what an earlier version stored without bounds is read through the same bounds after a restart", async () => {
  const client = await guest();
  const task = await answered(client, `{"exitCode":0}`);
  await api.world.stop();
  await api.store.close();
  // As the hub wrote it before: payloads as they came.
  const db = new DatabaseSync(join(api.folder, "vm-agent.db"));
  const deep = nested(1_900_000);
  const stored = `{"metadata":{"type":"builder","x":${deep}},"stats":{"tasksReceived":3},"health":{"cpu":5,"x":${deep}},"lastHealthCheck":1e308,"guest":true}`;
  db.prepare("UPDATE agents SET json = ?").run(stored);
  db.prepare("UPDATE tasks SET result = ?").run(`{"stdout":"kept","exitCode":0,"x":${deep}}`);
  db.close();
  api.store = openStore(join(api.folder, "vm-agent.db"));
  api.world = await startHub(api.store);
  const agent = api.world.hub.agent("a");
  assert.deepEqual(agent.toObject().health, { cpu: 5 });
  assert.deepEqual([agent.metadata.type, agent.guest, agent.stats.tasksReceived], ["builder", true, 3]);
  assert.equal(agent.lastHealthCheck, 0);
  assert.ok(JSON.stringify(agent.toObject()).length < 2000);
  const record = api.store.tasks.get(String(task.id));
  assert.equal(record?.result?.stdout, "kept");
  assert.ok(JSON.stringify(record).length < 2000);
});
