/** What a power cut leaves of a hub: its files name a process and an address that may be another's by now. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { acquireLock } from "../../store/lock.ts";
import { createFixture } from "../support/harness.ts";

test("files that a hub left behind stop no command, whoever has its number and its address now", async (t) => {
  const fixture = await createFixture({ "a.yaml": "kind: Agent\nname: agent-a\nstate: stopped\n" });
  t.after(() => fixture.close());
  const { home } = fixture;
  const asked: (string | undefined)[] = [];
  const other = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response.end('{"status":"healthy","run":"another"}');
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.after(() => other.close());
  await mkdir(home, { recursive: true });
  const leave = (pid: number) =>
    Promise.all([
      writeFile(
        join(home, "hub.json"),
        JSON.stringify({
          pid,
          startedAt: 0,
          run: "the last one",
          http: `http://127.0.0.1:${(other.address() as AddressInfo).port}`,
          agent: "ws://127.0.0.1:9",
          dashboard: "http://127.0.0.1:9",
          driver: "sandbox",
          sandbox: true,
        }),
      ),
      writeFile(join(home, "controller.json"), JSON.stringify({ pid, command: "vm-agent up", since: 0 })),
    ]);
  const done = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await fixture.cli(...args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout + stderr;
  };
  const token = () => readFile(join(home, "operator-token"), "utf8");

  // Of this test, and of root or of the container.
  for (const pid of [process.pid, 1]) {
    await leave(pid);
    await done("token", "rotate");
    const before = await token();
    await done("token", "rotate");
    assert.notEqual(await token(), before);
    assert.doesNotMatch((await fixture.cli("doctor")).stdout, /kill \d/);
    await done("list");
  }
  assert.deepEqual([...new Set(asked)], [undefined], "the token is shown to no other program");

  const lock = acquireLock(home, { pid: process.pid, command: "vm-agent up", since: Date.now() });
  const before = await token();
  const refused = await fixture.cli("token", "rotate");
  lock.release();
  assert.equal(refused.code, 69, refused.stderr);
  assert.match(
    refused.stderr,
    /"vm-agent up" \(pid \d+\) has controlled this fleet since .* would keep the old token/,
  );
  assert.equal(await token(), before);

  await leave(process.pid);
  const up = await fixture.up();
  await done("token", "rotate");
  await done("backup", join(fixture.folder, "kept"));
  assert.equal(await up.end(), 0);
  await leave(process.pid);
  await done("backup", join(fixture.folder, "kept"), "--restore");
});
