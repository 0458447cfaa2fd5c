/** The spool's bounds: by number, by bytes on disk, and in memory when there is no disk; ends are never lost, output is counted. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Spool } from "./spool.ts";
import { emptyResult, type ResponsePayload } from "../session/wire.ts";

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "vm-agent-spool-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const response = (n: number, stdout = "x".repeat(10_000)): ResponsePayload => ({
  taskId: `t${n}`,
  epoch: 1,
  success: n % 2 === 0,
  result: emptyResult({ stdout, exitCode: n % 2 }),
  duration: n,
});

const used = (dir: string): number =>
  readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

test("beyond its bytes the oldest results lose their output, and say how much; over a restart as well", (t) => {
  const dir = folder(t);
  const spool = new Spool(dir, 60_000);
  for (let n = 1; n <= 10; n += 1) assert.equal(spool.put(response(n)), true);
  assert.ok(used(dir) <= 60_000);
  const again = new Spool(dir, 60_000);
  for (let n = 11; n <= 15; n += 1) again.put(response(n));
  assert.ok(used(dir) <= 60_000);
  assert.deepEqual([...again.ids()].sort(), Array.from({ length: 15 }, (_, n) => `t${n + 1}`).sort());
  const whole: number[] = [];
  for (let n = 1; n <= 15; n += 1) {
    const kept = again.get(`t${n}`)!;
    assert.deepEqual([kept.success, kept.result.exitCode, kept.duration], [n % 2 === 0, n % 2, n]);
    assert.equal(kept.result.stdout.length + kept.result.droppedBytes, 10_000);
    if (kept.result.droppedBytes === 0) whole.push(n);
  }
  // The newest, in one piece; of the first ten the order on disk may be that of one instant.
  assert.ok(whole.length >= 3 && whole.at(-1) === 15 && !whole.includes(1));
  for (const id of again.ids()) again.remove(id);
  assert.deepEqual([again.size, used(dir)], [0, 0]);
  again.put(response(20));
  assert.equal(again.get("t20")?.result.droppedBytes, 0);
});

test("what the disk refuses is bounded in memory, and goes to the disk as it is", (t) => {
  const dir = folder(t);
  const spool = new Spool(dir);
  rmSync(dir, { recursive: true });
  for (let n = 1; n <= 50; n += 1) assert.equal(spool.put(response(n)), false);
  assert.equal(spool.unsaved, 50);
  const kept = spool.ids().map((id) => spool.get(id)!);
  assert.equal(kept.filter(({ result }) => result.stdout !== "").length, 8);
  for (const { result } of kept) assert.equal(result.stdout.length + result.droppedBytes, 10_000);
  assert.deepEqual(spool.retry(), []);
});
