/** The API over real HTTP: the seed's endpoints and shapes, the guard, problems, repeats, streams. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Frame, Payload } from "../hub/frames.ts";
import { aConfig, connected, startHub, type TestHub, TestRuntime, until } from "../hub/testing.ts";
import { openStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { createApp } from "./app.ts";
import { type HttpServer, listenHttp } from "./server.ts";
import { EMPTY_FLEET } from "./testing/a-fleet.ts";
import { documentedFetch } from "./testing/documented.ts";

let folder: string;
let store: Store;
let test: TestHub;
let server: HttpServer;
let token: string;
const nudged: (readonly string[])[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "vm-agent-http-"));
  store = openStore(join(folder, "vm-agent.db"));
  test = await startHub(store, { maxBodyBytes: 10_000, eventRing: 3 });
  token = readFileSync(join(test.home, "operator-token"), "utf8").trim();
  const controller = {
    fleet: () => EMPTY_FLEET,
    plan: async () => null,
    reconcile: (names: readonly string[]) => void nudged.push(names),
  };
  const app = createApp({ hub: test.hub, controller, origins: () => ["http://127.0.0.1:9092"] });
  server = await listenHttp({ app, hub: test.hub, bind: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  await server.stop(200);
  await test.stop();
  await store.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: Payload & {
    readonly agent?: Payload;
    readonly agents?: readonly Payload[];
    readonly task?: Payload;
  };
  readonly headers: Headers;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  // Nothing describes what is not there.
  const ask = path === "/nothing" ? fetch : documentedFetch;
  const answer = await ask(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json = answer.headers.get("content-type")?.includes("json");
  return {
    status: answer.status,
    body: json ? (JSON.parse(text) as Payload) : { text },
    headers: answer.headers,
  };
}

/** With a Host header of the test's choice, which fetch does not allow. */
function statusFor(headers: Record<string, string>, path = "/agents"): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = httpRequest({ host: "127.0.0.1", port: server.port, path, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asking.once("error", reject);
    asking.end();
  });
}

const exec = (more: Payload = {}): Payload => ({ type: "exec", command: "echo hi", ...more });

interface SseEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Payload;
}

/** Reads a stream until it ends or `enough` says so. */
async function readStream(
  path: string,
  lastEventId: string | null,
  enough: (all: SseEvent[]) => boolean,
): Promise<SseEvent[]> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastEventId === null ? {} : { "last-event-id": lastEventId }),
    },
    signal: AbortSignal.timeout(60_000),
  });
  assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const all: SseEvent[] = [];
  let rest = "";
  for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
    rest += Buffer.from(part).toString();
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(
        block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]),
      );
      if (!fields.has("data")) continue;
      const data = JSON.parse(fields.get("data") ?? "") as Payload;
      all.push({ id: fields.get("id") ?? "", event: fields.get("event") ?? "", data });
    }
    if (enough(all)) break;
  }
  return all;
}

describe("the seed's clients", () => {
  it("register, connect by wsUrl, get tasks, answer, and are listed in the seed's shape", async () => {
    const metadata = { type: "builder", capabilities: ["build", "docker"], cpu: 2, memory: "4G" };
    const registered = await call("POST", "/agents/register", { agentId: "agent-1", metadata });
    assert.equal(registered.status, 200);
    const wsUrl = String(registered.body.wsUrl);
    assert.match(wsUrl, /^ws:\/\/[^/]+\/agent\/agent-1\/[\w-]{43}$/);
    assert.equal(wsUrl.endsWith(String(registered.body.token)), true);

    const client = new TestRuntime(wsUrl, "agent-1");
    assert.equal((await client.next("status")).to, "agent-1");
    client.send("health", { cpu: 12, memory: { total: 1, used: 1, free: 0, percent: 100 } }, "host");
    const given = await call("POST", "/agents/agent-1/task", { ...exec(), timeout: 30_000, sudo: false });
    assert.deepEqual(given.body, { taskId: given.body.taskId, status: "sent" });
    const task = await client.next("task");
    assert.equal(task.payload.taskId, given.body.taskId);
    const result = { stdout: "hi\n", stderr: "", exitCode: 0 };
    client.send("response", { taskId: task.payload.taskId, success: true, result, duration: 5 }, "host");
    await until("the result", () => store.tasks.get(String(task.payload.taskId))?.state === "succeeded");

    const { agent } = (await call("GET", "/agents/agent-1/status")).body;
    assert.equal(agent?.status, "online");
    assert.deepEqual(agent?.metadata, metadata);
    assert.deepEqual(agent?.health, { cpu: 12, memory: { total: 1, used: 1, free: 0, percent: 100 } });
    assert.deepEqual(agent?.currentTasks, []);
    const stats = agent?.stats as Payload;
    assert.deepEqual([stats.tasksReceived, stats.tasksCompleted, stats.tasksFailed], [1, 1, 0]);
    for (const field of ["registeredAt", "lastSeen", "lastHealthCheck"])
      assert.equal(typeof agent?.[field], "number");

    const output = await readStream(`/tasks/${String(task.payload.taskId)}/output`, null, () => false);
    assert.deepEqual(
      output.map((e) => [e.event, e.data.data ?? e.data.state]),
      [
        ["output", "hi\n"],
        ["end", "succeeded"],
      ],
    );
    assert.equal((await call("DELETE", "/agents/agent-1")).status, 200);
    assert.equal((await client.hasEnded()).code, 4001);
    assert.equal((await call("GET", "/agents/agent-1/status")).body.code, "agent-unknown");
  });

  it("connect on the HTTP port too, and are not given a task twice", async () => {
    const { body } = await call("POST", "/agents/register", { agentId: "a" });
    const path = new URL(String(body.wsUrl)).pathname;
    const first = new TestRuntime(`ws://127.0.0.1:${server.port}${path}`, "a");
    await first.next("status");
    await call("POST", "/agents/a/task", exec());
    const task = await first.next("task");
    first.drop();
    const second = new TestRuntime(`ws://127.0.0.1:${server.port}${path}`, "a");
    await second.next("status");
    second.send("response", { taskId: task.payload.taskId, success: false, error: "broken" });
    await until("the result", () => store.tasks.get(String(task.payload.taskId))?.error === "broken");
    assert.deepEqual(
      second.frames.filter((f) => f.type === "task"),
      [],
    );
  });

  it("find health without a token, statistics, and what could not be delivered", async () => {
    const health = await call("GET", "/health", undefined, { authorization: "" });
    assert.equal(health.status, 200);
    assert.deepEqual(Object.keys(health.body), ["status", "uptime", "timestamp", "agents"]);
    assert.deepEqual([health.body.status, health.body.agents], ["healthy", { total: 0, online: 0 }]);
    const client = await connected(test.hub, "a");
    client.send("task", { type: "exec", command: "rm -rf /" }, "b");
    client.send("log", { text: "hello" }, "nobody");
    assert.equal((await client.next("error")).payload.code, "type-not-routable");
    assert.equal((await client.next("error")).payload.code, "unknown-recipient");
    assert.equal((await call("GET", "/admin/dlq")).body.count, 2);
    assert.equal(((await call("GET", "/admin/stats")).body.router as Payload).deadLetters, 2);
    assert.equal((await call("DELETE", "/admin/dlq")).body.cleared, 2);
    assert.equal((await call("GET", "/admin/dlq")).body.count, 0);
  });

  it("send each other messages, which wait for who is offline and expire", async () => {
    const a = await connected(test.hub, "a");
    const tokenOfB = await test.hub.enrol("b", "n");
    a.send("log", { n: 1 }, "b");
    a.send("log", { n: 2 }, "broadcast");
    const sent = await call("POST", "/agents/b/messages", { type: "log", payload: { n: 3 } });
    assert.equal(sent.body.status, "queued");
    await until("three waiting messages", () => store.messages.pending("b", 0).length === 3);
    const b = TestRuntime.current(test.hub, "b", tokenOfB);
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
    await until("an empty queue", () => store.messages.pending("b", 0).length === 0);
    assert.equal((await call("POST", "/agents/b/messages", { type: "task" })).body.code, "message-invalid");
    assert.equal((await call("POST", "/agents/x/messages", {})).body.code, "agent-unknown");
  });
});

describe("the guard", () => {
  it("wants the operator's token everywhere but for /health, and locks out who guesses", async () => {
    assert.equal(statSync(join(test.home, "operator-token")).mode & 0o777, 0o600);
    const bare = { authorization: "" };
    for (const path of ["/agents", "/metrics", "/ready", "/audit", "/events", "/openapi.json", "/nothing"]) {
      const answer = await call("GET", path, undefined, bare);
      assert.equal(answer.status, 401, path);
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.deepEqual([answer.body.code, typeof answer.body.next], ["not-authorised", "string"]);
      assert.ok(answer.headers.get("www-authenticate"));
    }
    for (let i = 0; i < 10; i++) await call("GET", "/agents", undefined, { authorization: "Bearer wrong" });
    const locked = await call("GET", "/agents");
    assert.deepEqual([locked.status, locked.body.code], [429, "locked-out"]);
    assert.ok(Number(locked.headers.get("retry-after")) > 200);
    assert.equal((await call("GET", "/health")).status, 200);
    test.clock.advance(5 * 60_000 + 1);
    assert.equal((await call("GET", "/agents")).status, 200);
  });

  it("refuses other Hosts and web pages, and sends no CORS headers", async () => {
    const authorization = `Bearer ${token}`;
    const { port } = server;
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      assert.equal(await statusFor({ authorization, host }), 200, host);
    }
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80"]) {
      assert.equal(await statusFor({ authorization, host }), 403, host);
      assert.equal(await statusFor({ host }, "/health"), 403, host);
    }
    for (const origin of ["http://evil.example", "null", `http://localhost:${port}`]) {
      assert.equal((await call("GET", "/agents", undefined, { origin })).status, 403, origin);
    }
    const allowed = await call("GET", "/agents", undefined, { origin: "http://127.0.0.1:9092" });
    assert.equal(allowed.status, 200);
    assert.deepEqual(
      [...allowed.headers.keys()].filter((k) => k.startsWith("access-control")),
      [],
    );
  });

  it("leaves no token in audit, events, metrics and errors", async () => {
    const { body } = await call("POST", "/agents/register", { agentId: "a" });
    const client = new TestRuntime(String(body.wsUrl), "a");
    await client.next("status");
    await call("GET", "/agents", undefined, { authorization: "Bearer wrong-but-secret" });
    const seen = JSON.stringify([
      (await call("GET", "/audit")).body,
      (await call("GET", "/metrics")).body,
      (await call("GET", "/agents")).body,
      test.events,
      store.credentials.get("a"),
    ]);
    for (const secret of [token, String(body.token), "wrong-but-secret"]) assert.ok(!seen.includes(secret));
  });
});

describe("tasks over HTTP", () => {
  it("are refused with what is wrong and what to do", async () => {
    await test.hub.enrol("a", "n");
    test.hub.configure("a", aConfig());
    const cases: readonly (readonly [unknown, number, string])[] = [
      ["{", 400, "body-not-json"],
      ["[]", 400, "body-not-json"],
      [{ type: "exec" }, 400, "task-invalid"],
      [{ type: "exce", command: "x" }, 400, "task-invalid"],
      [exec({ colour: "red" }), 400, "task-invalid"],
      [exec({ timeout: -1 }), 400, "task-invalid"],
      [exec({ sudo: true }), 403, "sudo-not-allowed"],
      [{ type: "git:pull", repoPath: "/x" }, 422, "task-type-not-supported"],
      [exec({ command: "x".repeat(20_000) }), 413, "body-too-large"],
    ];
    for (const [body, status, code] of cases) {
      const answer = await call("POST", "/agents/a/task", body);
      assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body).slice(0, 80));
      assert.ok(String(answer.body.next).length > 5);
    }
    assert.equal((await call("POST", "/agents/nobody/task", exec())).body.code, "agent-unknown");
    assert.deepEqual(store.tasks.list({}), []);
  });

  it("with an Idempotency-Key are one task for one request, and a conflict for another", async () => {
    await connected(test.hub, "a");
    const key = { "idempotency-key": "k1" };
    const both = await Promise.all([
      call("POST", "/agents/a/task", exec(), key),
      call("POST", "/agents/a/task", exec(), key),
    ]);
    const again = await call("POST", "/agents/a/task", exec(), key);
    assert.equal(new Set([...both, again].map((a) => a.body.taskId)).size, 1);
    const other = await call("POST", "/agents/a/task", exec({ command: "other" }), key);
    assert.deepEqual([other.status, other.body.code], [409, "idempotency-conflict"]);
    assert.equal(store.tasks.list({}).length, 1);
  });

  it("go to who fits: a capability to one, a selector or names to all", async () => {
    await connected(test.hub, "a", { capabilities: ["build"] });
    await test.hub.enrol("b", "n");
    test.hub.configure("b", aConfig({ capabilities: ["build", "docker"] }));
    const one = await call("POST", "/tasks", { capability: "build", ...exec() });
    assert.deepEqual([one.body.agent, one.body.status], ["a", "sent"]);
    const docker = await call("POST", "/tasks", { capability: "docker", task: exec() });
    assert.deepEqual([docker.body.agent, docker.body.status], ["b", "queued"]);
    const all = await call("POST", "/tasks", { selector: { type: "builder" }, ...exec() });
    assert.equal((all.body.tasks as unknown[]).length, 2);
    assert.equal((await call("POST", "/tasks", { capability: "fly", ...exec() })).body.code, "no-agent-fits");
    assert.equal((await call("POST", "/tasks", exec())).body.code, "task-invalid");
    const list = (await call("GET", "/tasks?agent=b&state=queued&limit=1")).body;
    assert.equal((list.tasks as unknown[]).length, 1);
    assert.equal((await call("GET", "/tasks?state=sideways")).body.code, "query-invalid");
    assert.equal(
      (await call("GET", "/agents?capability=docker&label=team=web&status=offline")).body.agents?.[0]?.id,
      "b",
    );
  });

  it("stream their output, resume by its number, and end the stream when they end", async () => {
    const runtime = await connected(test.hub, "a");
    const { body } = await call("POST", "/agents/a/task", exec());
    const id = String(body.taskId);
    const task = await runtime.next("task");
    runtime.print(task, 1, "one");
    runtime.print(task, 2, "two");
    const first = await readStream(`/tasks/${id}/output`, null, (all) => all.some((e) => e.id === "2"));
    const live = readStream(`/tasks/${id}/output`, "1", () => false);
    runtime.print(task, 3, "three");
    runtime.answer(task);
    const chunks = (all: readonly SseEvent[]) =>
      all.filter((e) => e.event === "output").map((e) => e.data.data);
    assert.deepEqual(chunks(first), ["one", "two"]);
    const resumed = await live;
    assert.deepEqual(chunks(resumed), ["two", "three"]);
    assert.deepEqual([resumed.at(-1)?.event, resumed.at(-1)?.data.exitCode], ["end", 0]);
    assert.equal((await call("GET", `/tasks/${id}`)).body.task?.state, "succeeded");
    assert.equal((await call("POST", `/tasks/${id}/cancel`, {})).body.status, "succeeded");
    assert.equal((await call("GET", "/tasks/none")).body.code, "task-unknown");
  });
});

describe("the rest of the API", () => {
  it("streams events, resumes where the reader was, and says so when it cannot", async () => {
    let opened = () => {};
    const isOpen = new Promise<void>((resolve) => (opened = resolve));
    const live = readStream("/events", null, (all) => {
      opened();
      return all.length >= 2;
    });
    await isOpen;
    await connected(test.hub, "a");
    const [open, online] = await live;
    assert.equal(open?.event, "open");
    // A reader that was cut off right behind its beginning misses nothing.
    assert.deepEqual((await readStream("/events", open?.id ?? "", (all) => all.length >= 1))[0], online);
    assert.equal(online?.event, "runtime.online");
    assert.equal(online?.data.agent, "a");
    await call("POST", "/agents/a/task", exec());
    const [next] = await readStream("/events", online?.id ?? "", (all) => all.length >= 1);
    assert.deepEqual([next?.event, next?.data.state], ["task.changed", "sent"]);
    for (let i = 0; i < 5; i++) await call("POST", "/agents/a/task", exec());
    const [reset] = await readStream("/events", online?.id ?? "", (all) => all.length >= 1);
    assert.equal(reset?.event, "reset");
    assert.equal((await readStream("/events", "earlier-1", (all) => all.length >= 1))[0]?.event, "reset");
  });

  it("tells a reader that comes back after a restart of the hub that events were missed", async () => {
    await connected(test.hub, "a");
    const [last] = await readStream("/events", "0-0", (all) => all.some((e) => e.event === "runtime.online"));
    assert.ok(last);
    const before = (await call("GET", "/events/recent")).body.events as unknown as SseEvent[];
    await server.stop(200);
    await test.stop();
    // The same clock: not the time of the start tells the runs apart.
    test = await startHub(store, { eventRing: 3 }, test.clock);
    token = readFileSync(join(test.home, "operator-token"), "utf8").trim();
    const app = createApp({ hub: test.hub });
    server = await listenHttp({ app, hub: test.hub, bind: "127.0.0.1", port: 0 });
    const resumed = before.at(-1)?.id ?? "";
    const [reset] = await readStream("/events", resumed, (all) => all.length >= 1);
    assert.deepEqual([reset?.event, reset?.id], ["reset", resumed]);
    assert.match(String(reset?.data.reason), /read the state anew/);
    assert.equal((await call("GET", `/events/recent?cursor=${resumed}`)).body.complete, false);
    await call("POST", "/agents/a/task", exec());
    const [, first] = await readStream("/events", resumed, (all) => all.length >= 2);
    assert.deepEqual([first?.event, first?.data.state], ["task.changed", "queued"]);
    const rest = await readStream("/events", `${first?.id}`.replace(/\d+$/, "0"), (all) => all.length >= 1);
    assert.equal(rest[0]?.event, "task.changed");
  });

  it("has every metric at zero from the start", async () => {
    const { text } = (await call("GET", "/metrics")).body as { text: string };
    for (const line of [
      'vm_hub_messages_total{type="task",direction="out"} 0',
      'vm_hub_agents{status="online"} 0',
      "vm_hub_active_tasks 0",
      "vm_hub_queue_depth 0",
      'vm_hub_tasks_total{state="lost"} 0',
      'vm_hub_task_duration_seconds_count{type="exec"} 0',
      'vm_multipass_call_failures_total{command="launch"} 0',
      'vm_controller_reconciles_total{outcome="failed"} 0',
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
  });

  it("passes on to the loop, and describes itself", async () => {
    assert.deepEqual((await call("GET", "/fleet")).body, EMPTY_FLEET);
    assert.deepEqual((await call("GET", "/plan")).body, null);
    assert.equal((await call("POST", "/reconcile", { names: ["a"] })).status, 202);
    assert.deepEqual(nudged.at(-1), ["a"]);
    assert.equal((await call("POST", "/apply", {})).body.code, "controller-absent");
    assert.equal((await call("GET", "/ready")).status, 200);
    assert.equal((await call("GET", "/audit/verify")).body.intact, true);
    const openapi = JSON.stringify((await call("GET", "/openapi.json")).body);
    for (const [, reference = ""] of openapi.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      let at: unknown = JSON.parse(openapi);
      for (const key of reference.split("/")) at = (at as Record<string, unknown>)?.[key];
      assert.ok(at, `${reference} leads somewhere`);
    }
    assert.equal((await call("GET", "/nothing")).status, 404);
  });

  it("says when no loop runs here", async () => {
    await server.stop(200);
    server = await listenHttp({
      app: createApp({ hub: test.hub }),
      hub: test.hub,
      bind: "127.0.0.1",
      port: 0,
    });
    const { status, body } = await call("GET", "/plan");
    assert.deepEqual([status, body.code], [503, "controller-absent"]);
    await assert.rejects(
      listenHttp({ app: createApp({ hub: test.hub }), hub: test.hub, bind: "127.0.0.1", port: server.port }),
      { code: "port-in-use" },
    );
  });
});
