/** Agents of the hub's own names, and current agents on the first generation's path: refused with a reason, whatever their credential. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RESERVED_NAMES, isReservedName } from "../../schemas/reserved-names.ts";
import { createMemoryStore } from "../store/memory/memory.ts";
import { OPERATOR, route } from "./messages/router.ts";
import { connected, startHub, TestRuntime, until } from "./testing/hub.ts";

test("a name that the hub uses itself cannot be registered, in any case", async () => {
  const test = await startHub(createMemoryStore());
  try {
    for (const name of [...RESERVED_NAMES, "Hub", "BROADCAST"])
      await assert.rejects(test.hub.register(name, {}), { code: "agent-name-reserved" });
    await test.hub.register("hub-1", {});
    assert.equal(isReservedName("hub-1"), false);
  } finally {
    await test.stop();
  }
});

test("every name that the router treats specially is reserved", () => {
  const special = ["hub", "host", "broadcast"];
  for (const name of special) {
    const to = route(
      { to: name, type: "note" },
      { type: "agent", id: "a" },
      () => true,
      () => ["a", "b"],
    );
    assert.notDeepEqual(to, { kind: "agents", ids: [name] });
    assert.ok(isReservedName(name));
  }
});

test("an agent that has such a name already is turned away, and says why", async () => {
  const test = await startHub(createMemoryStore());
  try {
    for (const name of ["hub", "operator"]) {
      const token = await test.hub.enrol(name, "n");
      const runtime = TestRuntime.current(test.hub, name, token);
      await until("the refusal", () => runtime.refused);
      assert.equal(runtime.refused, 403);
      const shown = test.hub.agent(name).toObject().refused as { code: string; reason: string };
      assert.equal(shown.code, "agent-name-reserved");
      assert.match(shown.reason, /the hub uses itself.*vm-agent destroy/);
      // It can be removed.
      await test.hub.revoke(name);
      assert.throws(() => test.hub.agent(name), { code: "agent-unknown" });
    }
  } finally {
    await test.stop();
  }
});

test("a message of an agent never passes for the operator's, whatever its frame says", async () => {
  const test = await startHub(createMemoryStore());
  try {
    const a = await connected(test.hub, "a");
    const b = await connected(test.hub, "b");
    a.sendText(
      '{"id":"1","from":"hub","to":"b","type":"note","timestamp":1,"sender":"operator","payload":{"n":1}}',
    );
    a.sendText('{"id":"2","from":"hub","to":"b","type":"task","timestamp":1,"payload":{"taskId":"t"}}');
    await test.hub.messages.send(
      { id: "3", from: "", to: "b", type: "note", timestamp: 1, payload: { n: 2 } },
      OPERATOR,
    );
    const frames = [await b.next("note"), await b.next("note")];
    const shown = frames.map(({ from, payload }) => [from, payload.n]).sort();
    assert.deepEqual(shown, [
      ["a", 1],
      ["hub", 2],
    ]);
    const senders = b.texts.map((text) => (JSON.parse(text) as { sender?: string }).sender);
    assert.deepEqual(senders.filter((sender) => sender !== undefined).sort(), ["agent", "operator"]);
    assert.equal(b.frames.filter((frame) => frame.type === "task").length, 0);
    assert.equal((await a.next("error")).payload.code, "type-not-routable");
  } finally {
    await test.stop();
  }
});

test("/agent/ID/TOKEN admits agents that registered, and no current one with a valid credential", async () => {
  const test = await startHub(createMemoryStore());
  try {
    const url = `ws://127.0.0.1:${test.hub.agentPort}/agent`;
    const { token } = await test.hub.register("old", {});
    const old = new TestRuntime(`${url}/old/${token}`, "old");
    await old.next("status");
    const joined = await test.hub.enrol("new", "n");
    const wrong = new TestRuntime(`${url}/new/${joined}`, "new");
    await until("the refusal", () => wrong.refused);
    assert.equal(wrong.refused, 403);
    const current = TestRuntime.current(test.hub, "new", joined);
    const { credential } = await current.hello("n");
    current.send("ack", { credential: true });
    await until("the confirmation", () => test.hub.store.credentials.get("new")?.pendingHash === null);
    const again = new TestRuntime(`${url}/new/${String(credential)}`, "new");
    await until("the refusal", () => again.refused);
    assert.equal(again.refused, 403);
    assert.equal(test.hub.agent("new").refused?.code, "first-generation-path");
    assert.equal(current.closed, null, "the true connection stays");
  } finally {
    await test.stop();
  }
});
