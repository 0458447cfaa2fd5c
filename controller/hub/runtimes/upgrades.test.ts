/** Which runtime is offered a bundle, how often, and what is known of it afterwards. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { createMemoryStore } from "../../store/memory/memory.ts";
import type { Payload } from "./frames.ts";
import { aConfig, startHub, TestRuntime, until } from "../testing/hub.ts";

const contents = Buffer.alloc(100_000, "newer");
const hash = createHash("sha256").update(contents).digest("hex");
const CURRENT = { features: ["upgrade", "messages"], bundleHash: "older", configHash: "config-1" };

async function scene(t: TestContext) {
  const { hub, stop } = await startHub(createMemoryStore(), {}, undefined, { version: "9", hash, contents });
  t.after(stop);
  hub.configure("a", aConfig());
  const state = () => hub.readings()[0]?.upgrade?.state;
  return {
    hub,
    state,
    is: (wanted: string) => until(`an upgrade that is ${wanted}`, () => state() === wanted),
    async connect(hello: Payload): Promise<TestRuntime> {
      const runtime = TestRuntime.current(hub, "a", await hub.enrol("a", "n"));
      await runtime.hello("n", { ...CURRENT, ...hello });
      await until("the agent", () => hub.agent("a").ready);
      return runtime;
    },
  };
}

/** The bundle as it came, piece by piece. */
async function receive(runtime: TestRuntime): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let size = 0; size < contents.length; ) {
    const { payload } = await runtime.next("upgrade");
    assert.deepEqual([payload.hash, payload.bytes, payload.offset], [hash, contents.length, size]);
    const part = Buffer.from(String(payload.data), "base64");
    parts.push(part);
    size += part.length;
  }
  return Buffer.concat(parts);
}

const offered = (runtime: TestRuntime) => runtime.frames.filter(({ type }) => type === "upgrade").length;

/** Whatever the hub wrote before this has come. */
async function quiet(runtime: TestRuntime): Promise<void> {
  runtime.send("message", { to: "no-such", type: "x", payload: {} }, "hub", "probe");
  await until("an answer", () => runtime.frames.some(({ type }) => type === "ack"));
}

test("what lies ready in the instance is not sent again over a reconnect, and is known to lie there", async (t) => {
  const { connect, is } = await scene(t);
  const first = await connect({});
  assert.deepEqual(await receive(first), contents);
  await is("sent");
  first.send("upgrade", { hash, state: "staged", reason: "" });
  await is("staged");
  first.drop();
  const second = await connect({ staged: hash });
  await quiet(second);
  assert.equal(offered(second), 0);
  await is("staged");
  second.drop();
  const third = await connect({ bundleHash: hash });
  await quiet(third);
  assert.equal(offered(third), 0);
});

test("an attempt that proves nothing is repeated, three times and no more; one that failed is not", async (t) => {
  const { hub, connect, is, state } = await scene(t);
  for (let n = 0; n < 3; n += 1) {
    const runtime = await connect({});
    await receive(runtime);
    runtime.send("upgrade", { hash, state: "inconclusive", reason: "no hello within 60000 ms" });
    await is("inconclusive");
    runtime.drop();
    await until("its end", () => hub.agent("a").connection === null);
  }
  const fourth = await connect({});
  await quiet(fourth);
  assert.deepEqual([offered(fourth), state()], [0, "failed"]);
  assert.match(hub.readings()[0]?.upgrade?.reason ?? "", /3 times/);
});

test("a paused agent's runtime is shown as another version and not offered anything; once it is resumed, it is", async (t) => {
  const { hub, connect, is } = await scene(t);
  hub.configure("a", aConfig({ paused: true }));
  const runtime = await connect({});
  await is("paused");
  await quiet(runtime);
  assert.equal(offered(runtime), 0);
  hub.configure("a", aConfig());
  assert.deepEqual(await receive(runtime), contents);
  await is("sent");
});

test("a runtime that failed with a bundle does not get it again; one older than upgrades is reported", async (t) => {
  const { hub, connect, is } = await scene(t);
  const failed = await connect({ failedUpgrades: [hash] });
  failed.send("upgrade", { hash, state: "failed", reason: "it cannot be loaded" });
  await is("failed");
  await quiet(failed);
  assert.equal(offered(failed), 0);
  failed.drop();
  const old = await connect({ features: [], version: "0.0.1" });
  await is("unsupported");
  assert.equal(offered(old), 0);
  assert.match(hub.readings()[0]?.upgrade?.reason ?? "", /version 0\.0\.1 cannot take 9/);
});
