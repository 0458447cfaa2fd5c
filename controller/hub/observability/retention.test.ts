/** What is pruned and in which order, on a real database. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { VmAgentError } from "../../base/errors.ts";
import { aTask } from "../../store/testing/contract.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store } from "../../store/store.ts";
import { LIMITS } from "../limits.ts";
import { prune } from "./retention.ts";
import { RETENTION_VARIABLES, retentionLimits } from "./retention-settings.ts";

let folder: string;
let store: Store;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vm-agent-retention-"));
  store = openStore(join(folder, "vm-agent.db"));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const DAY = 86_400_000;
const NOW = 1000 * DAY;

/** Finished tasks of these ages in days, the oldest first, each with so many bytes of output and an audit entry. */
async function fill(ages: readonly number[], bytes: number): Promise<void> {
  for (const [i, age] of ages.entries()) {
    const at = NOW - age * DAY;
    const id = `t${i}`;
    await store.tasks.insert(aTask(id, { state: "succeeded", createdAt: at, finishedAt: at }));
    const place = { taskId: id, seq: 1, offset: 0, line: 0 };
    await store.tasks.appendOutput([{ ...place, stream: "stdout", data: "x".repeat(bytes), at }]);
    await store.audit.append({ at, actor: "operator", action: "task.submit", subject: id, detail: {} });
  }
}
const tasks = () => store.tasks.list({ limit: 1000 }).map((task) => task.id);
const outputs = () => tasks().filter((id) => store.tasks.output(id, 0).length > 0);

describe("retention", () => {
  it("by age: output before tasks before audit, and the chain stays whole", async () => {
    await fill([400, 40, 20, 1], 10);
    assert.deepEqual(await prune(store, NOW, LIMITS), { tasks: 2, outputs: 1, audit: 1 });
    assert.deepEqual(tasks(), ["t3", "t2"]);
    assert.deepEqual(outputs(), ["t3"]);
    assert.equal(store.audit.list(0, 1)[0]?.subject, "t1");
    assert.equal(store.audit.verify(), null);
    assert.deepEqual(await prune(store, NOW, LIMITS), { tasks: 0, outputs: 0, audit: 0 });
  });

  it("by number", async () => {
    await fill([5, 4, 3, 2, 1], 10);
    await prune(store, NOW, { ...LIMITS, maxTasksKept: 2, maxAuditKept: 3 });
    assert.deepEqual(tasks(), ["t4", "t3"]);
    assert.equal(store.audit.list(0, 10).length, 3);
  });

  it("by size: the oldest output goes first, tasks only when that is not enough, open ones never", async () => {
    await store.tasks.insert(aTask("open", { state: "running" }));
    await fill(
      Array.from({ length: 200 }, (_, i) => 1 - i / 1000),
      20_000,
    );
    const full = store.usedBytes();
    assert.ok(full > 4_000_000, String(full));
    const some = await prune(store, NOW, { ...LIMITS, maxDatabaseBytes: full - 1_500_000 });
    assert.deepEqual([some.tasks, some.audit], [0, 0]);
    assert.ok(store.usedBytes() <= full - 1_500_000);
    assert.ok(!outputs().includes("t0") && outputs().includes("t199"));
    const all = await prune(store, NOW, { ...LIMITS, maxDatabaseBytes: 1 });
    assert.equal(all.tasks, 200);
    assert.deepEqual(tasks(), ["open"]);
    assert.equal(store.audit.list(0, 1000).length, 200, "an audit this short is kept");
  });

  it("is what the environment says, and a value that makes no sense is named", () => {
    assert.deepEqual(retentionLimits({}), {});
    assert.deepEqual(retentionLimits({ VM_AGENT_KEEP_TASKS_DAYS: "0.5", VM_AGENT_MAX_DATABASE_MB: "64" }), {
      taskRetention: DAY / 2,
      maxDatabaseBytes: 64 * 1024 * 1024,
    });
    for (const [name] of RETENTION_VARIABLES) {
      for (const value of ["0", "-1", "many", "1e99"]) {
        const wrong = (error: unknown) =>
          error instanceof VmAgentError && error.exit === 64 && error.message.includes(name);
        assert.throws(() => retentionLimits({ [name]: value }), wrong, `${name}=${value}`);
      }
    }
  });
});
