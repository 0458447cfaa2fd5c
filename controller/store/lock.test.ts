/** lock.ts between real processes: one holder, named; freed by release, by exit and by kill -9. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { VmAgentError } from "../base/errors.ts";
import { type LockHolder, acquireLock, currentHolder, isLocked, readHolder } from "./lock.ts";

const ME: LockHolder = { pid: process.pid, command: "vm-agent apply", since: 1 };

function home(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-lock-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A process that holds the lock until it is stopped or killed. */
async function holder(t: TestContext, folder: string): Promise<ChildProcess> {
  const module = new URL("./lock.js", import.meta.url).href;
  const script = `
    const { acquireLock } = await import(${JSON.stringify(module)});
    acquireLock(${JSON.stringify(folder)}, { pid: process.pid, command: "vm-agent up", since: 0 });
    console.log("held");
    process.stdin.resume().on("end", () => process.exit(0));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  assert.ok(child.stdout);
  const [said] = (await once(child.stdout, "data", { signal: AbortSignal.timeout(20_000) })) as [Buffer];
  assert.equal(said.toString().trim(), "held");
  return child;
}

function refusal(folder: string): VmAgentError {
  try {
    acquireLock(folder, ME).release();
  } catch (error) {
    return error as VmAgentError;
  }
  throw new Error("the lock was given");
}

test("another process that holds it is named: command, pid, since when", async (t) => {
  const folder = home(t);
  const child = await holder(t, folder);
  const error = refusal(folder);
  assert.equal(error.code, "locked");
  assert.equal(
    error.message,
    `"vm-agent up" (pid ${child.pid}) has controlled this fleet since 1970-01-01T00:00:00.000Z`,
  );
  assert.match(error.next, /vm-agent reconcile/);
  assert.equal(readHolder(folder)?.pid, child.pid, "who was refused does not overwrite it");
});

test("whether it is held is asked of the operating system, by any number of processes, and takes nothing", async (t) => {
  const folder = home(t);
  assert.equal(isLocked(folder), false, "it was never held");
  const child = await holder(t, folder);
  assert.equal(isLocked(folder), true);
  assert.equal(currentHolder(folder)?.pid, child.pid);
  child.kill("SIGKILL");
  await once(child, "exit", { signal: AbortSignal.timeout(20_000) });
  assert.equal(readHolder(folder)?.pid, child.pid, "the file is left behind");
  assert.equal(isLocked(folder), false);
  assert.equal(currentHolder(folder), null);
  const lock = acquireLock(folder, ME);
  assert.equal(isLocked(folder), true, "held by this very process");
  lock.release();
});

for (const [how, end] of [
  ["kill -9", (child: ChildProcess) => child.kill("SIGKILL")],
  ["an orderly exit", (child: ChildProcess) => child.stdin?.end()],
] as const)
  test(`${how} frees it at once`, async (t) => {
    const folder = home(t);
    const child = await holder(t, folder);
    end(child);
    await once(child, "exit", { signal: AbortSignal.timeout(20_000) });
    const lock = acquireLock(folder, ME);
    assert.deepEqual(readHolder(folder), ME);
    lock.release();
    assert.equal(readHolder(folder), null);
  });

test("in one process too there is one holder, and after its release the next", (t) => {
  const folder = home(t);
  const lock = acquireLock(folder, ME);
  assert.equal(
    statSync(join(folder, "controller.json")).mode & 0o077,
    0,
    "who holds it is private to its owner",
  );
  assert.match(refusal(folder).message, /vm-agent apply/);
  lock.release();
  acquireLock(folder, ME).release();
});

test("a holder file that says nothing is no reason to refuse, nor to fail", (t) => {
  const folder = home(t);
  writeFileSync(join(folder, "controller.json"), "{ half");
  assert.equal(readHolder(folder), null);
  const lock = acquireLock(folder, ME);
  writeFileSync(join(folder, "controller.json"), "{ half");
  assert.match(refusal(folder).message, /another vm-agent controls this fleet/);
  lock.release();
});

test("a missing folder is reported as missing", (t) => {
  assert.notEqual(refusal(join(home(t), "none")).code, "locked");
});
