/**
 * Several addresses, some of which drop, redirect or lie: the runtime finds the hub and shows its credential to no
 * other server.
 */
import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { FakeHub } from "../testing/fake-hub.ts";
import { type Guest, world } from "../testing/guest.ts";
import { until } from "../testing/until.ts";

const QUICK = { reconnectShortestMs: 50, reconnectLongestMs: 200 };

/** Listens on loopback, handles connections as configured, and records what was sent to it. */
async function unowned(t: TestContext, answer: (socket: Socket) => void) {
  const open = new Set<Socket>();
  const heard: string[] = [];
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on("data", (data) => heard.push(String(data)));
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { open, heard, port: (server.address() as AddressInfo).port };
}

function addresses(guest: Guest, hub: readonly string[]): void {
  const settings = JSON.parse(guest.read("/etc/vm-agent/runtime.json"));
  guest.write("/etc/vm-agent/runtime.json", JSON.stringify({ ...settings, hub }));
}

test("an address that swallows is not waited for, and is let go when another answers", async (t) => {
  const { hub, guest } = await world(t, { credential: "c", policy: QUICK });
  await hub.wait("ack", (ack) => ack.credential === true);
  const hole = await unowned(t, () => {});
  addresses(guest, [`127.0.0.1:${hole.port}`, `127.0.0.1:${hub.port}`]);
  let swallowing = false;
  hub.onConnection = () => {
    swallowing ||= hole.open.size === 1;
  };
  hub.closeWith(1012);
  await hub.wait("hello", (_, connection) => connection === 2);
  // Still being waited for when the hub was reached: they were tried side by side.
  assert.ok(swallowing);
  await until(() => hole.open.size === 0, "the end of the other attempt");
  hub.task("t1", { command: "echo here" });
  assert.equal((await hub.response("t1")).result?.stdout, "here\n");
  assert.equal(hub.tokens.length, 2);
});

test("a redirect is not followed; an address that opens and says nothing is left for the next", async (t) => {
  const { hub, guest } = await world(t, { credential: "c", policy: QUICK });
  await hub.wait("ack", (ack) => ack.credential === true);
  const elsewhere = await unowned(t, () => {});
  const redirect = await unowned(t, (socket) => {
    socket.end(
      `HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${elsewhere.port}/agent\r\nContent-Length: 0\r\n\r\n`,
    );
  });
  // Opens, then closes as a foreign server might.
  const other = new FakeHub();
  await other.start();
  t.after(() => other.stop());
  other.onConnection = () => other.closeWith(4009);
  addresses(guest, [`127.0.0.1:${redirect.port}`, `127.0.0.1:${other.port}`, `127.0.0.1:${hub.port}`]);
  hub.closeWith(1012);
  await hub.wait("hello", (_, connection) => connection === 2);
  assert.ok(redirect.heard.length > 0 && other.tokens.length === 1);
  assert.deepEqual(elsewhere.heard, []);
});

test("what the hub tells of its addresses is remembered, and used when the others fail", async (t) => {
  const reported = ["192.0.2.7:9090", "127.0.0.1:9"];
  const { hub, guest } = await world(t, { credential: "c", addresses: reported, policy: QUICK });
  const file = "/var/lib/vm-agent/hub.json";
  await until(() => guest.read(file) === '["192.0.2.7:9090"]', "the addresses on the disk");
  hub.options = { ...hub.options, addresses: ["hub.invalid:9090"] };
  hub.closeWith(1012);
  await until(() => guest.read(file) === '["hub.invalid:9090"]', "the newer ones");
  await hub.stop();
  await until(() => guest.log.includes("hub.invalid"), "an attempt there");
});

test("the host has moved: nothing answers where it was, and it is found at the gateway, with what ended meanwhile", async (t) => {
  const { hub, guest } = await world(t, { credential: "c", policy: QUICK });
  await hub.wait("ack", (ack) => ack.credential === true);
  const moved = new FakeHub({ credential: "c", policy: QUICK });
  await moved.start();
  t.after(() => moved.stop());
  const settings = JSON.parse(guest.read("/etc/vm-agent/runtime.json"));
  // 192.0.2.0/24 is reserved (RFC 5737). The gateway of a guest without isolation is this machine, at the port of the
  // settings.
  guest.write(
    "/etc/vm-agent/runtime.json",
    JSON.stringify({ ...settings, hub: ["192.0.2.7:9090"], port: moved.port }),
  );
  hub.task("t1", { command: "until [ -e ended ]; do sleep 0.05; done; echo well", cwd: guest.root });
  await hub.ack("t1", "running");
  await hub.stop();
  guest.write("/ended", "");
  const hello = await moved.wait("hello");
  assert.deepEqual([hello.nonce, moved.tokens], ["nonce-1", ["Bearer c"]]);
  assert.equal((await moved.response("t1")).result?.stdout, "well\n");
});
