/** The life of a runtime's secrets, at the port and on a real socket, with a clock that is moved by hand. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { createMemoryStore } from "../../store/memory/memory.ts";
import type { Store } from "../../store/store.ts";
import { connected, startHub, type TestHub, TestRuntime, until } from "../testing/hub.ts";

let store: Store;
let test: TestHub;

beforeEach(async () => {
  store = createMemoryStore();
  test = await startHub(store, { authFailuresAnyName: 30 });
});
afterEach(() => test.stop());

const refusedWith = async (runtime: TestRuntime) => until("a refusal", () => runtime.refused);

describe("a join token", () => {
  it("is exchanged for a credential, and dead once that is confirmed", async () => {
    const { hub } = test;
    const join = await hub.enrol("a", "n");
    const runtime = TestRuntime.current(hub, "a", join);
    const { credential } = await runtime.hello("n");
    assert.equal(typeof credential, "string");
    // Not confirmed yet: after a crash in the guest the join token still serves.
    assert.equal(hub.auth.admit("a", join).ok, true);
    runtime.send("ack", { credential: true });
    await until("the confirmation", () => !hub.auth.admit("a", join).ok);
    assert.deepEqual(hub.auth.admit("a", String(credential)), {
      ok: true,
      nonce: "n",
      renew: false,
      pending: false,
    });
    assert.ok(
      !JSON.stringify(store.credentials.get("a")).includes(String(credential)),
      "only hashes are kept",
    );
  });

  it("is dead too once the credential was used without a confirmation", async () => {
    const { hub } = test;
    const join = await hub.enrol("a", "n");
    const first = TestRuntime.current(hub, "a", join);
    const { credential } = await first.hello("n");
    first.drop();
    const second = TestRuntime.current(hub, "a", String(credential));
    assert.equal((await second.hello("n")).credential, undefined);
    assert.equal(hub.auth.admit("a", join).ok, false);
  });

  it("expires, serves one name only, and lives beside the one of an earlier try of the same launch", async () => {
    const { hub, clock } = test;
    const old = await hub.enrol("a", "n");
    const join = await hub.enrol("a", "n");
    assert.equal(hub.auth.admit("a", old).ok, true);
    assert.equal(hub.auth.admit("b", join).ok, false);
    assert.equal(hub.auth.admit("a", join).ok, true);
    clock.advance(15 * 60_000);
    assert.deepEqual(hub.auth.admit("a", join), { ok: false, reason: "expired" });
    assert.equal(await refusedWith(TestRuntime.current(hub, "a", join)), 401);
  });
});

describe("a restored snapshot", () => {
  it("comes with an older credential of the same claim, which is renewed", async () => {
    const { hub } = test;
    const first = await hub.enrol("a", "n");
    const one = TestRuntime.current(hub, "a", first);
    const older = String((await one.hello("n")).credential);
    one.send("ack", { credential: true });
    const again = await until("a confirmation", () => store.credentials.get("a")?.credentialHash);
    assert.ok(again);
    const second = await hub.enrol("a", "n");
    const two = TestRuntime.current(hub, "a", second);
    await two.hello("n");
    two.send("ack", { credential: true });
    await until("the second credential", () => store.credentials.get("a")?.olderHashes.length === 1);
    const three = TestRuntime.current(hub, "a", older);
    assert.equal(typeof (await three.hello("n")).credential, "string");
  });

  it("of another claim is refused: a new nonce forgets what went before", async () => {
    const { hub } = test;
    const runtime = await connected(hub, "a");
    assert.equal(runtime.closed, null);
    await hub.enrol("a", "another nonce");
    assert.equal(store.credentials.get("a")?.credentialHash, null);
  });
});

describe("a hello", () => {
  it("from a clone or with a foreign nonce is refused for good, and audited", async () => {
    const { hub } = test;
    const join = await hub.enrol("a", "n");
    const clone = await TestRuntime.current(hub, "a", join).opened();
    clone.send("hello", { protocol: [1], nonce: "n", instanceId: "a-clone", tasks: [] });
    assert.equal((await clone.hasEnded()).code, 4003);
    assert.match(clone.closed?.reason ?? "", /clone/);
    const foreign = await TestRuntime.current(hub, "a", join).opened();
    foreign.send("hello", { protocol: [1], nonce: "other", instanceId: "a", tasks: [] });
    assert.equal((await foreign.hasEnded()).code, 4003);
    assert.deepEqual(hub.readings(), []);
    assert.equal(store.audit.list(0, 100).filter((e) => e.action === "runtime.refused").length, 2);
  });

  it("of another protocol, or that does not come, ends the connection", async () => {
    await test.stop();
    test = await startHub(store, { helloDeadline: 30 });
    const { hub } = test;
    const join = await hub.enrol("a", "n");
    const future = await TestRuntime.current(hub, "a", join).opened();
    future.send("hello", { protocol: [7], nonce: "n", instanceId: "a" });
    assert.equal((await future.hasEnded()).code, 4009);
    const silent = await TestRuntime.current(hub, "a", join).opened();
    assert.equal((await silent.hasEnded()).code, 4009);
    const eager = await TestRuntime.current(hub, "a", join).opened();
    eager.send("health", {});
    assert.equal((await eager.hasEnded()).code, 4009);
  });

  it("on a second connection replaces the first", async () => {
    const { hub } = test;
    const join = await hub.enrol("a", "n");
    const first = TestRuntime.current(hub, "a", join);
    const { credential } = await first.hello("n");
    const second = TestRuntime.current(hub, "a", String(credential));
    await second.hello("n");
    assert.equal((await first.hasEnded()).code, 4008);
    assert.equal(hub.readings()[0]?.status, "online");
  });
});

describe("the door", () => {
  it("refuses by path, Host and Origin before it looks at a token", async () => {
    const { hub } = test;
    const join = await hub.enrol("a", "n");
    const url = `ws://127.0.0.1:${hub.agentPort}`;
    const good = { authorization: `Bearer ${join}`, "x-agent": "a" };
    const tries: readonly (readonly [string, Record<string, string>, number])[] = [
      ["/elsewhere", good, 404],
      ["/agent", { ...good, origin: "http://localhost:9092" }, 403],
      ["/agent", { ...good, origin: "null" }, 403],
      ["/agent", { ...good, host: "evil.example:9090" }, 403],
      ["/agent", { "x-agent": "a" }, 401],
      ["/agent", { ...good, "x-agent": "b" }, 401],
    ];
    for (const [path, headers, status] of tries) {
      assert.equal(
        await refusedWith(new TestRuntime(url + path, "a", headers)),
        status,
        `${path} ${JSON.stringify(headers)}`,
      );
    }
    assert.equal(hub.auth.admit("a", join).ok, true, "nothing of it used the token up");
  });

  it("locks wrong tokens out after ten, for five minutes, and admits a valid one meanwhile", async () => {
    const { hub, clock } = test;
    const join = await hub.enrol("a", "n");
    for (let i = 0; i < 10; i++)
      assert.equal(await refusedWith(TestRuntime.current(hub, "a", `wrong ${i}`)), 401);
    assert.equal(await refusedWith(TestRuntime.current(hub, "a", "wrong")), 429);
    const first = TestRuntime.current(hub, "a", join);
    const { credential } = await first.hello("n");
    first.send("ack", { credential: true });
    await until("the confirmation", () => !hub.auth.admit("a", join).ok);
    await TestRuntime.current(hub, "a", String(credential)).hello("n");
    assert.equal(await refusedWith(TestRuntime.current(hub, "a", join)), 429, "the join token is used up");
    clock.advance(5 * 60_000 + 1);
    assert.equal(await refusedWith(TestRuntime.current(hub, "a", "wrong")), 401);
  });

  it("reports wrong tokens once per source and window, with their number, and no secret", async () => {
    const { hub, clock, events } = test;
    await hub.enrol("a", "n");
    const wrong = async (name: string, times: number) => {
      for (let i = 0; i < times; i++) await refusedWith(TestRuntime.current(hub, name, "wrong"));
    };
    await wrong("a", 3);
    await wrong("of-another-fleet", 2);
    const secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
    await wrong(secret, 1);
    const reported = () => events.flatMap((e) => (e.name === "auth.failed" ? [e.data] : []));
    const from = { surface: "runtime", address: "127.0.0.1" } as const;
    const first = [
      { ...from, inNameOf: "a" },
      { ...from, inNameOf: "of-another-fleet", unknownName: true },
    ];
    assert.deepEqual(reported(), first);
    assert.deepEqual(hub.authReports.counts, { operator: 0, runtime: 6 });
    clock.advance(hub.limits.knockWindow);
    await until("the rest", () => reported().length === 4);
    assert.deepEqual(reported().slice(2), [
      { ...first[0], times: 2 },
      { ...first[1], times: 2 },
    ]);
    assert.ok(!JSON.stringify(events).includes(secret), "what is no name may be a secret in the wrong place");
    await wrong("a", 1);
    assert.equal(reported().length, 5, "a new window");
  });

  it("counts sources together where there are too many", async () => {
    await test.stop();
    test = await startHub(store, { authSources: 2 });
    const { hub, events } = test;
    for (const name of ["a", "b", "c", "d", "e"]) await hub.enrol(name, "n");
    for (const name of ["a", "b", "c", "d", "e"]) await refusedWith(TestRuntime.current(hub, name, "wrong"));
    hub.authReports.close();
    assert.deepEqual(
      events.flatMap((e) => (e.name === "auth.failed" ? [[e.data.address, e.data.times ?? 1]] : [])),
      [
        ["127.0.0.1", 1],
        ["127.0.0.1", 1],
        ["more addresses", 1],
        ["more addresses", 2],
      ],
    );
  });

  it("reports a clone that comes back again and again once an hour", async () => {
    const { hub, events } = test;
    const join = await hub.enrol("a", "n");
    for (let i = 0; i < 4; i++) {
      const clone = await TestRuntime.current(hub, "a", join).opened();
      clone.send("hello", { protocol: [1], nonce: "n", instanceId: "a-clone", tasks: [] });
      assert.equal((await clone.hasEnded()).code, 4003);
    }
    assert.equal(events.filter((e) => e.name === "auth.failed").length, 1);
    assert.equal(store.audit.list(0, 100).filter((e) => e.action === "runtime.refused").length, 1);
  });

  it("locks an address out that varies the name", async () => {
    const { hub } = test;
    for (let i = 0; i < 30; i++) await refusedWith(TestRuntime.current(hub, `name-${i}`, "wrong"));
    assert.equal(await refusedWith(TestRuntime.current(hub, "fresh", "wrong")), 429);
  });

  it("closes on frames that are too large or not JSON", async () => {
    await test.stop();
    test = await startHub(store, { maxFrameBytes: 2000 });
    const { hub } = test;
    const large = await connected(hub, "a");
    large.send("log", { text: "x".repeat(3000) });
    assert.equal((await large.hasEnded()).code, 1009);
    const runtime = await connected(hub, "b");
    // A frame without a type.
    runtime.send(undefined as never, {});
    assert.equal((await runtime.hasEnded()).code, 4009);
  });
});
