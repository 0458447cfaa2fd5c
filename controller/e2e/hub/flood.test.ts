/** A task that prints a gigabyte: neither runtime nor hub grows with it, the tail is kept, and every other byte is counted. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Guest } from "../../../agent/testing/guest.ts";
import { aConfig, startHub, until } from "../../hub/testing/hub.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";

const GIGABYTE = 2 ** 30;
const MIB = 2 ** 20;

test("a gigabyte of output", { skip: process.platform !== "linux" && "needs /proc" }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-flood-"));
  const store = openStore(join(folder, "vm-agent.db"));
  const { hub, stop } = await startHub(store);
  const guest = new Guest("agent-a", hub.agentPort);
  t.after(async () => {
    await guest.kill("SIGKILL");
    await stop();
    await store.close();
    for (const path of [folder, guest.root]) rmSync(path, { recursive: true, force: true });
  });
  const joinToken = await hub.enrol("agent-a", "nonce-1");
  hub.configure("agent-a", aConfig());
  const port = hub.agentPort;
  const settings = { agent: "agent-a", nonce: "nonce-1", joinToken, hub: [`127.0.0.1:${port}`], port };
  guest.write("/etc/vm-agent/runtime.json", JSON.stringify(settings));
  await guest.start();
  await until("the runtime", () => hub.registry.get("agent-a")?.ready, 20_000);
  const before = { runtime: guest.rss() / 1024, hub: process.memoryUsage().rss / MIB };
  const peak = { ...before };
  const spec = { type: "exec", command: `head -c ${GIGABYTE} /dev/zero | tr '\\0' x; printf END` };
  const { task } = await hub.requests.submit("agent-a", { spec, actor: "test", idempotencyKey: null });
  const done = await until(
    "its end",
    () => {
      peak.runtime = Math.max(peak.runtime, guest.rss() / 1024);
      peak.hub = Math.max(peak.hub, process.memoryUsage().rss / MIB);
      const now = hub.engine.get(task.id);
      return now?.finishedAt ? now : null;
    },
    120_000,
  );
  const rounded = (figures: typeof peak) =>
    `runtime ${Math.round(figures.runtime)}, hub ${Math.round(figures.hub)}`;
  t.diagnostic(`MiB resident before: ${rounded(before)}; at most: ${rounded(peak)}`);
  assert.equal(done.state, "succeeded");
  assert.ok(peak.runtime - before.runtime < 128, `the runtime grew to ${Math.round(peak.runtime)} MiB`);
  assert.ok(peak.hub - before.hub < 128, `the hub grew to ${Math.round(peak.hub)} MiB`);
  const kept = store.tasks.output(task.id, 0).reduce((sum, { data }) => sum + data.length, 0);
  assert.ok(kept > 0 && kept <= hub.limits.maxOutputBytes * 1.25);
  assert.equal(kept + done.droppedBytes, GIGABYTE + 3);
  assert.ok(String(done.result?.stdout).endsWith("xEND"));
  const bytes = (dir: string) =>
    readdirSync(dir, { recursive: true, encoding: "utf8" })
      // The journal may just be rewritten.
      .map((name) => statSync(join(dir, name), { throwIfNoEntry: false }))
      .reduce((sum, about) => sum + (about?.isFile() ? about.size : 0), 0);
  assert.ok(bytes(guest.root) < 4 * MIB && bytes(folder) < 32 * MIB);
});
