/** `--output FILE`: all of a task's output on this disk, whatever its size; kept and reported when it is incomplete. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createFixture, until } from "../support/harness.ts";

const MIB = 2 ** 20;
const SIZE = 64 * MIB;

test("a task's output goes whole to a file", { timeout: 480_000 }, async (t) => {
  const fixture = await createFixture({ "a.yaml": "kind: Agent\nname: agent-a\n" }, { upWithin: 120_000 });
  t.after(() => fixture.close());
  const { api, process: hub } = await fixture.up();
  await until(
    "online",
    async () => (await api.listAgents({ status: "online" })).agents.length === 1,
    240_000,
  );
  const file = (name: string) => join(fixture.folder, name);
  const peak = () =>
    Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${hub.pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  const sha = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

  // Bytes that are no text after lines; standard error is shown, and not in the file.
  const made = `seq 1 10000000 | head -c ${SIZE / 2}; seq 1 10000000 | tr 0-9 '\\200-\\211' | head -c ${SIZE / 2}`;
  const expected = execFileSync("sh", ["-c", `{ ${made}; } | sha256sum`], { encoding: "utf8" }).slice(0, 64);
  const command = `${made}; echo oops >&2; exit 3`;
  const before = process.platform === "linux" ? peak() : 0;
  const { code, stdout, stderr } = await fixture.cli(
    "exec",
    "--output",
    file("out"),
    "agent-a",
    "--",
    command,
  );
  assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: "", stderr: "oops\n" });
  assert.equal(statSync(file("out")).size, SIZE);
  assert.equal(sha(file("out")), expected);
  if (before > 0)
    t.diagnostic(`hub's peak: ${Math.round(before)} MiB before, ${Math.round(peak())} MiB after`);
  // What the hub keeps has a gap, as for every task.
  const [task] = (await api.listTasks({ limit: 1 })).tasks;
  assert.ok((task?.droppedBytes ?? 0) > SIZE - 2 * MIB);

  // A file that is there is not touched, and no task is given.
  writeFileSync(file("there"), "mine");
  const refused = await fixture.cli("exec", "--output", file("there"), "agent-a", "--", "echo new");
  assert.equal(refused.code, 64);
  assert.match(refused.stderr, /there exists/);
  assert.equal(readFileSync(file("there"), "utf8"), "mine");
  assert.equal((await api.listTasks({ limit: 1 })).tasks[0]?.id, task?.id);
  const forced = await fixture.cli("exec", "--output", file("there"), "--force", "agent-a", "--", "echo new");
  assert.equal(forced.code, 0, forced.stderr);
  assert.equal(readFileSync(file("there"), "utf8"), "new\n");

  // Cut short: what came is kept, and said; a file that would be replaced is as it was.
  for (const more of [[], ["--force"]] as const) {
    const name = more.length === 0 ? "cut" : "there";
    const kept = more.length === 0 ? file("cut") : file("there.part");
    const child = fixture.spawn("exec", "--output", file(name), ...more, "agent-a", "--", "yes; sleep 1000");
    let said = "";
    child.stderr?.on("data", (data) => (said += String(data)));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    await until("two megabytes", () => existsSync(kept) && statSync(kept).size > 2 * MIB, 120_000);
    child.kill("SIGINT");
    assert.equal(await ended, 130, said);
    assert.match(said, /has the first \d+(\.\d)? MB of the output/);
    assert.match(readFileSync(kept, "utf8"), /^(y\n)+y?$/);
  }
  assert.equal(readFileSync(file("there"), "utf8"), "new\n");
});
