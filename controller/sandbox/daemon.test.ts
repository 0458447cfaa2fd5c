// What many clients meet: one call at a time, work that outlives its client, faults that come back with their seed.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { FaultRule } from "./faults.ts";
import { acquire } from "./lock.ts";
import { removeTree } from "./instances/remove-tree.ts";
import { type Ran, until, World } from "./testing/test-world.ts";

let world: World;
before(() => {
  world = new World();
});
after(() => world.close());

const hold = (phase: string): void => writeFileSync(join(world.state, "hold"), phase);
const list = async (): Promise<string> => (await world.run(["list", "--no-ipv4"])).stdout;

describe("several clients", { concurrency: false }, () => {
  test("a launch goes on when its client is killed", async () => {
    hold("unknown");
    const killer = new AbortController();
    const launch = world.run(["launch", "--name", "k1"], { signal: killer.signal });
    await until("the launch is under way", () => world.instancesIn("unknown") === 1);
    killer.abort();
    assert.notEqual((await launch).code, 0);
    hold("");
    await until("the instance runs", async () => /k1 +Running/.test(await list()));
  });

  test("a second launch of the same name is refused, first as being prepared, then as existing", async () => {
    hold("preparing");
    const first = world.run(["launch", "--name", "s1"]);
    await until("the first is under way", () => world.instancesIn("preparing") === 1);
    const second = await world.run(["launch", "--name", "s1"]);
    assert.deepEqual([second.code, second.stderr], [2, 'launch failed: instance "s1" is being prepared\n']);
    assert.doesNotMatch(await list(), /s1/);
    hold("");
    assert.equal((await first).code, 0);
    const third = await world.run(["launch", "--name", "s1"]);
    assert.deepEqual([third.code, third.stderr], [2, 'launch failed: instance "s1" already exists\n']);
  });

  test("launches of different names go side by side", async () => {
    const results = await Promise.all(
      ["p1", "p2", "p3"].map((name) => world.run(["launch", "--name", name])),
    );
    assert.deepEqual(
      results.map(({ code }) => code),
      [0, 0, 0],
    );
    const addresses = ["k1", "s1", "p1", "p2", "p3"].map((name) => world.record(name).address);
    assert.equal(new Set(addresses).size, 5);
  });

  test("a launch whose guest dies on the way fails", async () => {
    const ran = await withFaults(
      [{ command: "launch", name: "d1", fault: "boot-crash" }],
      ["launch", "--name", "d1"],
    );
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /d1: shutdown called while starting/);
  });
});

test("the lock lets one in at a time, in the order of asking, and survives its dead", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-lock-"));
  try {
    const order: number[] = [];
    const first = await acquire(folder);
    const others = [1, 2, 3, 4].map(async (number) => {
      const release = await acquire(folder);
      order.push(number);
      release();
    });
    await until("all wait", () => readdirSync(folder).filter((name) => name.startsWith("t-")).length === 4);
    assert.deepEqual(order, []);
    first();
    await Promise.all(others);
    assert.deepEqual(order, [1, 2, 3, 4]);
    const held = readdirSync(folder).find((name) => name.startsWith("lock."));
    assert.ok(held);
    writeFileSync(join(folder, held), "999999999 1.dead");
    writeFileSync(join(folder, "t-000000000000000001-999999999-1.dead"), "");
    (await acquire(folder))();
  } finally {
    removeTree(folder);
  }
});

async function withFaults(rules: readonly FaultRule[], args: readonly string[], seed = 1): Promise<Ran> {
  const path = world.write("faults.json", JSON.stringify({ seed, rules }));
  return world.run(args, { env: { VM_AGENT_SANDBOX_FAULTS: path } });
}

describe("faults", { concurrency: false }, () => {
  test("a rule strikes as often as it says, for the names it says, across processes", async () => {
    const rules: readonly FaultRule[] = [
      { command: "start", name: "p*", times: 2, fault: "fail", message: "not today" },
      { command: "stop", after: 1, times: 1, fault: "exit4" },
    ];
    const outcomes: number[] = [];
    for (const args of [
      ["start", "k1"],
      ["start", "p1"],
      ["start", "p2"],
      ["start", "p1"],
    ]) {
      outcomes.push((await withFaults(rules, args)).code);
    }
    assert.deepEqual(outcomes, [0, 2, 2, 0]);
    const stops: number[] = [];
    for (let count = 0; count < 3; count += 1) stops.push((await withFaults(rules, ["stop", "p3"])).code);
    assert.deepEqual(stops, [0, 4, 0]);
  });

  test("the same seed gives the same faults, another one others", async () => {
    const sequence = async (seed: number): Promise<string> => {
      const rules: readonly FaultRule[] = [
        { command: "version", probability: 0.5, fault: "exit4", message: `${seed} ${Math.random()}` },
      ];
      let result = "";
      for (let count = 0; count < 12; count += 1) result += (await withFaults(rules, ["version"], seed)).code;
      return result;
    };
    const [first, again, other] = [await sequence(7), await sequence(7), await sequence(8)];
    assert.equal(first, again);
    assert.notEqual(first, other);
    assert.match(first, /0/);
    assert.match(first, /4/);
  });

  test("answers are cut, addresses lost, states unknown, the daemon away", async () => {
    const json = ["list", "--format", "json"];
    const whole = (await world.run(json)).stdout;
    const cut = await withFaults([{ command: "list", fault: "truncate-json" }], json);
    assert.deepEqual([cut.code, cut.stdout], [0, whole.slice(0, Math.floor(whole.length / 2))]);
    const lost = await withFaults([{ command: "list", fault: "lost-address" }], json);
    assert.match(lost.stdout, /"N\/A"/);
    const unknown = await withFaults([{ command: "list", fault: "unknown-state" }], json);
    assert.ok(JSON.parse(unknown.stdout).list.every((row: { state: string }) => row.state === "Unknown"));
    const down = await withFaults([{ command: "*", fault: "daemon-down" }], ["list"]);
    assert.deepEqual([down.code, down.stderr], [2, "list failed: cannot connect to the multipass socket\n"]);
    const offline = await withFaults([{ command: "*", fault: "offline" }], ["find", "noble"]);
    assert.match(offline.stderr, /^find failed: failed to download from 'https:/);
    const far = await withFaults([{ command: "*", fault: "offline" }], ["launch", "--name", "f1"]);
    assert.deepEqual([far.code, far.stderr], [2, 'launch failed: Remote "" is unknown or unreachable.\n']);
    const locked = await withFaults(
      [{ command: "launch", fault: "image-locked" }],
      ["launch", "--name", "f1"],
    );
    assert.match(
      locked.stderr,
      /^launch failed: Cannot get image info: .* Failed to get shared "write" lock\n$/,
    );
    const network = await world.run(["launch", "--name", "f1", "--network", "nowhere0"]);
    assert.deepEqual(
      [network.code, network.stderr],
      [2, "launch failed: Invalid arguments supplied\nInvalid network options supplied\n"],
    );
    for (const name of ["f1.", ".s", "f1.s.t"])
      for (const command of [["info"], ["delete", "--purge"], ["restore", "--destructive"]])
        assert.equal((await world.run([...command, name])).code, 1, `${command[0]} ${name}`);
    const full = await withFaults([{ command: "launch", fault: "disk-full" }], ["launch", "--name", "f1"]);
    assert.match(full.stderr, /^launch failed: .*No space left on device\n$/);
    assert.doesNotMatch(await list(), /f1/);
  });

  test("a killed daemon has finished its work without an answer, and is away for a while", async () => {
    const rules: readonly FaultRule[] = [{ command: "stop", times: 1, fault: "kill-daemon", ms: 400 }];
    assert.equal((await withFaults(rules, ["stop", "k1"])).code, 2);
    await until("it is back", async () => (await world.run(["list", "--no-ipv4"])).code === 0);
    assert.match(await list(), /k1 +Stopped/);
    await world.ok(["start", "k1"]);
  });

  test("a hanging call hangs until it is killed, and blocks no other", async () => {
    const path = world.write("hang.json", JSON.stringify({ rules: [{ command: "info", fault: "hang" }] }));
    const hanging = world.run(["info", "k1"], { env: { VM_AGENT_SANDBOX_FAULTS: path }, killAfter: 1500 });
    assert.match(await list(), /k1 +Running/);
    assert.equal((await hanging).code, 124);
  });

  test("a launch that runs out of time leaves its instance Unknown, and stop --force helps", async () => {
    const rules: readonly FaultRule[] = [{ command: "launch", fault: "timeout-leaves-instance", ms: 100 }];
    const ran = await withFaults(rules, ["launch", "--name", "u1", "--timeout", "20"]);
    assert.deepEqual([ran.code, ran.stderr], [5, "Timed out waiting for instance launch.\n"]);
    assert.match(await list(), /u1 +Unknown/);
    assert.equal((await world.run(["stop", "--force", "u1"])).code, 0);
    assert.equal((await world.run(["start", "u1"])).code, 0);
    assert.match(await list(), /u1 +Running/);
  });

  test("what has been used up is kept in the state folder", () => {
    const used = JSON.parse(readFileSync(join(world.state, "faults.json"), "utf8"));
    assert.deepEqual(Object.keys(used), ["script", "struck", "asked"]);
  });
});
