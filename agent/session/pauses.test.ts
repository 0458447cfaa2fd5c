/** The real runtime on a disk that is full, and stopped for longer than its hub waits; the hub is the real one where it judges. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { FakeHub } from "../testing/fake-hub.ts";
import { Guest } from "../testing/guest.ts";
import { until } from "../testing/until.ts";

const STATE = "/var/lib/vm-agent";

/** Writes until nothing fits any more. */
function fill(file: string): void {
  for (const size of [65_536, 4096, 1]) {
    for (;;) {
      try {
        writeFileSync(file, Buffer.alloc(size, 1), { flag: "a" });
      } catch {
        break;
      }
    }
  }
}

test("a full disk: said in health, new tasks refused, what runs ends, and all is well again with room", async (t) => {
  const hub = new FakeHub({ credential: "c", policy: { heartbeatMs: 100 } });
  await hub.start();
  const guest = new Guest("agent-full", hub.port);
  const state = guest.path(STATE);
  mkdirSync(state, { recursive: true });
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "none", state]).status === 0;
  t.after(async () => {
    await guest.kill("SIGKILL");
    await hub.stop();
    if (mounted) spawnSync("umount", [state]);
    rmSync(guest.root, { recursive: true, force: true });
  });
  if (!mounted) return t.skip("a small disk cannot be mounted here: needs root");
  await guest.start();
  await hub.wait("ack", (ack) => ack.credential === true);
  const go = '"$HOME/go"';
  hub.task("t1", { command: `until [ -e ${go} ]; do sleep 0.02; done; echo done` });
  await hub.ack("t1", "running");
  const says = (connection: number) =>
    hub.wait(
      "health",
      (health, over) =>
        over === connection && (health.problems as readonly string[]).some((line) => line.includes("ENOSPC")),
    );
  fill(`${state}/ballast`);
  await says(1);
  hub.task("t2", { command: "echo never" });
  const refused = await hub.response("t2");
  assert.deepEqual([refused.success, refused.error?.code], [false, "disk-full"]);
  mkdirSync(guest.path("/home/ubuntu"), { recursive: true });
  writeFileSync(guest.path("/home/ubuntu/go"), "");
  assert.equal((await hub.response("t1")).result?.stdout, "done\n");
  assert.equal(hub.all("output", "t2").length, 0);
  // Killed and started with no room at all.
  await guest.kill("SIGKILL");
  await guest.start();
  await says(2);
  const before = hub.received.length;
  rmSync(`${state}/ballast`);
  await until(
    () =>
      hub.received
        .slice(before)
        .some(({ type, payload }) => type === "health" && (payload.problems as unknown[]).length === 0),
    "a heartbeat without problems",
  );
  hub.task("t3", { command: "echo again" });
  assert.equal((await hub.response("t3")).result?.stdout, "again\n");
});
