/** The log on disk: numbers that go on after a restart, two bounded files, pages, a cut line, a disk that takes nothing. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openLogStore } from "./log-store.ts";

const folder = mkdtempSync(join(tmpdir(), "vm-agent-log-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const line = (message: string) => ({ level: "info" as const, message, at: 1 });
const seqs = (page: { readonly lines: readonly { readonly seq: number }[] }) => page.lines.map((l) => l.seq);

test("numbers go on after a restart, past a line that a crash cut off", () => {
  const dir = join(folder, "a");
  const first = openLogStore(dir);
  for (const n of [1, 2, 3]) first.add(line(`line ${n}`));
  appendFileSync(join(dir, "log"), '{"seq":4,"le');
  appendFileSync(join(dir, "log"), "\n");
  const second = openLogStore(dir);
  assert.equal(second.add(line("again")).seq, 4);
  assert.deepEqual(seqs(second.page(null, 2)), [3, 4]);
  assert.deepEqual(seqs(second.page(1, 2)), [2, 3]);
  assert.deepEqual(seqs(second.page(4, 10)), []);
  assert.equal(second.page(null, 1).id, first.page(null, 1).id);
});

test("two files, bounded; the first number shows what was dropped", () => {
  const dir = join(folder, "b");
  const store = openLogStore(dir, 4000);
  for (let n = 1; n <= 500; n += 1) store.add(line("x".repeat(60)));
  const bytes = readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
  assert.ok(bytes <= 8100, `${bytes} bytes`);
  const page = openLogStore(dir, 4000).page(0, 500);
  assert.ok(page.first > 400 && page.last === 500);
  assert.deepEqual(
    seqs(page),
    Array.from({ length: 501 - page.first }, (_, n) => page.first + n),
  );
  store.add(line("y".repeat(100_000)));
  assert.ok((store.page(null, 1).lines[0]?.message.length ?? 0) <= 4000);
});

test("a disk that accepts no writes: the newest lines are still returned", () => {
  const store = openLogStore("/dev/null/nowhere");
  for (let n = 1; n <= 300; n += 1) store.add(line(`line ${n}`));
  const page = store.page(null, 500);
  assert.equal(page.last, 300);
  assert.deepEqual(
    seqs(page),
    Array.from({ length: 200 }, (_, n) => 101 + n),
  );
});
