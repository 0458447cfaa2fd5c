/** The agent port on real sockets: other addresses of loopback stand for bridges that come, move and go. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, get, type IncomingMessage } from "node:http";
import { connect, createServer as createPlain } from "node:net";
import { type NetworkInterfaceInfo, tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { candidates } from "../../../agent/session/gateway.ts";
import { systemClock } from "../../base/clock.ts";
import { createBus } from "../../base/events.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { BIND_BRIDGES, type Interfaces } from "./addresses.ts";
import { type AgentPort, openAgentPort } from "./agent-port.ts";
import { createHub } from "../hub.ts";
import { until } from "../testing/hub.ts";

const at = (...addresses: readonly string[]): NetworkInterfaceInfo[] =>
  addresses.map((address) => ({
    address,
    netmask: "255.0.0.0",
    family: "IPv4",
    mac: "00:00:00:00:00:00",
    internal: false,
    cidr: `${address}/8`,
  }));

// Only Linux answers on all of 127.0.0.0/8.
const skip = process.platform !== "linux" && "needs 127.0.0.2 and more on loopback";

/** As a runtime's connection: answered once, then whatever comes is sent back. */
function upgraded(_: IncomingMessage, socket: Duplex): void {
  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
  socket.on("error", () => {}).pipe(socket);
}

async function opened(t: TestContext, first: Interfaces, advertise = "auto", bind: string = BIND_BRIDGES) {
  let table = first;
  const reported: (string | null)[] = [];
  const door = await openAgentPort({
    make: () => createServer((_, response) => response.end("here")).on("upgrade", upgraded),
    bind,
    port: 0,
    advertise,
    interfaces: () => table,
    every: 3_600_000,
    changed: (problem) => reported.push(problem),
    onError: (error) => assert.fail(String(error)),
    resolve: async (host) => (host === "hub.lan" ? ["127.0.0.9"] : [host]),
  });
  t.after(() => {
    door.close();
    door.cut();
  });
  const become = async (next: Interfaces) => {
    table = next;
    await door.look();
  };
  return { door, reported, become };
}

/** What answers at this address: the port, or the reason why nothing does. */
function answers(door: AgentPort, host: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host, port: door.port, agent: false }, (response) => {
      response.on("data", (data: Buffer) => resolve(data.toString()));
    });
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

test("a bridge that comes with the first instance is opened, and nothing else", { skip }, async (t) => {
  const { door, reported, become } = await opened(t, { eth0: at("127.0.0.7") });
  assert.deepEqual(door.hosts(), ["127.0.0.1"]);
  assert.equal(await answers(door, "127.0.0.1"), "here");
  assert.equal(await answers(door, "127.0.0.2"), "ECONNREFUSED");
  await become({ eth0: at("127.0.0.7"), mpqemubr0: at("127.0.0.2") });
  assert.equal(await answers(door, "127.0.0.2"), "here");
  assert.equal(await answers(door, "127.0.0.7"), "ECONNREFUSED");
  assert.deepEqual(reported.at(-1), null);
  const before = reported.length;
  await door.look();
  assert.equal(reported.length, before);
});

test("a bridge that gets another address is followed; who is connected stays", { skip }, async (t) => {
  const { door, become } = await opened(t, { mpqemubr0: at("127.0.0.2") });
  const stays = connect(door.port, "127.0.0.2");
  t.after(() => stays.destroy());
  stays.write("GET /agent HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
  await once(stays, "data");
  await become({ mpqemubr0: at("127.0.0.3") });
  assert.equal(await answers(door, "127.0.0.3"), "here");
  assert.equal(await answers(door, "127.0.0.2"), "ECONNREFUSED");
  assert.equal(await answers(door, "127.0.0.1"), "here");
  stays.write("still here");
  const [answer] = (await once(stays, "data")) as [Buffer];
  assert.equal(answer.toString(), "still here");
  await become({});
  assert.deepEqual(door.hosts(), ["127.0.0.1"]);
  await become({ mpqemubr0: at("127.0.0.3") });
  assert.equal(await answers(door, "127.0.0.3"), "here");
});

test("an address in use is reported once, and opened when it is free", { skip }, async (t) => {
  const { door, reported, become } = await opened(t, {});
  const holder = createPlain().listen(door.port, "127.0.0.4");
  await once(holder, "listening");
  const bridge = { mpqemubr0: at("127.0.0.4") };
  await become(bridge);
  await become(bridge);
  const problems = reported.filter((problem) => problem !== null);
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /port \d+ on 127\.0\.0\.4 is in use; find who holds it/);
  holder.close();
  await once(holder, "close");
  await become(bridge);
  assert.equal(await answers(door, "127.0.0.4"), "here");
});

test("an address that is not there any more when it is opened keeps nothing from the others", async (t) => {
  const { door, reported, become } = await opened(t, {});
  // Kept for documentation: no machine has it.
  await become({ mpqemubr0: at("192.0.2.77") });
  assert.deepEqual(door.hosts(), ["127.0.0.1"]);
  assert.match(reported.at(-1) ?? "", /cannot listen on 192\.0\.2\.77/);
  assert.equal(await answers(door, "127.0.0.1"), "here");
});

test("what is written for instances is opened too, as far as it is this machine's", { skip }, async (t) => {
  const table = { eth0: at("127.0.0.9"), eth1: at("127.0.0.8") };
  const named = await opened(t, table, "hub.lan:7000");
  assert.deepEqual(named.door.hosts(), ["127.0.0.1", "127.0.0.9"]);
  const elsewhere = await opened(t, table, "203.0.113.1");
  assert.deepEqual(elsewhere.door.hosts(), ["127.0.0.1"]);
});

test("an address that was named is the only one, and bridges do not matter", { skip }, async (t) => {
  const { door, become } = await opened(t, {}, "auto", "127.0.0.5");
  await become({ mpqemubr0: at("127.0.0.2") });
  assert.deepEqual(door.hosts(), ["127.0.0.5"]);
  assert.equal(await answers(door, "127.0.0.2"), "ECONNREFUSED");
});

test("closed: no address accepts connections", { skip }, async (t) => {
  const { door } = await opened(t, { mpqemubr0: at("127.0.0.2") });
  door.close();
  for (const host of ["127.0.0.1", "127.0.0.2"]) assert.equal(await answers(door, host), "ECONNREFUSED");
});

const PIN = "ab".repeat(32);
/** The addresses advertised by a hub with TLS on a machine with these networks. */
const fingerprinted = (home: string, table: Interfaces): readonly string[] =>
  createHub({
    store: createMemoryStore(),
    bus: createBus(Date.now),
    clock: systemClock,
    settings: {
      home,
      bind: BIND_BRIDGES,
      agentPort: 9090,
      advertise: "auto",
      hostNames: [],
      tls: { cert: "", key: "", fingerprint: PIN },
    },
    interfaces: () => table,
  }).addresses();

test("with TLS and no bridge yet, the settings hold the fingerprint for the gateway", (t) => {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-door-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  for (const [table, host] of [
    [{}, "_gateway"],
    [{ eth0: at("192.0.2.9") }, "192.0.2.9"],
    [{ eth0: at("192.0.2.9"), mpqemubr0: at("10.1.2.1") }, "10.1.2.1"],
  ] as const) {
    const reported = fingerprinted(home, table as Interfaces);
    assert.deepEqual(reported, [`wss://${host}:9090/agent#sha256:${PIN}`]);
    // Nothing is ever said plainly to whoever answers at the gateway.
    for (const url of candidates(reported, 9090, "10.1.2.1")) assert.match(url, /^wss:.*#sha256:(ab){32}$/);
    assert.ok(candidates(reported, 9090, "10.1.2.1").some((url) => url.startsWith("wss://10.1.2.1:9090/")));
  }
});

test("a hub follows: it says where it listens now, and tells runtimes of it", { skip }, async (t) => {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-door-"));
  const store = createMemoryStore();
  const bus = createBus(Date.now);
  const heard: string[][] = [];
  bus.on("hub.listening", ({ addresses }) => void heard.push([...addresses]));
  let table: Interfaces = {};
  const hub = createHub({
    store,
    bus,
    clock: systemClock,
    settings: { home, bind: BIND_BRIDGES, agentPort: 0, advertise: "auto", hostNames: [] },
    limits: { interfacesInterval: 10 },
    interfaces: () => table,
  });
  await hub.start();
  t.after(async () => {
    await hub.stop(500);
    rmSync(home, { recursive: true, force: true });
  });
  const { agentPort: port } = hub;
  // An instance that is launched now asks its gateway: a list of loopback alone would keep it from that.
  assert.deepEqual(hub.addresses(), []);
  assert.equal(hub.clientUrl(), `ws://127.0.0.1:${port}`);
  table = { mpqemubr0: at("127.0.0.2") };
  await until("it says so", () => heard.length > 0);
  assert.deepEqual(heard, [[`127.0.0.1:${port}`, `127.0.0.2:${port}`]]);
  assert.deepEqual(hub.addresses(), [`127.0.0.2:${port}`]);
  assert.equal(hub.clientUrl(), `ws://127.0.0.2:${port}`);
  const answer = await fetch(`http://127.0.0.2:${port}/`);
  assert.equal(answer.status, 426);
});
