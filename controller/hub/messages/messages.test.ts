/** Messages between agents: kept until the runtime has them, in order, bounded in number, size and rate; dead letters outlive the hub. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store } from "../../store/store.ts";
import type { Payload } from "../runtimes/frames.ts";
import type { Limits } from "../limits.ts";
import { aConfig, startHub, type TestHub, TestRuntime, until } from "../testing/hub.ts";
import { OPERATOR } from "./router.ts";

const folder = mkdtempSync(join(tmpdir(), "vm-agent-messages-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

async function scene(
  run: (test: TestHub, store: Store, again: () => Promise<TestHub>) => Promise<void>,
  limits: Partial<Limits> = {},
) {
  const path = join(folder, `${++count}.db`);
  let store = openStore(path);
  let hub = await startHub(store, limits);
  const again = async () => {
    await hub.stop();
    await store.close();
    store = openStore(path);
    hub = await startHub(store, limits);
    return hub;
  };
  try {
    await run(hub, store, again);
  } finally {
    await hub.stop();
    await store.close();
  }
}

/** A runtime that confirms what it stores. */
async function confirming(test: TestHub, name: string, token?: string): Promise<TestRuntime> {
  const runtime = TestRuntime.current(test.hub, name, token ?? (await test.hub.enrol(name, "n")));
  await runtime.hello("n", { features: ["messages"] });
  runtime.send("ack", { credential: true });
  return runtime;
}

const say = (runtime: TestRuntime, to: string, payload: Payload, type = "note") =>
  runtime.send("message", { to, type, payload }, "hub", `m${++count}`);

test("a message waits on disk until its runtime confirms it, over a restart of the hub and in order", () =>
  scene(async (test, store, again) => {
    const a = await confirming(test, "a");
    const token = await test.hub.enrol("b", "n");
    for (const n of [1, 2, 3]) say(a, "b", { n });
    // Its sender did not hear the answer and asks again: still one message.
    for (const _ of [1, 2]) a.send("message", { to: "b", type: "note", payload: { n: 4 } }, "hub", "same");
    for (const nth of [1, 2, 3, 4, 5]) assert.deepEqual((await nextAck(a, nth)).queued, ["b"]);
    assert.equal(store.messages.pending("b", 0).length, 4);
    const second = await again();
    const b = await confirming(second, "b", token);
    const got = await b.next("message");
    assert.deepEqual([got.payload.from, got.payload.type, got.payload.payload], ["a", "note", { n: 1 }]);
    // Not confirmed: it comes again with the next connection.
    b.drop();
    await until("b is gone", () => second.hub.registry.get("b")?.connection === null);
    const credential = b.frames.find((f) => f.type === "hello")?.payload.credential as string;
    const back = await confirming(second, "b", credential);
    for (const n of [1, 2, 3, 4]) {
      const { payload } = await back.next("message");
      assert.deepEqual(payload.payload, { n });
      back.send("ack", { deliveryId: payload.deliveryId });
    }
    await until("nothing waits", () => second.hub.store.messages.pending("b", 0).length === 0);
  }));

test("every agent's name is set by the hub, and no program can speak for its runtime", () =>
  scene(async (test, store) => {
    const a = await confirming(test, "a");
    const b = await confirming(test, "b");
    a.send("message", { to: "b", from: "c", deliveryId: "x", type: "response", payload: { taskId: "t" } });
    const got = (await b.next("message")).payload;
    assert.deepEqual([got.from, got.type], ["a", "response"]);
    assert.notEqual(got.deliveryId, "x");
    // Confirming what was sent to another changes nothing.
    a.send("ack", { deliveryId: got.deliveryId });
    say(a, "b", {}, "upgrade");
    assert.equal(((await nextAck(a, 2)).refused as Payload[])[0]?.reason, "type-not-routable");
    assert.equal(store.messages.pending("b", 0).length, 1);
  }));

const nextAck = (runtime: TestRuntime, nth: number) =>
  until(`acknowledgement ${nth}`, () => {
    const all = runtime.frames.filter((f) => f.type === "ack" && f.payload.messageId !== undefined);
    return all[nth - 1]?.payload;
  });

test("too large, too many, too old, unknown: the reason is returned and kept, and an operator can redeliver", () =>
  scene(
    async (test, store, again) => {
      const a = await confirming(test, "a");
      say(a, "b", { text: "x".repeat(2000) });
      say(a, "no-such", { n: 1 });
      await test.hub.enrol("b", "n");
      test.hub.configure("b", aConfig());
      say(a, "b", { n: 2 });
      say(a, "b", { n: 3 });
      const reasons = [];
      for (const nth of [1, 2, 3, 4]) {
        const { refused, queued } = await nextAck(a, nth);
        reasons.push((refused as Payload[])[0]?.reason ?? (queued as string[])[0]);
      }
      assert.deepEqual(reasons.sort(), ["b", "rate-limited", "too-large", "unknown-recipient"]);
      test.clock.advance(3_600_001);
      // Two at once, as the hub's own look at the hour may have begun first: what one of them finds is counted.
      await Promise.all([test.hub.messages.expire(), test.hub.messages.expire()]);
      await until(
        "it is over",
        () => test.hub.messages.counts.expired === 1 && store.deadLetters.count() === 3,
      );
      assert.equal(store.messages.pending("b", 0).length, 0);
      const second = await again();
      const { deadLetters } = second.hub.store;
      assert.deepEqual(
        deadLetters.list().map(({ to, reason }) => [to, reason]),
        [
          ["b", "too-large"],
          ["no-such", "unknown-recipient"],
          ["b", "expired"],
        ],
      );
      const [, unknown, expired] = deadLetters.list();
      assert.equal(
        (await second.hub.messages.requeue(unknown?.id ?? ""))?.refused[0]?.reason,
        "unknown-recipient",
      );
      assert.equal(deadLetters.count(), 3);
      assert.deepEqual((await second.hub.messages.requeue(expired?.id ?? ""))?.queued, ["b"]);
      assert.equal(deadLetters.count(), 2);
      assert.equal(await second.hub.messages.requeue("none"), null);
      await second.hub.revoke("b");
      assert.equal(deadLetters.list().at(-1)?.reason, "agent-removed");
    },
    { maxMessageBytes: 1000, messageBurst: 3, messagesPerSecond: 1 },
  ));

test("a long queue is written window by window, and nothing overtakes; a full inbox is left alone until it has room", () =>
  scene(async (test, store) => {
    const token = await test.hub.enrol("b", "n");
    const send = (n: number) =>
      test.hub.messages.send(
        { id: `${n}`, from: "", to: "b", type: "note", timestamp: 0, payload: { n } },
        OPERATOR,
      );
    await Promise.all(Array.from({ length: 250 }, (_, n) => send(n)));
    const b = await confirming(test, "b", token);
    const messages = () => b.frames.filter((f) => f.type === "message");
    await until("the first window", () => messages().length === 100);
    await send(250);
    b.send("health", { inboxFull: true });
    await until("the heartbeat", () => test.hub.registry.get("b")?.lastHealthCheck !== 0);
    assert.equal(messages().length, 100);
    for (let done = 0; done < 251; done += 1) {
      const frame = await until(`message ${done}`, () => messages()[done]);
      b.send("ack", { deliveryId: frame.payload.deliveryId });
    }
    assert.deepEqual(
      messages().map((f) => (f.payload.payload as Payload).n),
      Array.from({ length: 251 }, (_, n) => n),
    );
    await until("nothing waits", () => store.messages.pending("b", 0).length === 0);
  }));
