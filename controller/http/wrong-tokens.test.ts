/** A flood of wrong tokens from the same address: every valid token is admitted meanwhile, and few events report it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { connected, TestRuntime, until } from "../hub/testing/hub.ts";
import type { WrongTokens } from "../hub/testing/wrong-tokens.ts";
import { createApp } from "./app.ts";
import { listenHttp } from "./server.ts";
import { servedApi } from "./testing/served-api.ts";
import { page } from "./resources/web.ts";

const api = servedApi();

const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": Buffer.alloc(16).toString("base64"),
};

test("1,000 wrong tokens a second lock out no valid one, on any port, and cost one line per source and window", async (t) => {
  const { world, store } = api;
  const { hub } = world;
  const app = createApp({ hub, before: [page()] });
  const dashboard = await listenHttp({ app, hub, bind: "127.0.0.1", port: 0 });
  t.after(() => dashboard.stop(200));
  // The same names as the valid ones below, and one that this fleet does not know.
  const own = await connected(hub, "own");
  own.drop();
  const { token: first } = await hub.register("first", {});
  const join = await hub.enrol("joins", "n");
  const again = await hub.enrol("returns", "n");
  const credential = await returning(again);

  async function returning(token: string): Promise<string> {
    const runtime = TestRuntime.current(hub, "returns", token);
    const { credential } = await runtime.hello("n");
    runtime.send("ack", { credential: true });
    await until("the confirmation", () => store.credentials.get("returns")?.pendingHash === null);
    runtime.drop();
    return String(credential);
  }

  const upgrade = (name: string) => ({
    port: hub.agentPort,
    path: "/agent",
    headers: { ...UPGRADE, "x-agent": name },
  });
  const workerData: WrongTokens = {
    perSecond: 1000,
    targets: [
      { port: api.server.port, path: "/agents", headers: {} },
      { port: dashboard.port, path: "/tasks", headers: {} },
      ...["joins", "returns", "first", "of-another-fleet"].map(upgrade),
      { port: hub.agentPort, path: "/agent/first/TOKEN", headers: { ...UPGRADE, authorization: "" } },
    ],
  };
  let answered: Readonly<Record<string, number>> = {};
  const attacker = new Worker(new URL("../hub/testing/wrong-tokens.js", import.meta.url), { workerData });
  t.after(() => attacker.terminate());
  attacker.on("message", (counts: typeof answered) => {
    answered = counts;
  });
  const total = () => Object.values(answered).reduce((sum, n) => sum + n, 0);
  await until("every lockout", () => (answered["429"] ?? 0) > 1000, 120_000);

  for (let round = 0; round < 20; round++) {
    const before = total();
    assert.equal((await api.call("GET", "/agents")).status, 200);
    const signIn = await fetch(`http://127.0.0.1:${dashboard.port}/tasks?limit=1`, {
      headers: { authorization: `Bearer ${api.token}` },
    });
    assert.equal(signIn.status, 200);
    const runtime = TestRuntime.current(hub, "returns", credential);
    await runtime.hello("n");
    runtime.drop();
    const old = new TestRuntime(`ws://127.0.0.1:${hub.agentPort}/agent/first/${first}`, "first");
    await old.next("status");
    old.drop();
    await until("more of the attack", () => total() > before, 120_000);
  }
  await TestRuntime.current(hub, "joins", join).hello("n");

  await attacker.terminate();
  const reported = world.events.filter((event) => event.name === "auth.failed");
  // The two operator ports share one source; the three known names have one each, and all unknown ones together.
  assert.equal(reported.length, 5, JSON.stringify(reported));
  const { operator, runtime } = hub.authReports.counts;
  assert.ok(operator + runtime >= total(), `${operator} + ${runtime} counted, ${total()} answered`);
});
