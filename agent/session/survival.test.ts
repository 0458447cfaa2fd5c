/** The real bundle through bad weather: no hub, no runtime, redeliveries, a full disk. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { readStat } from "../tasks/processes.ts";
import { config } from "../testing/fake-hub.ts";
import { type Guest, world } from "../testing/guest.ts";
import { until } from "../testing/until.ts";

const linux = { skip: process.platform !== "linux" && "needs /proc" };

/** Counts executions by a side effect, then waits until it may end. */
const counted = (name: string): string =>
  `echo x >> "$HOME/${name}"; until [ -e "$HOME/go" ]; do sleep 0.02; done; echo done`;

const executions = (guest: Guest, name: string): number => guest.read(`/home/ubuntu/${name}`).length / 2;

/** The home folder is made when the task's program starts, a moment after the task is acknowledged as running. */
const release = (guest: Guest): void => {
  mkdirSync(guest.path("/home/ubuntu"), { recursive: true });
  writeFileSync(guest.path("/home/ubuntu/go"), "");
};

/** Results in the spool; one that is being written counts when it has its name. */
const spooled = (guest: Guest): number =>
  readdirSync(guest.path("/var/lib/vm-agent/spool")).filter((name) => name.endsWith(".json")).length;

test("a redelivered task is answered, not executed again: while it runs, when it has ended, when that was stored", async (t) => {
  const { hub, guest } = await world(t, { stores: false });
  hub.task("t1", { command: counted("count") });
  await hub.ack("t1", "running");
  hub.task("t1", { command: counted("count") });
  await until(() => hub.all("ack", "t1").length === 3, "the acknowledgement of the redelivery");
  release(guest);
  await hub.response("t1");
  hub.task("t1", { command: counted("count") });
  await until(() => hub.all("response", "t1").length === 2, "the same answer again");
  assert.equal(hub.all("response", "t1")[1]?.result?.stdout, "done\n");
  hub.confirm({ taskId: "t1", epoch: 1 });
  await until(() => spooled(guest) === 0, "an empty spool");
  await guest.kill("SIGKILL");
  await guest.start();
  await hub.wait("hello", (_, connection) => connection === 2);
  hub.task("t1", { command: counted("count") });
  await until(() => hub.all("response", "t1").length === 3, "the answer from the journal");
  const last = hub.all("response", "t1")[2];
  assert.deepEqual([last?.success, last?.result?.exitCode, last?.result?.droppedBytes], [true, 0, 5]);
  assert.equal(executions(guest, "count"), 1);
});

test("a higher epoch runs again only what did not succeed", async (t) => {
  const { hub, guest } = await world(t);
  hub.task("good", { command: 'echo x >> "$HOME/good"' });
  hub.task("bad", { command: 'echo x >> "$HOME/bad"; exit 1' });
  await hub.response("good");
  await hub.response("bad");
  hub.task("good", { command: 'echo x >> "$HOME/good"' }, 2);
  hub.task("bad", { command: 'echo x >> "$HOME/bad"; exit 1' }, 2);
  assert.equal((await hub.response("good", 2)).success, true);
  assert.equal((await hub.response("bad", 2)).result?.exitCode, 1);
  assert.deepEqual([executions(guest, "good"), executions(guest, "bad")], [1, 2]);
});

test("the hub is away while a task ends: the result is delivered when it is back", async (t) => {
  const { hub, guest } = await world(t, { credential: "c" });
  hub.task("t1", { command: counted("count") });
  await hub.ack("t1", "running");
  await hub.stop();
  release(guest);
  await until(() => spooled(guest) === 1, "the result in the spool");
  await hub.start();
  const hello = await hub.wait("hello", (_, connection) => connection === 2);
  assert.deepEqual(hello.tasks, [{ taskId: "t1", epoch: 1, state: "finished" }]);
  assert.equal((await hub.response("t1")).result?.stdout, "done\n");
  assert.equal(
    hub
      .all("output", "t1")
      .map((chunk) => chunk.data)
      .join(""),
    "done\n",
  );
  await until(() => spooled(guest) === 0, "an empty spool");
});

test("and also when the runtime died after the task's end", async (t) => {
  const { hub, guest } = await world(t, { credential: "c" });
  hub.task("t1", { command: counted("count") });
  await hub.ack("t1", "running");
  await hub.stop();
  release(guest);
  await until(() => spooled(guest) === 1, "the result in the spool");
  await guest.kill("SIGKILL");
  await hub.start();
  await guest.start();
  assert.equal((await hub.response("t1")).result?.stdout, "done\n");
  assert.equal(executions(guest, "count"), 1);
});

test(
  "kill -9 of the runtime: the task ends as interrupted, its processes are gone, what waited runs",
  linux,
  async (t) => {
    const { hub, guest } = await world(t);
    // The second process has left the group; the first ignores SIGTERM.
    hub.task("t1", {
      command: `setsid sleep 3471 & echo $! > "$HOME/pids"; echo $$ >> "$HOME/pids"; ${counted("one")}`,
    });
    hub.task("t2", { command: 'echo x >> "$HOME/two"' });
    await until(() => executions(guest, "one") === 1, "the task to run");
    await hub.ack("t2", "accepted");
    const pids = guest.read("/home/ubuntu/pids").trim().split("\n").map(Number);
    assert.equal(pids.length, 2);
    assert.equal(await guest.kill("SIGKILL"), "SIGKILL");
    for (const pid of pids) assert.ok(process.kill(pid, 0), "a task outlives the runtime's kill");
    await guest.start();
    const lost = await hub.response("t1");
    assert.deepEqual([lost.success, lost.error?.code], [false, "interrupted"]);
    // They may not be reaped yet.
    const alive = pids.filter((pid) => !["Z", "X", undefined].includes(readStat(pid)?.state));
    assert.deepEqual(alive, []);
    assert.equal((await hub.response("t2")).success, true);
    assert.deepEqual([executions(guest, "one"), executions(guest, "two")], [1, 1]);
    // The hub's leave to run it again is a higher epoch.
    release(guest);
    hub.task("t1", { command: counted("one") }, 2);
    assert.equal((await hub.response("t1", 2)).success, true);
    assert.equal(executions(guest, "one"), 2);
  },
);

test("SIGTERM ends what runs, records it as interrupted, and exits 0", async (t) => {
  const { hub, guest } = await world(t);
  hub.task("t1", { command: counted("count") });
  await until(() => executions(guest, "count") === 1, "the task to run");
  assert.equal(await guest.kill("SIGTERM"), 0);
  const response = await hub.response("t1");
  assert.deepEqual([response.success, response.error?.code], [false, "interrupted"]);
});

test("a journal that cannot be written: the task is refused and the runtime lives", async (t) => {
  const { hub, guest } = await world(t);
  hub.task("t1", { command: "echo 1" });
  await hub.response("t1");
  // As root no permission stands in the way, so the folder itself goes.
  renameSync(guest.path("/var/lib/vm-agent/journal"), guest.path("/var/lib/vm-agent/elsewhere"));
  hub.task("t2", { command: "echo 2" });
  const refused = await hub.response("t2");
  assert.equal(refused.success, false);
  assert.match(refused.error!.message, /journal cannot be written/);
  renameSync(guest.path("/var/lib/vm-agent/elsewhere"), guest.path("/var/lib/vm-agent/journal"));
  hub.task("t3", { command: "echo 3" });
  assert.equal((await hub.response("t3")).success, true);
});

test("an unwritable spool: the result is sent from memory, and written once the disk accepts it", async (t) => {
  const { hub, guest } = await world(t, { stores: false, config: config(), policy: { heartbeatMs: 150 } });
  hub.task("t1", { command: counted("count") });
  await hub.ack("t1", "running");
  renameSync(guest.path("/var/lib/vm-agent/spool"), guest.path("/var/lib/vm-agent/elsewhere"));
  release(guest);
  assert.equal((await hub.response("t1")).result?.stdout, "done\n");
  await hub.wait("health", (health) =>
    (health.problems as readonly string[]).some((line) => line.includes("memory")),
  );
  renameSync(guest.path("/var/lib/vm-agent/elsewhere"), guest.path("/var/lib/vm-agent/spool"));
  await until(() => spooled(guest) === 1, "the result in the spool");
});
