/** Clients that never finish what they began, on all ports: each is cut at its documented deadline, checked every second. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { startHub, TestRuntime, until } from "../hub/testing/hub.ts";
import { createMemoryStore } from "../store/memory/memory.ts";
import { createApp } from "./app.ts";
import { listenHttp } from "./server.ts";
import { tokenOf } from "./testing/served-api.ts";
import { page } from "./resources/web.ts";

const DEADLINES = { headersDeadline: 2000, bodyDeadline: 4000, keepAlive: 2000, helloDeadline: 2000 };
/** Far beyond what a busy machine adds, and short of the 30 s between two checks that Node makes by default. */
const LATEST_MS = 25_000;

/** Milliseconds until the other end closed the connection; the client itself never closes. */
function heldFor(t: TestContext, port: number, text: string): Promise<number> {
  const begun = performance.now();
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  t.after(() => socket.destroy());
  return new Promise((resolve) => {
    const done = () => resolve(performance.now() - begun);
    socket.on("error", done);
    socket.on("end", done);
    socket.on("data", () => {});
    socket.on("connect", () => socket.write(text));
  });
}

test("half a header, a slow body, an idle connection, no hello: cut at the deadline on every port", async (t) => {
  const store = createMemoryStore();
  const world = await startHub(store, DEADLINES);
  const { hub } = world;
  t.after(() => world.stop());
  const api = await listenHttp({ app: createApp({ hub }), hub, bind: "127.0.0.1", port: 0 });
  t.after(() => api.stop(200));
  const app = createApp({ hub, before: [page()] });
  const dashboard = await listenHttp({ app, hub, bind: "127.0.0.1", port: 0 });
  t.after(() => dashboard.stop(200));
  const token = tokenOf(world);
  const join = await hub.enrol("a", "n");
  const upgrade = `GET /agent HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}\r\nX-Agent: a\r\n`;
  const post = `POST /reconcile HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: 100\r\n\r\n{`;
  const { headersDeadline, bodyDeadline, keepAlive, helloDeadline } = DEADLINES;
  const cases: (readonly [what: string, port: number, text: string, from: number])[] = [];
  for (const [name, port] of [
    ["API", api.port],
    ["dashboard", dashboard.port],
    ["agents", hub.agentPort],
  ] as const) {
    cases.push(
      [`${name}: nothing at all`, port, "", headersDeadline],
      [`${name}: half a header`, port, "GET /health HTTP/1.1\r\nHost: loc", headersDeadline],
      [`${name}: no hello`, port, `${upgrade}Authorization: Bearer ${join}\r\n\r\n`, helloDeadline],
      [`${name}: a refused upgrade`, port, `${upgrade}Authorization: Bearer wrong\r\n\r\n`, 0],
    );
    if (name === "agents") continue;
    cases.push(
      [`${name}: idle after an answer`, port, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", keepAlive],
      [`${name}: a slow body`, port, post, bodyDeadline],
    );
  }
  await Promise.all(
    cases.map(async ([what, port, text, from]) => {
      const held = await heldFor(t, port, text);
      if (process.env.VM_AGENT_TEST_FIGURES) t.diagnostic(`${what}: ${Math.round(held)} ms of ${from}`);
      assert.ok(held >= from - 20, `${what} was cut after ${held} ms, before ${from}`);
      assert.ok(held < from + LATEST_MS, `${what} was held for ${held} ms`);
    }),
  );
  // The clients above never closed: what the hub still counted would be descriptors that it lost.
  await until("no connection is left", () => Object.values(hub.admission.counts).every((n) => n === 0));
});

test("an agent's connections that owe their hello are few, and keep no other agent out", async (t) => {
  const world = await startHub(createMemoryStore(), { maxPreAuthConnections: 6, maxWaitingPerAgent: 2 });
  const { hub } = world;
  t.after(() => world.stop());
  const join = await hub.enrol("greedy", "n");
  const other = await hub.enrol("other", "n");
  const owing = [];
  for (let n = 0; n < 8; n++) owing.push(await TestRuntime.current(hub, "greedy", join).opened());
  for (const runtime of owing.slice(0, 6)) assert.equal((await runtime.hasEnded()).code, 4008);
  assert.deepEqual(
    owing.slice(6).map((runtime) => runtime.closed),
    [null, null],
  );
  await TestRuntime.current(hub, "other", other).hello("n");
});
