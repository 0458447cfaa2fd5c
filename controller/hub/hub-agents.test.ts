/** hub-agents.ts over real sockets: what the loop does to an agent of the hub, and what it hears of its silence. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openStore } from "../store/sqlite/sqlite.ts";
import type { Store, TaskRecord } from "../store/store.ts";
import type { Payload } from "./runtimes/frames.ts";
import { aConfig, connected, startHub, type TestHub, TestRuntime, until } from "./testing/hub.ts";

let folder: string;
let store: Store;
let test: TestHub;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "vm-agent-hub-agents-"));
  store = openStore(join(folder, "vm-agent.db"));
  test = await startHub(store);
});
afterEach(async () => {
  await test.stop();
  await store.close();
  rmSync(folder, { recursive: true });
});

async function give(agent: string): Promise<TaskRecord> {
  const spec = { type: "exec", command: "echo hi" };
  return (await test.hub.requests.submit(agent, { spec, actor: "operator", idempotencyKey: null })).task;
}

describe("the loop's side of the hub", () => {
  it("pushes a configuration when the acknowledged hash differs, with secrets that are kept nowhere", async () => {
    const runtime = await connected(test.hub, "a");
    test.hub.configure("a", aConfig({ hash: "config-2", labels: { team: "core" } }));
    const config = await runtime.next("config");
    assert.deepEqual(config.payload.secrets, { KEY: "very secret" });
    runtime.send("ack", { configHash: "config-2" });
    await until("the acknowledgement", () => test.hub.readings()[0]?.configHash === "config-2");
    await store.flush();
    const kept = JSON.stringify([
      store.agents.list(),
      store.audit.list(0, 100),
      test.hub.agent("a").toObject(),
    ]);
    assert.ok(!kept.includes("very secret"));
  });

  it("sends a configuration again to a runtime that confirms another, three times and no more, and tells when it is the right one", async () => {
    const runtime = await connected(test.hub, "a");
    const reported = () => test.events.filter((e) => e.name === "runtime.configured").length;
    test.hub.configure("a", aConfig({ hash: "config-2" }));
    for (const confirmed of ["config-0", "config-2"]) {
      assert.equal((await runtime.next("config")).payload.hash, "config-2");
      runtime.send("ack", { configHash: confirmed });
    }
    await until("the news", () => reported() === 1);
    for (let n = 0; n < 5; n++) runtime.send("ack", { configHash: `config-0.${n}` });
    for (let n = 0; n < 3; n++) assert.equal((await runtime.next("config")).payload.hash, "config-2");
    await until("the last word", () => test.hub.agent("a").configHash === "config-0.4");
    runtime.send("ack", { configHash: "config-2" });
    await until("the news", () => reported() === 2);
    assert.equal(runtime.frames.filter(({ type }) => type === "config").length, 5);
  });

  it("a seal of other values is pushed, and is no difference from what is written", async () => {
    const runtime = await connected(test.hub, "a");
    for (const seal of ["one", "two"]) {
      test.hub.configure("a", aConfig({ hash: `config-3.${seal}`, keepSecrets: ["GONE"] }));
      const config = await runtime.next("config");
      assert.deepEqual([config.payload.hash, config.payload.keepSecrets], [`config-3.${seal}`, ["GONE"]]);
      runtime.send("ack", { configHash: `config-3.${seal}` });
      await until("the acknowledgement", () => test.hub.agent("a").configHash === `config-3.${seal}`);
      assert.equal(test.hub.readings()[0]?.configHash, "config-3");
    }
  });

  it("knows an agent by the name that it is called by too, for as long as it is", async () => {
    await test.hub.enrol("a", "n");
    test.hub.configure("a", aConfig({ calledAs: "c" }));
    assert.equal(test.hub.agent("c").id, "a");
    for (const calledAs of ["d", undefined]) {
      test.hub.configure("a", aConfig(calledAs === undefined ? {} : { calledAs }));
      assert.throws(() => test.hub.agent("c"), { code: "agent-unknown" });
    }
    assert.throws(() => test.hub.agent("d"), { code: "agent-unknown" });
    assert.equal(test.hub.agent("a").id, "a");
  });

  it("drains: nothing new starts, and it resolves when nothing runs", async () => {
    const runtime = await connected(test.hub, "a");
    await give("a");
    const task = await runtime.next("task");
    const drained = test.hub.drain("a", 60_000);
    const waiting = await give("a");
    assert.equal(waiting.state, "queued");
    runtime.answer(task);
    await drained;
    assert.equal(test.hub.engine.get(waiting.id)?.state, "queued");
    test.hub.undrain("a");
    assert.equal((await runtime.next("task")).payload.taskId, waiting.id);
    const impatient = new AbortController();
    const aborted = test.hub.drain("a", 60_000, impatient.signal);
    impatient.abort();
    await aborted;
    await test.hub.drain("a", 1);
    await test.hub.drain("no-such", 1);
  });

  it("revokes: the connection, the credential and the open tasks end", async () => {
    const runtime = await connected(test.hub, "a");
    const { id } = await give("a");
    await runtime.next("task");
    await test.hub.revoke("a");
    assert.equal((await runtime.hasEnded()).code, 4001);
    assert.equal(store.tasks.get(id)?.state, "expired");
    assert.equal(store.credentials.get("a"), null);
    assert.equal(test.hub.registry.get("a"), undefined);
    await store.flush();
    assert.deepEqual(store.agents.list(), []);
  });

  it("lets in again what was revoked by mistake: the same credential, the same settings, and tasks", async () => {
    const runtime = await connected(test.hub, "a");
    const token = await test.hub.auth.issue("a");
    assert.ok(token);
    const again = await test.hub.revoke("a");
    await runtime.hasEnded();
    assert.equal(test.hub.auth.admit("a", token).ok, false);
    await again?.();
    const back = TestRuntime.current(test.hub, "a", token);
    await back.hello("nonce of a", { configHash: "config-1" });
    assert.deepEqual(test.hub.enrolled(), ["a"]);
    assert.equal(test.hub.agent("a").config?.hash, "config-1");
    const { id } = await give("a");
    back.answer(await back.next("task"));
    await until("its success", () => test.hub.engine.get(id)?.state === "succeeded");
    assert.equal(await test.hub.revoke("no-such"), null);
  });

  it("asks for heartbeats three times within the silence that counts as offline, and tells it when that changes", async () => {
    const runtime = await connected(test.hub, "a", { offlineAfter: 12_000 });
    const reported = (type: string) =>
      runtime.frames.flatMap((f) => (f.type === type ? [(f.payload.policy as Payload).heartbeatMs] : []));
    assert.deepEqual(reported("hello"), [4000]);
    const paces = () => reported("config");
    test.hub.configure("a", aConfig({ offlineAfter: 6000 }));
    await until("the new pace", () => paces().length === 1);
    test.hub.configure("a", aConfig({ offlineAfter: 6000 }));
    test.hub.configure("a", aConfig({ offlineAfter: 600_000 }));
    await until("the usual pace", () => paces().length === 2);
    assert.deepEqual(paces(), [2000, 30_000]);
  });

  it("says of a silence whether it was to be expected: the instance is emptied to be stopped, or meant to be down", async () => {
    const diagnoses = () =>
      test.events.flatMap((e) =>
        e.name === "runtime.suspect" || e.name === "runtime.offline" ? [e.data.expected] : [],
      );
    await connected(test.hub, "a", { offlineAfter: 8000 });
    test.clock.advance(5000);
    await until("suspect", () => diagnoses().length === 1);
    await test.hub.drain("a", 1000);
    test.clock.advance(5000);
    await until("offline", () => diagnoses().length === 2);
    await connected(test.hub, "b", { offlineAfter: 8000, down: true });
    test.clock.advance(5000);
    await until("suspect", () => diagnoses().length === 3);
    assert.deepEqual(diagnoses(), [false, true, true]);
  });

  it("judges silence in two phases, by each agent's own patience, and not while the host slept", async () => {
    const runtime = await connected(test.hub, "a", { offlineAfter: 8000 });
    const status = () => test.hub.readings()[0]?.status;
    test.clock.advance(5000);
    await until("suspect", () => status() === "suspect");
    runtime.send("health", { cpu: 1 });
    await until("online", () => status() === "online");
    assert.deepEqual(test.hub.agent("a").toObject().health, { cpu: 1 });
    // Eight hours in one step: this process stood still, the runtime did not fall silent.
    test.clock.advance(8 * 3_600_000);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(status(), "online");
    test.clock.advance(5000);
    await until("suspect", () => status() === "suspect");
    test.clock.advance(5000);
    await until("offline", () => status() === "offline");
    const names = test.events.map((e) => e.name).filter((name) => name.startsWith("runtime."));
    assert.deepEqual(names, [
      "runtime.online",
      "runtime.suspect",
      "runtime.online",
      "runtime.provisioned",
      "runtime.suspect",
      "runtime.offline",
    ]);
  });
});
