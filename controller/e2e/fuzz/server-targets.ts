/** Fuzz targets on a real hub: frames of runtimes over WebSocket, requests over HTTP. It answers or closes, and never fails inside. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";
import { systemClock } from "../../base/clock.ts";
import { createBus } from "../../base/events.ts";
import { createApp } from "../../http/app.ts";
import { listenHttp } from "../../http/server.ts";
import { createHub } from "../../hub/hub.ts";
import { aConfig } from "../../hub/testing/hub.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { anyJson, anyText, type Chance, extremeJson, mutateJson, mutateText } from "./chance.ts";
import type { Check } from "./pure-targets.ts";

export interface Target {
  readonly check: Check;
  /** Throws when something was wrong at the end: errors inside, a hub that does not answer any more. */
  close(): Promise<void>;
}

/** Small, so that the bounds are met. */
const LIMITS = {
  maxQueuedTasks: 20,
  maxOpenTasks: 30,
  maxTasksKept: 50,
  pruneInterval: 200,
  maxBodyBytes: 5000,
  authFailures: 1e9,
  authFailuresAnyName: 1e9,
};

/** With the real store, on disk. */
export async function aHub() {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-fuzz-"));
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const settings = { home, bind: "127.0.0.1", agentPort: 0, advertise: "auto", hostNames: [] };
  const bus = createBus(systemClock.now, onError);
  const store = openStore(join(home, "vm-agent.db"));
  const hub = createHub({
    store,
    bus,
    clock: systemClock,
    settings,
    limits: LIMITS,
    onError,
  });
  await hub.start();
  const controller = {
    fleet: () => ({}) as never,
    plan: async () => null,
    reconcile: async () => {},
    apply: async () => ({ accepted: 0 }) as never,
    import: async (name: string) => ({ imported: name }),
  };
  const server = await listenHttp({ app: createApp({ hub, controller }), hub, bind: "127.0.0.1", port: 0 });
  return {
    hub,
    port: server.port,
    token: readFileSync(join(home, "operator-token"), "utf8").trim(),
    async close() {
      const answer = await fetch(`http://127.0.0.1:${server.port}/health`);
      assert.equal(answer.status, 200);
      await server.stop(200);
      await hub.stop(200);
      await store.close();
      rmSync(home, { recursive: true, force: true });
      assert.deepEqual(errors, []);
    },
  };
}

const task = { taskId: "t", epoch: 1 };
const FRAMES: readonly (readonly [string, unknown])[] = [
  [
    "hello",
    {
      protocol: [1],
      nonce: "n",
      instanceId: "a",
      bootId: "b",
      version: "1",
      bundleHash: "h",
      node: "18",
      configHash: "config-1",
      supports: ["exec"],
      tasks: [{ ...task, state: "running" }],
    },
  ],
  ["ack", { credential: true }],
  ["ack", { ...task, state: "accepted" }],
  ["ack", { configHash: "config-1" }],
  ["output", { ...task, seq: 1, stream: "stdout", data: "text", encoding: "utf8", dropped: 0 }],
  [
    "response",
    {
      ...task,
      success: true,
      result: {
        stdout: "",
        stderr: "",
        exitCode: 0,
        signal: null,
        timedOut: false,
        cancelled: false,
        droppedBytes: 0,
      },
      duration: 1,
    },
  ],
  [
    "health",
    {
      cpu: 1,
      memory: { total: 1, used: 1, free: 0, percent: 1 },
      disk: {},
      uptime: 1,
      systemUptime: 1,
      loadAverage: [1, 1, 1],
      currentTasks: ["t"],
    },
  ],
  ["log", { text: "x" }],
  ["task", { type: "exec", command: "true" }],
  ["message", { id: "m" }],
  ["status", {}],
  ["error", { code: "x", message: "y", next: "z" }],
];

export async function frames(): Promise<Target> {
  const { hub, port, token: operator, close } = await aHub();
  hub.configure("a", aConfig());
  /** What is listed stays small, whatever came: checked now and then. */
  const listed = async () => {
    for (const path of ["/agents", "/tasks?limit=5", "/admin/dlq"]) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { authorization: `Bearer ${operator}` },
      });
      const text = await answer.text();
      assert.equal(answer.status, 200, `${path}: ${text.slice(0, 500)}`);
      assert.ok(path === "/admin/dlq" || text.length < 64 * 1024, `${path} has ${text.length} bytes`);
    }
  };
  let lastTask = "t";
  let socket: WebSocket | null = null;
  let closed: { readonly code: number } | null = null;

  const connect = async () => {
    const token = await hub.enrol("a", "n");
    const fresh = new WebSocket(`ws://127.0.0.1:${hub.agentPort}/agent`, {
      headers: { authorization: `Bearer ${token}`, "x-agent": "a" },
      perMessageDeflate: false,
    });
    closed = null;
    fresh.on("close", (code) => {
      closed = { code };
    });
    fresh.on("error", () => {});
    await new Promise((resolve) => fresh.once("open", resolve).once("close", resolve));
    assert.equal(fresh.readyState, WebSocket.OPEN, "the hub lets a runtime with its token in");
    socket = fresh;
    return fresh;
  };
  /** Resolves when the hub has read all that was sent, or has closed. */
  const settled = (open: WebSocket) =>
    new Promise<void>((resolve) => {
      const done = () => {
        open.off("pong", done).off("close", done);
        resolve();
      };
      open.once("pong", done).once("close", done);
      if (open.readyState === WebSocket.OPEN) open.ping();
      else if (open.readyState === WebSocket.CLOSED) done();
    });

  return {
    async check(chance) {
      let open = socket ?? (await connect());
      if (open.readyState !== WebSocket.OPEN) open = await connect();
      // Most connections get beyond their hello first, or nothing else would be reached.
      if (!hub.registry.get("a")?.ready && !chance.oneIn(4)) open.send(envelope("hello", FRAMES[0]?.[1]));
      if (chance.oneIn(20)) {
        const request = { spec: { type: "exec", command: "true" }, actor: "operator", idempotencyKey: null };
        await hub.requests.submit("a", request).then(
          ({ task }) => {
            lastTask = task.id;
          },
          () => {},
        );
      }
      const [type, payload] = chance.pick(FRAMES);
      const about =
        (payload as { taskId?: string }).taskId === undefined
          ? payload
          : { ...(payload as object), taskId: lastTask };
      let text = envelope(
        chance.oneIn(30) ? anyText(chance, 10) : type,
        chance.oneIn(8) ? about : mutateJson(chance, about),
      );
      if (chance.oneIn(10)) text = mutateText(chance, text);
      // Up to the size limit and a little beyond it, as text: JSON.stringify could not write some of them.
      if (chance.oneIn(25))
        text = envelope(type, "PAYLOAD").replace('"PAYLOAD"', () => extremeJson(chance, 4.2e6));
      if (chance.oneIn(100)) await listed();
      if (chance.oneIn(100)) open.send(Buffer.from(text), { binary: true });
      else open.send(text);
      await settled(open);
      if (closed !== null)
        assert.ok(
          [1002, 1007, 1009, 1012, 4001, 4003, 4008, 4009].includes((closed as { code: number }).code),
          JSON.stringify(closed),
        );
    },
    async close() {
      socket?.terminate();
      await close();
    },
  };
}

const envelope = (type: string, payload: unknown): string =>
  JSON.stringify({ id: "m", from: "a", to: "hub", type, timestamp: 1, payload });

const PATHS = [
  "/agents/register",
  "/agents",
  "/agents/a/status",
  "/agents/a/task",
  "/agents/a/messages",
  "/agents/a/join-token",
  "/agents/a/logs",
  "/tasks",
  "/tasks/x",
  "/tasks/x/cancel",
  "/reconcile",
  "/apply",
  "/import",
  "/audit",
  "/audit/verify",
  "/events/recent",
  "/admin/stats",
  "/admin/dlq",
  "/health",
  "/ready",
  "/metrics",
  "/plan",
  "/nothing",
];
const BODIES: readonly unknown[] = [
  { type: "exec", command: "true", timeout: 1000, env: { A: "b" } },
  { type: "script", script: "x", interpreter: "sh" },
  { type: "file:write", filePath: "/x", content: "y", encoding: "utf8" },
  { type: "git:clone", repoUrl: "https://x/y", targetPath: "/x" },
  { capability: "build", task: { type: "exec", command: "true" } },
  { agents: ["a"], task: { type: "exec", command: "true" } },
  { agentId: "guest", metadata: { type: "x", capabilities: ["y"] } },
  { type: "log", payload: { a: 1 } },
  { names: ["a"] },
  { changes: [{ agent: "a", action: "create" }], allowDelete: [] },
];
const QUERIES = [
  "limit=1",
  "limit=-1",
  "limit=1e9",
  "cursor=x",
  "state=queued,x",
  "after=1",
  "order=newest",
  "seq=1&hash=x",
  "status=online",
  "lastEventId=x",
  "label=a=b",
];

export async function bodies(): Promise<Target> {
  const { hub, port, token, close } = await aHub();
  await hub.enrol("a", "n");
  hub.configure("a", aConfig());
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const ask = (chance: Chance): Promise<number> => {
    const method = chance.pick(["GET", "POST", "POST", "POST", "DELETE", "PUT", "HEAD"]);
    let path = chance.pick(PATHS);
    if (chance.oneIn(8))
      path = `/${encodeURIComponent(mutateText(chance, path).replaceAll(/[\ud800-\udfff]/g, "?"))}`;
    if (chance.oneIn(6)) path = `${path}?${chance.pick(QUERIES)}`;
    if (chance.oneIn(40)) path = `${path}%`;
    let body =
      method === "GET" || method === "HEAD"
        ? ""
        : JSON.stringify(chance.oneIn(8) ? anyJson(chance) : mutateJson(chance, chance.pick(BODIES)));
    if (chance.oneIn(10)) body = mutateText(chance, body ?? "");
    if (chance.oneIn(300)) body = "x".repeat(6000);
    const headers: Record<string, string> = {
      authorization: chance.oneIn(50) ? "Bearer wrong" : `Bearer ${token}`,
    };
    if (chance.oneIn(10))
      headers["content-type"] = chance.pick([
        "text/plain",
        "application/json; charset=x",
        "multipart/form-data",
      ]);
    if (chance.oneIn(10))
      headers["idempotency-key"] = encodeURIComponent(
        anyText(chance, 20).replaceAll(/[\ud800-\udfff]/g, "?"),
      );
    if (chance.oneIn(30)) headers.origin = chance.pick(["null", "http://evil.example"]);
    if (chance.oneIn(30)) headers.host = chance.pick(["evil.example", "[::1", ":", "localhost:x"]);
    return new Promise((resolve, reject) => {
      const asking = request({ host: "127.0.0.1", port, method, path, headers, agent }, (answer) => {
        answer.resume();
        answer.once("end", () => resolve(answer.statusCode ?? 0));
      });
      asking.once("error", (error: NodeJS.ErrnoException) => {
        // A refused body: the server may close before all of it is sent.
        if (error.code === "ECONNRESET" || error.code === "EPIPE") resolve(413);
        else reject(error);
      });
      // Node itself sends no length with the body of a DELETE.
      if (body) asking.setHeader("content-length", Buffer.byteLength(body));
      asking.end(body);
    });
  };
  return {
    async check(chance) {
      const status = await ask(chance);
      assert.ok(status >= 200 && status < 600 && status !== 500, `status ${status}`);
    },
    async close() {
      agent.destroy();
      await close();
    },
  };
}
