/** The description and the API are the same thing: every route is described, every answer and every code was seen and fits. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { VmAgentError } from "../base/errors.ts";
import { aConfig, connected, startHub, type TestHub, TestRuntime, until } from "../hub/testing/hub.ts";
import { openStore } from "../store/sqlite/sqlite.ts";
import type { Store } from "../store/store.ts";
import { createApp, createRoutes } from "./app.ts";
import type { ControllerPort } from "./deps.ts";
import { describe } from "./openapi.ts";
import { OPERATIONS } from "./operations.ts";
import { FAULT_CODES, GUARD_CODES, PROBLEM_CODES } from "./problem-codes.ts";
import { type HttpServer, listenHttp } from "./server.ts";
import { Streams } from "./sse.ts";
import { EMPTY_FLEET } from "./testing/a-fleet.ts";
import { assertDocumented } from "./testing/documented.ts";
import { tokenOf } from "./testing/served-api.ts";

let folder: string;
let store: Store;
let hub: TestHub;
let server: HttpServer;
/** The same hub without a loop. */
let bare: HttpServer;
let token: string;
/** What was seen, as `operation status [code]`. */
const seen = new Set<string>();
/** What an import answers. */
let importError: VmAgentError | null = null;

const controller: ControllerPort = {
  fleet: () => EMPTY_FLEET,
  plan: async () => null,
  reconcile: async () => {},
  apply: async () => ({ accepted: 0 }),
  import: async (name) => {
    if (importError) throw importError;
    return { imported: name };
  },
};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "vm-agent-contract-"));
  store = openStore(join(folder, "vm-agent.db"));
  hub = await startHub(store, { maxBodyBytes: 10_000, maxQueuedTasks: 2, maxStreams: 2 });
  token = tokenOf(hub);
  const listen = (app: ReturnType<typeof createApp>) =>
    listenHttp({ app, hub: hub.hub, bind: "127.0.0.1", port: 0 });
  server = await listen(createApp({ hub: hub.hub, controller }));
  bare = await listen(createApp({ hub: hub.hub }));
});
after(async () => {
  await Promise.all([server.stop(200), bare.stop(200)]);
  await hub.stop();
  await store.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** Ends a stream. */
  end(): void;
}

/** Asks (with any Host, which fetch does not allow) and holds the answer against the description. */
function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  port = server.port,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    const bearer = { authorization: `Bearer ${token}`, "content-length": String(Buffer.byteLength(sent)) };
    const asking = request(
      { host: "127.0.0.1", port, path, method, headers: { ...bearer, ...headers } },
      (answer) => {
        const contentType = String(answer.headers["content-type"]);
        const done = (text: string) => {
          try {
            const status = answer.statusCode ?? 0;
            const parsed = contentType.includes("json") ? (JSON.parse(text) as Answer["body"]) : { text };
            seen.add(assertDocumented({ method, path, status, contentType, body: parsed }));
            resolve({
              status,
              headers: answer.headers,
              body: parsed ?? {},
              end: () => void answer.destroy(),
            });
          } catch (error) {
            reject(error);
          }
        };
        if (contentType.startsWith("text/event-stream")) return done("");
        let text = "";
        answer.on("data", (part: Buffer) => (text += part.toString()));
        answer.on("end", () => done(text));
      },
    );
    asking.once("error", reject);
    asking.end(sent);
  });
}

const code = async (answer: Promise<Answer>) => (await answer).body.code;
const exec = { type: "exec", command: "true" };

test("the description is valid OpenAPI 3.1, and its routes are those that are served", async () => {
  const { valid, errors } = await new Validator().validate(describe());
  assert.deepEqual([valid, errors], [true, undefined]);
  const { router, handlers } = createRoutes({
    hub: hub.hub,
    controller,
    streams: new Streams(hub.hub.limits),
    agentUrl: () => "",
  });
  const served = router.stack.flatMap(({ methods, path }) =>
    methods
      .filter((method) => method !== "HEAD")
      .map((method) => `${method} ${String(path).replaceAll(/:(\w+)/g, "{$1}")}`),
  );
  const described = OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  assert.deepEqual(served.sort(), described.sort());
  assert.deepEqual(Object.keys(handlers).sort(), OPERATIONS.map(({ id }) => id).sort());
});

test("every code is in the description", () => {
  const text = JSON.stringify(describe());
  for (const known of Object.keys(PROBLEM_CODES)) {
    // Of no operation: what is not there is not described, and guards that only steps and saved plans meet.
    if (["not-found", "method-not-allowed", "held", "plan-stale"].includes(known)) continue;
    assert.ok(text.includes(`"${known}"`), known);
  }
});

test("agents: registered, listed in pages and by filters, removed", async () => {
  for (const agentId of ["one", "two", "three"]) {
    const { body } = await call("POST", "/agents/register", {
      agentId,
      metadata: { type: "builder", capabilities: ["build"] },
    });
    assert.ok(String(body.wsUrl).endsWith(String(body.token)));
  }
  const client = new TestRuntime(`ws://127.0.0.1:${hub.hub.agentPort}/agent/one/x`, "one");
  await until("the refusal", () => client.refused === 401);
  const names: unknown[] = [];
  let path = "/agents?limit=2&type=builder";
  for (;;) {
    const { body, headers } = await call("GET", path);
    names.push(...(body.agents as { id: string }[]).map(({ id }) => id));
    if (body.next === null) break;
    path = /^<([^>]+)>; rel="next"$/.exec(String(headers.link))?.[1] ?? "";
    assert.ok(path.includes("type=builder") && path.includes(`cursor=${String(body.next)}`), path);
  }
  assert.deepEqual(names, ["one", "three", "two"]);
  assert.equal(((await call("GET", "/agents?status=online")).body.agents as unknown[]).length, 0);
  assert.equal(((await call("GET", "/agents?status=offline")).body.agents as unknown[]).length, 3);
  for (const query of ["status=sideways", "limit=0", "limit=1001", "limit=x", "limit=1.5"])
    assert.equal(await code(call("GET", `/agents?${query}`)), "query-invalid", query);
  await call("GET", "/agents/one/status");
  assert.deepEqual((await call("GET", "/agents/health")).body.agents, []);
  assert.equal(await code(call("GET", "/agents/health?agent=no-such")), "agent-unknown");
  assert.equal(await code(call("GET", "/agents/health?points=121")), "query-invalid");
  assert.equal(await code(call("GET", "/agents/no-such/status")), "agent-unknown");
  assert.equal(await code(call("GET", "/agents/no-such")), "agent-unknown");
  assert.deepEqual(
    (await call("GET", "/agents/two")).body.agent,
    (await call("GET", "/agents/two/status")).body.agent,
  );

  await hub.hub.enrol("declared", "n");
  hub.hub.configure("declared", aConfig());
  assert.equal(await code(call("POST", "/agents/register", { agentId: "declared" })), "agent-declared");
  assert.equal(await code(call("POST", "/agents/register", { agentId: "-x" })), "agent-name-invalid");
  assert.equal(await code(call("POST", "/agents/register", { agentId: "hub" })), "agent-name-reserved");
  assert.equal(await code(call("DELETE", "/agents/declared")), "agent-declared");
  assert.equal(await code(call("DELETE", "/agents/no-such")), "agent-unknown");
  for (const id of ["one", "two", "three"]) await call("DELETE", `/agents/${id}`);
});

test("tasks: given, refused for every reason, listed in pages, followed, cancelled", async () => {
  const runtime = await connected(hub.hub, "a", { capabilities: ["build"] });
  const { body: given } = await call("POST", "/agents/a/task", exec);
  const id = String(given.taskId);
  runtime.send("health", { cpu: 7, memory: { percent: 61 } });
  await until("a heartbeat", () => hub.hub.agent("a").healthHistory.latest(1).length > 0);
  const { agents } = (await call("GET", "/agents/health?points=1")).body;
  const [{ at, ...shares }] = agents as [{ at: readonly number[] }];
  assert.deepEqual([at.length, shares], [1, { agent: "a", cpu: [7], memory: [61], disk: [null] }]);
  const open = await call("GET", `/tasks/${id}/output`);
  await call("GET", `/tasks/${id}/output?from=1&limit=5`);
  await call("POST", `/tasks/${id}/output/take`, { after: "" });
  open.end();
  runtime.answer(await runtime.next("task"));
  await until("the result", () => store.tasks.get(id)?.state === "succeeded");
  await call("GET", `/tasks/${id}`);
  await call("POST", `/tasks/${id}/cancel`, { reason: "enough" });

  const bad: readonly (readonly [unknown, string, Record<string, string>?])[] = [
    ["{", "body-not-json"],
    ["x".repeat(20_000), "body-too-large"],
    [{ type: "exec" }, "task-invalid"],
    [{ ...exec, sudo: true }, "sudo-not-allowed"],
    [{ type: "git:pull", repoPath: "/x" }, "task-type-not-supported"],
    [exec, "query-invalid", { "idempotency-key": "k".repeat(300) }],
  ];
  const to = (body: unknown) =>
    typeof body === "string" ? body : { agents: ["a"], task: body as Record<string, unknown> };
  for (const [body, expected, headers] of bad) {
    assert.equal(await code(call("POST", "/agents/a/task", body, headers)), expected);
    assert.equal(await code(call("POST", "/tasks", to(body), headers)), expected);
  }
  assert.equal(await code(call("POST", "/agents/no-such/task", exec)), "agent-unknown");
  assert.equal(await code(call("POST", "/tasks", { agents: ["no-such"], ...exec })), "agent-unknown");
  assert.equal(await code(call("POST", "/tasks", { capability: "fly", ...exec })), "no-agent-fits");
  const key = { "idempotency-key": "one" };
  await call("POST", "/agents/a/task", exec, key);
  assert.equal((await call("POST", "/agents/a/task", exec, key)).body.repeated, true);
  const other = { type: "exec", command: "false" };
  assert.equal(await code(call("POST", "/agents/a/task", other, key)), "idempotency-conflict");
  assert.equal(await code(call("POST", "/tasks", { agents: ["a"], ...other }, key)), "idempotency-conflict");

  await hub.hub.enrol("away", "n");
  hub.hub.configure("away", aConfig({ capabilities: ["fly"] }));
  assert.equal((await call("POST", "/tasks", { capability: "fly", ...exec })).body.status, "queued");
  await call("POST", "/tasks", { selector: { names: ["a", "away"] }, ...exec });
  assert.equal(await code(call("POST", "/agents/away/task", exec)), "queue-full");
  assert.equal(await code(call("POST", "/tasks", { agents: ["away"], ...exec })), "queue-full");

  const all = (await call("GET", "/tasks")).body.tasks as { id: string }[];
  const paged: string[] = [];
  for (let cursor = ""; ; ) {
    const { body } = await call("GET", `/tasks?limit=2${cursor}`);
    paged.push(...(body.tasks as { id: string }[]).map((t) => t.id));
    if (body.next === null) break;
    cursor = `&cursor=${String(body.next)}`;
  }
  assert.deepEqual(
    paged,
    all.map((t) => t.id),
  );
  assert.equal(((await call("GET", "/tasks?state=queued&agent=away")).body.tasks as unknown[]).length, 2);
  for (const query of ["state=sideways", "limit=1001", "cursor=nothing"])
    assert.equal(await code(call("GET", `/tasks?${query}`)), "query-invalid", query);
  const [{ id: newest = "" } = {}] = all;
  for (const part of [newest.slice(-8), newest.slice(9)])
    assert.equal(((await call("GET", `/tasks/${part}`)).body.task as { id: string }).id, newest);
  const many = newest.slice(0, 4);
  assert.equal(await code(call("GET", `/tasks/${many}`)), "id-ambiguous");
  assert.equal(await code(call("GET", `/tasks/${many}/output`)), "id-ambiguous");
  assert.equal(await code(call("POST", `/tasks/${many}/output/take`, {})), "id-ambiguous");
  assert.equal(await code(call("POST", `/tasks/${many}/cancel`, {})), "id-ambiguous");
  assert.equal(await code(call("GET", "/tasks/none")), "task-unknown");
  assert.equal(await code(call("GET", "/tasks/none/output")), "task-unknown");
  assert.equal(await code(call("POST", "/tasks/none/output/take", {})), "task-unknown");
  assert.equal(await code(call("POST", "/tasks/none/output/take", "[]")), "body-not-json");
  assert.equal(await code(call("POST", "/tasks/none/output/take", "x".repeat(20_000))), "body-too-large");
  assert.equal(await code(call("POST", "/tasks/none/cancel", {})), "task-unknown");
  assert.equal(await code(call("POST", "/tasks/none/cancel", "[]")), "body-not-json");
  assert.equal(await code(call("POST", "/tasks/none/cancel", "x".repeat(20_000))), "body-too-large");
});

test("messages, dead letters and statistics", async () => {
  assert.equal((await call("POST", "/agents/a/messages", { payload: { n: 1 } })).body.status, "sent");
  assert.equal((await call("POST", "/agents/away/messages", { type: "log" })).body.status, "queued");
  assert.equal(await code(call("POST", "/agents/a/messages", { type: "task" })), "message-invalid");
  assert.equal(await code(call("POST", "/agents/no-such/messages", {})), "agent-unknown");
  hub.hub.agent("a").ready?.send("log", {});
  await hub.hub.messages.send(
    { id: "m", from: "a", to: "no-such", type: "log", timestamp: 1, payload: {} },
    { type: "agent", id: "a" },
  );
  const { body } = await call("GET", "/admin/dlq");
  assert.equal(body.count, 1);
  const [{ id = "" } = {}] = body.messages as { id: string }[];
  assert.equal(await code(call("POST", "/admin/dlq/none/requeue")), "letter-unknown");
  assert.equal(await code(call("POST", `/admin/dlq/${id}/requeue`)), "still-undeliverable");
  await hub.hub.enrol("no-such", "n");
  assert.deepEqual((await call("POST", `/admin/dlq/${id}/requeue`)).body.queued, ["no-such"]);
  await hub.hub.revoke("no-such");
  const letter = { to: "no-such", reason: "r", json: "{}", at: 1 };
  for (const end of ["01", "02"]) await store.deadLetters.put({ ...letter, id: `ffff0000-${end}` });
  assert.equal(await code(call("POST", "/admin/dlq/ffff0000/requeue")), "id-ambiguous");
  const dead = (await call("GET", "/admin/dlq")).body.count;
  await call("GET", "/admin/stats");
  assert.equal((await call("DELETE", "/admin/dlq")).body.cleared, dead);
});

test("logs: pages and a stream of a runtime that has one", async () => {
  assert.equal(await code(call("GET", "/agents/a/logs")), "log-not-supported");
  assert.equal(await code(call("GET", "/agents/no-such/logs")), "agent-unknown");
  assert.equal(await code(call("GET", "/agents/no-such/logs/follow")), "agent-unknown");
  assert.equal(await code(call("GET", "/agents/away/logs")), "agent-offline");
  for (const path of ["logs?lines=0", "logs?after=x", "logs/follow?lines=501"])
    assert.equal(await code(call("GET", `/agents/a/${path}`)), "query-invalid", path);
  const runtime = TestRuntime.current(hub.hub, "talks", await hub.hub.enrol("talks", "n"));
  await runtime.hello("n", { features: ["log"] });
  const page = call("GET", "/agents/talks/logs?lines=5&after=2");
  const asked = (await runtime.next("log")).payload;
  assert.deepEqual([asked.after, asked.lines], [2, 5]);
  const line = { seq: 3, at: 1, level: "info", message: "hello" };
  runtime.send("log", { request: asked.request, id: "log-1", first: 1, last: 3, lines: [line] });
  assert.deepEqual((await page).body, { id: "log-1", first: 1, last: 3, lines: [line] });
  (await call("GET", "/agents/talks/logs/follow")).end();
  await hub.hub.revoke("talks");
});

test("events: filtered, in pages, and no more streams than are allowed", async () => {
  const { body } = await call("GET", "/events/recent?event=task.*&agent=a&limit=1");
  const [first] = body.events as { event: string; data: { agent: string } }[];
  assert.deepEqual([first?.event, first?.data.agent, body.complete], ["task.changed", "a", true]);
  const second = await call("GET", `/events/recent?event=task.*&agent=a&cursor=${String(body.next)}`);
  assert.equal(second.body.complete, true);
  assert.ok((second.body.events as unknown[]).length > 0);
  assert.equal((await call("GET", "/events/recent?cursor=other-1")).body.complete, false);
  assert.equal(await code(call("GET", "/events/recent?limit=-1")), "query-invalid");
  const streams = [await call("GET", "/events"), await call("GET", "/events?event=task.*")];
  assert.equal(await code(call("GET", "/events")), "too-many-streams");
  const [some] = store.tasks.list({ limit: 1, agent: "away" });
  assert.equal(await code(call("GET", `/tasks/${some?.id ?? ""}/output?from=0`)), "query-invalid");
  assert.equal(await code(call("GET", `/tasks/${some?.id ?? ""}/output`)), "too-many-streams");
  assert.equal(await code(call("GET", "/agents/a/logs/follow")), "too-many-streams");
  for (const stream of streams) stream.end();
});

test("the loop: what it answers, and that it may be absent", async () => {
  await call("GET", "/fleet");
  assert.equal(((await call("GET", "/fleet/readings")).body.readings as unknown[]).length, 1);
  assert.equal((await call("GET", "/plan")).status, 200);
  assert.equal((await call("POST", "/reconcile", { names: ["a"] })).status, 202);
  await call("POST", "/apply", { changes: [] });
  await call("POST", "/import", { name: "a" });
  assert.equal(await code(call("POST", "/import", {})), "query-invalid");
  for (const expected of [
    "not-declared",
    "already-ours",
    "instance-missing",
    "wrong-state",
    "world-moved",
  ] as const) {
    importError = new VmAgentError({ code: expected, message: "m", next: "n" });
    assert.equal(await code(call("POST", "/import", { name: "a" })), expected);
  }
  const absent: readonly (readonly [string, string, unknown?])[] = [
    ["GET", "/fleet"],
    ["GET", "/plan"],
    ["POST", "/reconcile", {}],
    ["POST", "/apply", {}],
    ["POST", "/import", { name: "a" }],
  ];
  for (const [method, path, body] of absent)
    assert.equal(await code(call(method, path, body, {}, bare.port)), "controller-absent");
});

test("the hub itself: health, readiness, metrics, audit and its description", async () => {
  for (const path of ["/health", "/ready", "/metrics", "/audit/verify", "/openapi.json"])
    assert.equal((await call("GET", path)).status, 200, path);
  const { body } = await call("GET", "/audit?action=runtime.*&subject=a&limit=1");
  const [entry] = body.entries as { seq: number; action: string; subject: string }[];
  assert.deepEqual([entry?.action.startsWith("runtime."), entry?.subject], [true, "a"]);
  const rest = await call("GET", `/audit?cursor=${String(body.next)}`);
  assert.ok((rest.body.entries as { seq: number }[]).every(({ seq }) => seq > (entry?.seq ?? 0)));
  assert.equal(((await call("GET", "/audit?actor=no-such")).body.entries as unknown[]).length, 0);
  for (const query of ["limit=0", "cursor=-1", "cursor=x"])
    assert.equal(await code(call("GET", `/audit?${query}`)), "query-invalid", query);
  const newest = await call("GET", "/audit?order=newest&kind=runtime&agent=a&limit=2");
  const [first, second] = newest.body.entries as { seq: number; action: string }[];
  assert.ok(first && second && first.seq > second.seq && first.action.startsWith("runtime."));
  assert.equal(await code(call("GET", "/audit/verify?seq=x")), "query-invalid");
  const wrong = await call("GET", `/audit/verify?seq=1&hash=${"0".repeat(64)}`);
  assert.deepEqual([wrong.body.intact, wrong.body.firstBroken], [false, 1]);
  assert.deepEqual((await call("POST", "/audit/acknowledge")).body, { losses: [] });
});

test("tokens: a join token for who has an instance, and a new operator token that counts at once", async () => {
  assert.equal(await code(call("POST", "/agents/no-such/join-token")), "agent-not-enrolled");
  const joining = await call("POST", "/agents/a/join-token");
  assert.equal(hub.hub.auth.admit("a", String(joining.body.token)).ok, true);
  assert.equal((await call("POST", "/operator-token")).status, 200);
  assert.equal(await code(call("GET", "/tasks")), "not-authorised");
  const before = token;
  token = tokenOf(hub);
  assert.notEqual(token, before);
  assert.equal((await call("GET", "/tasks")).status, 200);
});

test("faults of disk and database are problems as described", async () => {
  const { put } = store.kv;
  for (const fault of FAULT_CODES) {
    // The connection closed before the answer.
    if (fault === "body-too-slow") continue;
    const error = new VmAgentError({ code: fault, message: "m", next: "n" });
    Object.assign(store.kv, { put: () => Promise.reject(error) });
    const status = PROBLEM_CODES[fault].status;
    // 4xx ones come only from operations whose table says so.
    if (status >= 500) assert.deepEqual([(await call("GET", "/ready")).body.code, fault], [fault, fault]);
  }
  Object.assign(store.kv, { put });
});

test("bodies that are none are refused by every operation that reads one", async () => {
  for (const { method, path, body } of OPERATIONS) {
    if (body === undefined) continue;
    const at = path.replace("{id}", "a");
    assert.equal(await code(call(method.toUpperCase(), at, "[1]")), "body-not-json", path);
    assert.equal(await code(call(method.toUpperCase(), at, "x".repeat(20_000))), "body-too-large", path);
  }
});

test("the guard stands before every operation", async () => {
  const ask = (operation: (typeof OPERATIONS)[number], headers: Record<string, string>) =>
    code(call(operation.method.toUpperCase(), operation.path.replace("{id}", "a"), undefined, headers));
  for (const operation of OPERATIONS) {
    assert.equal(await ask(operation, { host: "evil.example" }), "host-not-allowed");
    assert.equal(await ask(operation, { origin: "http://evil.example" }), "origin-not-allowed");
  }
  const guarded = OPERATIONS.filter(({ path }) => path !== "/health");
  for (const operation of guarded) {
    assert.equal(await ask(operation, { authorization: "" }), "not-authorised");
    hub.clock.advance(10_000);
  }
  for (let i = 0; i < 10; i++) await call("GET", "/agents", undefined, { authorization: "Bearer wrong" });
  for (const operation of guarded)
    assert.equal(await ask(operation, { authorization: "Bearer wrong" }), "locked-out");
  assert.equal((await call("GET", "/agents")).status, 200, "the operator's own token is admitted meanwhile");
  hub.clock.advance(5 * 60_000 + 1);
});

test("every operation, and every code that it may answer, was seen here", () => {
  const missing = OPERATIONS.flatMap(({ id, path, answer, codes }) => {
    const guards = path === "/health" ? GUARD_CODES.slice(0, 2) : GUARD_CODES;
    const refusals = [...guards, ...codes].map((c) => `${id} ${PROBLEM_CODES[c].status} ${c}`);
    return [`${id} ${answer.status}`, ...refusals].filter((expected) => !seen.has(expected));
  });
  assert.deepEqual(missing, []);
});
