/** A check of the audit while another thread appends to it, through a connection of its own: entries that come meanwhile are no forgery. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { openStore } from "./sqlite/sqlite.ts";

/** So many lengths of the chain are met. */
const STATES = 30;

test("a check beside a writer finds the chain whole", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-audit-beside-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "vm-agent.db");
  const entries = (from: number) => `Array.from({ length: 2 }, (_, n) => store.audit.append({
    at: ${from} + n, actor: "loop", action: "step", subject: "a", detail: { n } }))`;
  const writer = new Worker(
    `const { parentPort } = await import("node:worker_threads");
     const { openStore } = await import(${JSON.stringify(new URL("./sqlite/sqlite.js", import.meta.url).href)});
     const store = openStore(${JSON.stringify(path)});
     let isOver = false;
     parentPort.on("message", () => { isOver = true; });
     await Promise.all(${entries(1)});
     parentPort.postMessage("begun");
     while (!isOver) {
       await Promise.all(${entries(100)});
       await new Promise((resolve) => setTimeout(resolve, 1));
     }
     await store.close();
     parentPort.close();`,
    { eval: true },
  );
  t.after(() => writer.terminate());
  const ended = new Promise((resolve) => writer.on("exit", resolve));
  await new Promise((resolve, reject) => writer.once("message", resolve).once("error", reject));
  const store = openStore(path, { readOnly: true });
  const seen = new Set<number>();
  while (seen.size < STATES) {
    const { broken, entries } = store.audit.check();
    assert.equal(broken, null, `of ${entries} entries`);
    seen.add(entries);
  }
  writer.postMessage("end");
  await ended;
  await store.close();
});
