/** A runtime is given another bundle over its connection: it stays when it says hello, and the older one comes back when it does not. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type TestContext, test } from "node:test";
import { bundle, Guest } from "../../../agent/testing/guest.ts";
import { aConfig, startHub, type TestHub, until } from "../../hub/testing/hub.ts";
import type { RuntimeBundle } from "../../hub/runtimes/upgrades.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";

const BUNDLE = "/usr/local/lib/vm-agent/runtime.mjs";

const aBundle = (text: string): RuntimeBundle => ({
  version: "9.9.9",
  hash: createHash("sha256").update(text).digest("hex"),
  contents: Buffer.from(text),
});

/** A guest whose runtime is started again whenever it ends, as its unit does. */
class Supervised extends Guest {
  starts = 0;
  #stopped = false;

  override async start(): Promise<void> {
    const text = readFileSync((await bundle()).file);
    mkdirSync(dirname(this.path(BUNDLE)), { recursive: true });
    writeFileSync(this.path(BUNDLE), text);
    this.#launch();
  }

  #launch(): void {
    this.starts += 1;
    const child: ChildProcess = spawn(
      process.execPath,
      [this.path(BUNDLE), "--config", "/etc/vm-agent/runtime.json"],
      { env: { PATH: process.env.PATH, VM_AGENT_GUEST_ROOT: this.root }, stdio: ["ignore", "pipe", "pipe"] },
    );
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (data) => (this.log += String(data)));
    this.child = child;
    child.once("exit", () => void (this.#stopped || this.#launch()));
  }

  end(): Promise<number | string> {
    this.#stopped = true;
    return this.kill("SIGKILL");
  }
}

async function scene(t: TestContext, wanted: RuntimeBundle) {
  const world = await startHub(createMemoryStore(), { upgradeDeadline: 4000 }, undefined, wanted);
  const guest = new Supervised("agent-a", world.hub.agentPort);
  const joinToken = await world.hub.enrol("agent-a", "nonce-1");
  world.hub.configure("agent-a", aConfig());
  const { agentPort: port } = world.hub;
  const settings = { agent: "agent-a", nonce: "nonce-1", joinToken, hub: [`127.0.0.1:${port}`], port };
  guest.write("/etc/vm-agent/runtime.json", JSON.stringify(settings));
  t.after(async () => {
    await guest.end();
    await world.stop();
    rmSync(guest.root, { recursive: true, force: true });
  });
  await guest.start();
  return { world, guest };
}

const state = (world: TestHub, wanted: string) =>
  until(
    `an upgrade that is ${wanted}`,
    () =>
      world.events.find((e) => e.name === "runtime.upgrade" && e.data.state === wanted)?.data as
        | { reason: string }
        | undefined,
    30_000,
  );

const run = async ({ hub }: TestHub, command: string) => {
  const spec = { type: "exec", command };
  const { task } = await hub.requests.submit("agent-a", { spec, actor: "test", idempotencyKey: null });
  return task.id;
};
const ended = ({ hub }: TestHub, id: string) =>
  until(
    "the task's end",
    () => {
      const task = hub.engine.get(id);
      return task?.finishedAt ? task : null;
    },
    20_000,
  );

test("a good one takes the place of the older when nothing runs; what waits is run by the newer", async (t) => {
  const wanted = aBundle(`${readFileSync((await bundle()).file, "utf8")}\n// newer\n`);
  const { world, guest } = await scene(t, wanted);
  const facts = () => world.hub.registry.get("agent-a")?.facts;
  const older = (await until("hello", facts)).bundleHash;
  assert.notEqual(older, wanted.hash);
  const first = await run(world, 'until [ -e "$HOME/go" ]; do sleep 0.02; done; echo first');
  await state(world, "staged");
  const second = await run(world, "echo second");
  assert.equal(guest.starts, 1);
  mkdirSync(guest.path("/home/ubuntu"), { recursive: true });
  writeFileSync(guest.path("/home/ubuntu/go"), "");
  await state(world, "done");
  assert.equal((await ended(world, first)).state, "succeeded");
  assert.equal((await ended(world, second)).state, "succeeded");
  assert.equal(facts()?.bundleHash, wanted.hash);
  assert.equal(readFileSync(guest.path(BUNDLE), "utf8").endsWith("// newer\n"), true);
  assert.equal(guest.read("/var/lib/vm-agent/upgrade.json"), "");
  assert.equal(world.hub.readings()[0]?.upgrade, undefined);
  // The newer one is what the service starts from now on.
  const { starts } = guest;
  guest.child?.kill("SIGKILL");
  await until("the next start", () => guest.starts > starts, 20_000);
  await until("it is back", () => world.hub.registry.get("agent-a")?.ready, 20_000);
  assert.equal(facts()?.bundleHash, wanted.hash);
});

for (const [what, text, reason] of [
  ["cannot be loaded", "this is no program", /cannot be loaded/],
  ["ends at once", "process.exit(1)", /ended before/],
  ["never says hello, and lets nothing else of its thread run", "for (;;) {}", /no hello within 4000 ms/],
] as const) {
  test(`one that ${what}: the older one comes back, says so, and is not given it again`, async (t) => {
    const wanted = aBundle(text);
    const { world, guest } = await scene(t, wanted);
    assert.match((await state(world, "failed")).reason, reason);
    const agent = world.hub.registry.get("agent-a");
    const older = createHash("sha256")
      .update(readFileSync(guest.path(BUNDLE)))
      .digest("hex");
    assert.equal(agent?.facts?.bundleHash, older);
    assert.equal((await ended(world, await run(world, "echo still here"))).state, "succeeded");
    assert.equal(world.hub.readings()[0]?.upgrade?.state, "failed");
    const { starts } = guest;
    guest.child?.kill("SIGTERM");
    await until("the next start", () => guest.starts > starts, 20_000);
    await until("it is back", () => agent?.ready, 20_000);
    assert.equal((await ended(world, await run(world, "echo and here"))).state, "succeeded");
    assert.equal(guest.starts, starts + 1);
    const sent = world.events.filter((e) => e.name === "runtime.upgrade" && e.data.state === "sent");
    assert.equal(sent.length, 1);
  });
}
