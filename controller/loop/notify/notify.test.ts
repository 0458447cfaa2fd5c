/**
 * Notifications: sent once when a condition begins, to its subscribers; retried while a host fails; redirects are not
 * followed.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo, LookupFunction } from "node:net";
import { type TestContext, test } from "node:test";
import { text } from "node:stream/consumers";
import { NOTHING_ALLOWED } from "../../base/env.ts";
import { policyOf } from "../../core/testing/build.ts";
import type { Turn } from "../../core/types.ts";
import { reconcile } from "../turn.ts";
import { AWAY_MS, alertsOf, begun } from "./notify.ts";
import { SENDING, createSender } from "./send.ts";
import { watchForNotices } from "./watch.ts";
import { type Scene, createScene } from "../simulation/scene.ts";

/** A server that answers as the list says, then with 200; `bodies`: what it was sent. */
async function receiver(t: TestContext, answers: readonly number[] = []) {
  const bodies: Record<string, unknown>[] = [];
  const requests: IncomingMessage[] = [];
  const left = [...answers];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push(request);
      bodies.push(JSON.parse(body) as Record<string, unknown>);
      const status = left.shift() ?? 200;
      response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end();
      for (const tell of waiting) tell();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook/secret-path`,
    bodies,
    requests,
    got: (n: number) =>
      new Promise<void>((resolve) => {
        const check = () => bodies.length >= n && resolve();
        waiting.add(check);
        check();
      }),
  };
}

/** One look and one plan, on the scene's clock. */
async function turnOf(scene: Scene): Promise<Turn> {
  const { fence } = scene.deps;
  const options = { fence, busy: new Set<string>(), snapshotsMaxAge: 0 };
  const turn = reconcile(scene.deps, scene.desired, policyOf(), options);
  await scene.clock.advance(10_000);
  return turn;
}

/** Sleeps take no time; how long they would have been is noted. */
function instantClock() {
  const slept: number[] = [];
  return {
    slept,
    now: () => 0,
    sleep: async (ms: number) => {
      slept.push(ms);
    },
  };
}

test("what begins is new once; away for a moment is not away; later it is new again", () => {
  const alert = { event: "held", agent: "a", reason: "foreign", message: "m" } as const;
  const first = begun({}, [alert], 1000);
  assert.deepEqual(first.begun, [alert]);
  const still = begun(first.known, [{ ...alert, message: "other words" }], 2000);
  assert.deepEqual(still.begun, []);
  const away = begun(still.known, [], 2000 + AWAY_MS - 1);
  assert.deepEqual(begun(away.known, [alert], 2000 + AWAY_MS - 1).begun, []);
  const gone = begun(away.known, [], 2000 + AWAY_MS);
  assert.deepEqual(gone.known, {});
  assert.deepEqual(begun(gone.known, [alert], 99_999).begun, [alert]);
});

test("held, drifted and stalled, of a real turn", async () => {
  const scene = await createScene([{ name: "a", drift: "warn" }, { name: "b" }, { name: "c" }]);
  const a = await scene.running({ name: "a", drift: "warn" });
  await scene.running({ name: "c" });
  scene.world.put(a, "Stopped");
  scene.world.add({ name: "b", maker: "stranger", nonce: "x", size: a.size });
  const turn = await turnOf(scene);
  const failures = [
    { agent: "c", message: "no room", terminal: true },
    { agent: "a", message: "later", terminal: false },
  ];
  const reported = alertsOf(turn, failures).map(({ event, agent, reason }) => `${event} ${agent} ${reason}`);
  assert.deepEqual(reported.sort(), [
    "drifted a drift",
    "held a drift-mode",
    "held b foreign",
    "stalled a drift-mode",
    "stalled b foreign",
    "stalled c failed",
  ]);
});

test("a host that fails at first gets it later; what follows waits for its turn", async (t) => {
  const { url, bodies, got } = await receiver(t, [500, 503]);
  const clock = instantClock();
  const sender = createSender({ clock, onError: (error) => assert.fail(error) });
  sender.send(url, { n: 1 });
  sender.send(url, { n: 2 });
  await got(4);
  assert.deepEqual(bodies, [{ n: 1 }, { n: 1 }, { n: 1 }, { n: 2 }]);
  assert.deepEqual(clock.slept, [SENDING.firstMs, SENDING.firstMs * SENDING.factor]);
  await sender.close();
});

test("a redirect is not followed; after the last attempt the notification is dropped, and its path is not logged", async (t) => {
  const { url, requests } = await receiver(
    t,
    Array.from({ length: SENDING.tries }, () => 302),
  );
  const failed = Promise.withResolvers<Error>();
  const sender = createSender({ clock: instantClock(), onError: failed.resolve });
  sender.send(url, {});
  const error = await failed.promise;
  assert.match(error.message, /given up after 5 tries: it answered 302/);
  assert.doesNotMatch(error.message, /secret-path/);
  assert.deepEqual([...new Set(requests.map((r) => r.url))], ["/hook/secret-path"]);
  await sender.close();
});

test("of a followed remote: a name is judged by the address that is connected to", async (t) => {
  const { url, requests, got } = await receiver(t);
  const { port } = new URL(url);
  const at = (...addresses: readonly string[]) =>
    ((_name, _options, done) => {
      const found = addresses.map((address) => ({ address, family: 4 }));
      done(null, found);
    }) as LookupFunction;
  const send = async (host: string, hosts: readonly string[], names = at("127.0.0.1")) => {
    const failed = Promise.withResolvers<Error>();
    const trust = () => ({ allow: { ...NOTHING_ALLOWED, hosts }, restricted: true });
    const sender = createSender({ clock: instantClock(), onError: failed.resolve, trust, lookup: names });
    const before = requests.length;
    sender.send(`http://${host}:${port}/hook`, { host });
    const error = await Promise.race([failed.promise, got(before + 1)]);
    await sender.close();
    return error ? error.message : "sent";
  };
  assert.match(
    await send("rebound.example", []),
    /rebound\.example is at 127\.0\.0\.1, this machine or a private network; VM_AGENT_ALLOW_HOSTS=rebound\.example allows it/,
  );
  assert.match(
    await send("127.0.0.1", []),
    /its address is on 127\.0\.0\.1, this machine or a private network/,
  );
  assert.match(
    await send("mixed.example", [], at("203.0.113.9", "127.0.0.1")),
    /mixed\.example is at 127\.0\.0\.1/,
  );
  assert.deepEqual(requests, [], "nothing has arrived");
  for (const allowed of ["rebound.example", "127.0.0.0/8"])
    assert.equal(await send("rebound.example", [allowed]), "sent");
  assert.equal(await send("127.0.0.1", ["127.0.0.1"]), "sent");
  assert.equal(requests.length, 3);
});

test("of a followed remote: a redirect is not followed either", async (t) => {
  const { url, requests } = await receiver(
    t,
    Array.from({ length: SENDING.tries }, () => 302),
  );
  const failed = Promise.withResolvers<Error>();
  const trust = () => ({ allow: { ...NOTHING_ALLOWED, hosts: ["127.0.0.1"] }, restricted: true });
  const sender = createSender({ clock: instantClock(), onError: failed.resolve, trust });
  sender.send(url, {});
  assert.match((await failed.promise).message, /it answered 302/);
  assert.deepEqual([...new Set(requests.map((r) => r.url))], ["/hook/secret-path"]);
  await sender.close();
});

test("an address that does not answer holds a bounded number of notices", async () => {
  const errors: string[] = [];
  const silent = (_: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
    );
  const sender = createSender({
    clock: instantClock(),
    onError: (e) => errors.push(e.message),
    fetch: silent as unknown as typeof fetch,
  });
  for (let n = 0; n < SENDING.waiting + 3; n++) sender.send("http://127.0.0.1:1/x", { n });
  assert.equal(errors.length, 2);
  assert.match(errors[0] ?? "", /the oldest is dropped/);
  await sender.close();
});

test("on transition only, to those who asked for it, and not again after a restart", async () => {
  const notify = [
    { url: "https://one.example/a", on: ["held"] },
    { url: "https://two.example/b", on: ["drifted", "stalled"] },
  ];
  const scene = await createScene([{ name: "a" }], { notify });
  const sent: [string, unknown][] = [];
  scene.world.add({ name: "a", maker: "stranger", nonce: "x", size: { cpu: 1, memory: 1, disk: 1 } });
  const turn = await turnOf(scene);
  const watch = () =>
    watchForNotices({
      bus: scene.bus,
      clock: scene.clock,
      kv: scene.store.kv,
      sender: { send: (url, body) => sent.push([url, body]), close: async () => {} },
      fleet: "/fleet",
      desired: () => scene.desired,
      turn: () => turn,
      failures: () => [],
      onError: (error) => assert.fail(error as Error),
    });
  const end = watch();
  const look = () => scene.bus.emit("reconciled", { durationMs: 1, outcome: "held" });
  look();
  look();
  await scene.clock.rest();
  end();
  watch();
  look();
  assert.deepEqual(
    sent.map(([url, body]) => [url, (body as { event: string }).event]),
    [
      ["https://one.example/a", "held"],
      ["https://two.example/b", "stalled"],
    ],
  );
  const body = sent[0]?.[1] as Record<string, unknown>;
  assert.deepEqual(Object.keys(body).sort(), ["agent", "at", "event", "fleet", "message", "reason"]);
});
