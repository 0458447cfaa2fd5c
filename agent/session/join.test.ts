/** The real bundle joins a hub, keeps its credential, takes configuration, and comes back by itself. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildRuntime } from "../build.ts";
import { config } from "../testing/fake-hub.ts";
import { bundle, world } from "../testing/guest.ts";
import { FEATURES } from "./wire.ts";
import { until } from "../testing/until.ts";

test("the bundle is small, the same every time, and knows its version", async () => {
  const first = await bundle();
  const second = await buildRuntime();
  assert.equal(first.hash, second.hash);
  assert.ok(first.bytes <= 150_000, `${first.bytes} bytes`);
  const text = readFileSync(first.file, "utf8");
  assert.doesNotMatch(text, /bufferutil|utf-8-validate/);
  const run = spawnSync(process.execPath, [first.file, "--version"], { encoding: "utf8" });
  assert.deepEqual([run.status, run.stdout], [0, `${first.version}\n`]);
  assert.equal(spawnSync(process.execPath, [first.file, "--nonsense"]).status, 64);
  const absent = spawnSync(process.execPath, [first.file, "--config", "/nowhere.json"], { encoding: "utf8" });
  assert.equal(absent.status, 78);
  assert.match(absent.stdout, /\/nowhere\.json/);
});

test("join: hello, credential on disk, join token gone, then its own credential", async (t) => {
  const { hub, guest } = await world(t, { credential: "credential-1", config: config() });
  const hello = await hub.wait("hello");
  const { hash, version } = await bundle();
  assert.deepEqual(
    { ...hello, bootId: undefined, node: undefined, supports: undefined },
    {
      protocol: [1],
      nonce: "nonce-1",
      instanceId: guest.name,
      bootId: undefined,
      version,
      bundleHash: hash,
      node: undefined,
      configHash: null,
      supports: undefined,
      features: FEATURES,
      staged: "",
      failedUpgrades: [],
      tasks: [],
    },
  );
  assert.ok(String(hello.bootId).length > 10);
  assert.ok((hello.supports as readonly string[]).includes("exec"));
  await hub.wait("ack", (ack) => ack.credential === true);
  assert.equal(guest.read("/var/lib/vm-agent/credential").trim(), "credential-1");
  assert.equal(statSync(guest.path("/var/lib/vm-agent/credential")).mode & 0o777, 0o600);
  assert.equal(statSync(guest.path("/etc/vm-agent/runtime.json")).mode & 0o777, 0o600);
  assert.doesNotMatch(guest.read("/etc/vm-agent/runtime.json"), /joinToken|join-1/);
  assert.equal(hub.tokens[0], "Bearer join-1");

  await hub.stop();
  await hub.start();
  const again = await hub.wait("hello", (_, connection) => connection === 2);
  assert.equal(hub.tokens[1], "Bearer credential-1");
  assert.equal(again.configHash, "config-1");
  assert.doesNotMatch(guest.log, /join-1|credential-1/);
});

test("health comes at once and again, with figures", async (t) => {
  const { hub } = await world(t, { policy: { heartbeatMs: 200 } });
  await until(() => hub.all("health").length >= 3, "three heartbeats");
  const health = hub.all("health").at(-1)!;
  const memory = health.memory as Record<string, number>;
  assert.ok(memory.total! > 0 && memory.used! > 0 && memory.percent! > 0 && memory.percent! <= 100);
  assert.ok((health.disk as Record<string, number>).total! > 0);
  assert.ok(Number(health.cpu) >= 0 && Number(health.cpu) <= 100);
  assert.equal((health.loadAverage as readonly number[]).length, 3);
  assert.deepEqual(health.currentTasks, []);
});

test("a configuration that asks for another pace is followed at once, not after the pause of before", async (t) => {
  const { hub } = await world(t, { policy: { heartbeatMs: 600_000 } });
  await until(() => hub.all("health").length === 1, "the first heartbeat");
  hub.send("config", { ...config(), policy: { heartbeatMs: 100 } });
  await until(() => hub.all("health").length >= 4, "three more heartbeats");
});

test("secrets reach tasks and masks their output, but never the disk; after a restart tasks wait for them", async (t) => {
  const secret = "s3cret-value";
  const pushed = config({ env: { COLOUR: "blue" }, secrets: { KEY: secret } });
  const { hub, guest } = await world(t, { credential: "c", config: pushed });
  await hub.wait("ack", (ack) => ack.configHash === "config-1");
  hub.task("t1", {
    command: 'echo "$COLOUR $KEY $EXTRA $(printf %s "$KEY" | wc -c)"',
    env: { EXTRA: "more" },
  });
  const first = await hub.response("t1");
  assert.equal(first.result?.stdout, `blue *** more ${secret.length}\n`);
  assert.equal(
    hub
      .all("output", "t1")
      .map((chunk) => chunk.data)
      .join(""),
    first.result?.stdout,
  );
  await until(() => readdirSync(guest.path("/var/lib/vm-agent/spool")).length === 0, "an empty spool");
  for (const name of readdirSync(guest.root, { recursive: true, withFileTypes: true })) {
    if (name.isFile())
      assert.ok(!readFileSync(join(name.parentPath, name.name), "utf8").includes(secret), name.name);
  }
  assert.ok(!guest.log.includes(secret));

  await guest.kill("SIGTERM");
  hub.options = { credential: "c" };
  await guest.start();
  const hello = await hub.wait("hello", (_, connection) => connection === 2);
  assert.equal(hello.configHash, null);
  hub.task("t2", { command: "echo $KEY | wc -c" });
  await hub.ack("t2", "accepted");
  assert.equal(hub.all("ack", "t2").length, 1);
  hub.send("config", { ...pushed });
  const second = await hub.response("t2");
  assert.equal(second.result?.stdout.trim(), String(secret.length + 1));
});

test("a refused join token leads to patience, and an address that does not answer to the next one", async (t) => {
  const { hub, guest } = await world(t);
  hub.closeWith(4001);
  await until(() => /next attempt in 3\d\.\d s/.test(guest.log), "a pause of 30 s");
  const settings = JSON.parse(guest.read("/etc/vm-agent/runtime.json"));
  guest.write(
    "/etc/vm-agent/runtime.json",
    JSON.stringify({ ...settings, hub: ["127.0.0.1:1", ...settings.hub] }),
  );
  guest.child?.kill("SIGHUP");
  await hub.wait("hello", (_, connection) => connection === 2);
});

test("a second runtime in the same instance does not start", async (t) => {
  const { guest } = await world(t);
  const { file } = await bundle();
  const run = spawnSync(process.execPath, [file, "--config", "/etc/vm-agent/runtime.json"], {
    env: { VM_AGENT_GUEST_ROOT: guest.root },
    encoding: "utf8",
  });
  assert.equal(run.status, 75);
  assert.match(run.stdout, /another runtime/);
});

test("less than 60 MB resident when idle", { skip: process.platform !== "linux" }, async (t) => {
  const { hub, guest } = await world(t, { policy: { heartbeatMs: 100 } });
  await until(() => hub.all("health").length > 5, "a while of idling");
  // What starting took is given back within a moment.
  await until(
    () => guest.rss() < 60 * 1024,
    () => `less than 60 MB; it has ${guest.rss()} kB`,
  );
});

/** Nodes beside the one that runs the tests: the machine's own, or the one that `npm run test:nodes` fetched. */
const OTHER_NODES = (
  process.env.VM_AGENT_TEST_NODE === undefined ? ["/usr/bin/node"] : [process.env.VM_AGENT_TEST_NODE]
).filter((file) => existsSync(file));
for (const node of OTHER_NODES) {
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  test(`runs on ${version} as well`, async (t) => {
    const { hub, guest } = await world(t, { credential: "c" }, node);
    hub.task("t1", { command: "echo out; exit 5" });
    const { result } = await hub.response("t1");
    assert.deepEqual([result?.exitCode, result?.stdout], [5, "out\n"]);
    assert.doesNotMatch(
      guest.log,
      /unrecognized flag|ExperimentalWarning|\(node:/,
      "what its journal would show",
    );
  });
}
