/** Running a program as another user, in this process: what the bundle in a folder cannot show. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { execute } from "./exec.ts";
import { TaskOutput } from "./output.ts";
import { parseTask } from "./parse-task.ts";
import { findAccount, identity, readSurroundings } from "./user.ts";

const around = readSurroundings(false);
const able =
  around.uid === 0 && existsSync("/usr/bin/setpriv") && findAccount(around.passwd, "daemon") !== null;

async function run(command: string, rights: { readonly sudo: boolean; readonly mayUseSudo: boolean }) {
  const parsed = parseTask({ taskId: "t", epoch: 1, type: "exec", command }, { home: "/", fileBytes: 1000 });
  assert.ok("request" in parsed);
  const output = new TaskOutput({ streamBytes: 65_536, tailBytes: 65_536 }, [], () => {});
  const who = identity("daemon", rights, around);
  const execution = execute({ request: parsed.request, identity: who, env: { A: "1" }, mark: "a/t", output });
  return { ...(await execution.done), ...output.result(), pid: execution.pid };
}

test("a task becomes the user, alone in its group, without capabilities or new privileges", {
  skip: !able,
}, async () => {
  const command =
    'id -un; id -Gn; echo "$USER $A"; grep -E "^(CapEff|NoNewPrivs)" /proc/self/status; cut -d" " -f5 /proc/$$/stat; exit 9';
  const { stdout, exitCode, pid } = await run(command, { sudo: false, mayUseSudo: false });
  const lines = stdout.trim().split("\n");
  assert.deepEqual(lines, [
    "daemon",
    "daemon",
    "daemon 1",
    "CapEff:\t0000000000000000",
    "NoNewPrivs:\t1",
    String(pid),
  ]);
  assert.equal(exitCode, 9);
});

test("with the fleet's leave, sudo is root and nothing forbids sudo within", { skip: !able }, async () => {
  const command = "id -u; grep NoNewPrivs /proc/self/status";
  assert.equal((await run(command, { sudo: true, mayUseSudo: true })).stdout, "0\nNoNewPrivs:\t0\n");
  const plain = await run("id -un; grep NoNewPrivs /proc/self/status", { sudo: false, mayUseSudo: true });
  assert.equal(plain.stdout, "daemon\nNoNewPrivs:\t0\n");
});
