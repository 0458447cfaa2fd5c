/** readPlainFile against files that hang, have no end or are too large; a child with a deadline shows that nothing waits. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readPlainFile } from "./plain-file.ts";
import { SPECIAL_FILES, specialFiles } from "./testing/special-files.ts";

test("what is no plain file is refused by its kind, and nothing is waited for", async (t) => {
  const { path, words } = await specialFiles(t);
  for (const kind of SPECIAL_FILES)
    assert.throws(() => readPlainFile(path(kind)), { message: words(kind) }, kind);
});

test("nothing is read of what is refused", { skip: process.platform !== "linux" }, async (t) => {
  const { path } = await specialFiles(t);
  const module = new URL("./plain-file.js", import.meta.url).href;
  const program = `
    const { readPlainFile } = await import(${JSON.stringify(module)});
    const { readFileSync } = await import("node:fs");
    const read = () => Number(/rchar: (\\d+)/.exec(readFileSync("/proc/self/io", "utf8"))[1]);
    const before = read();
    for (const path of process.argv.slice(1)) { try { readPlainFile(path); } catch {} }
    console.log(read() - before);`;
  const paths = SPECIAL_FILES.map(path);
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", program, ...paths], {
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.equal(run.status, 0, run.stderr);
  assert.ok(Number(run.stdout) < 4096, `${run.stdout} bytes were read`);
});

test("plain files are read whole, up to the limit and with it, and files of /proc too", async (t) => {
  const { folder } = await specialFiles(t);
  const file = join(folder, "plain");
  for (const content of ["", "x", "y".repeat(1000)]) {
    writeFileSync(file, content);
    assert.equal(readPlainFile(file, 1000).toString(), content);
  }
  writeFileSync(file, "z".repeat(1001));
  assert.throws(() => readPlainFile(file, 1000), { code: "EFBIG" });
  if (process.platform !== "linux") return;
  assert.deepEqual(readPlainFile("/proc/version"), readFileSync("/proc/version"));
  assert.throws(() => readPlainFile("/proc/version", 4), { code: "EFBIG" });
});
