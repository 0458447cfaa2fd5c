/** More output than is kept: every command that shows it marks the gap on standard error, and exits as the task did. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createFixture, MAIN, until } from "../support/harness.ts";

const LINES = 400_000;
const MARK = /^\.\.\. \S+ (?:bytes?|[kMG]B) discarded here \.\.\.$/m;

test("exec, task, --agents and --json say what was discarded, where it was", {
  timeout: 480_000,
}, async (t) => {
  const fixture = await createFixture(
    { "a.yaml": "kind: Agent\nname: agent-a\n---\nkind: Agent\nname: agent-b\n" },
    { upWithin: 120_000 },
  );
  t.after(() => fixture.close());
  const { api } = await fixture.up();
  await until(
    "both online",
    async () => {
      const { agents } = await api.listAgents({ status: "online" });
      return agents.length === 2;
    },
    240_000,
  );

  const run = async (...args: readonly string[]) => {
    const [out, err] = [join(fixture.folder, "out"), join(fixture.folder, "err")];
    const stdio = ["ignore" as const, openSync(out, "w"), openSync(err, "w")];
    const child = spawn(process.execPath, [MAIN, ...args], { env: fixture.env, cwd: fixture.folder, stdio });
    const [code] = await once(child, "close");
    return { code: code as number, stdout: readFileSync(out, "utf8"), stderr: readFileSync(err, "utf8") };
  };
  const check = (stdout: string, stderr: string, prefix = "") => {
    const lines = stdout.split("\n").filter((line) => line !== "" && line.startsWith(prefix));
    const numbers = lines.map((line) => Number(line.slice(prefix.length)));
    assert.ok(
      lines.every((line, n) => line === `${prefix}${numbers[n]}`),
      "every line is whole",
    );
    assert.equal(numbers[0], 1);
    assert.equal(numbers.at(-1), LINES);
    const jumps = numbers.flatMap((n, at) => (at > 0 && n !== (numbers[at - 1] ?? 0) + 1 ? [at] : []));
    // One in the middle; a slow machine adds others, where the runtime could not keep what it had not sent.
    assert.ok(jumps.length > 0);
    const marks = stderr
      .split("\n")
      .filter((line) => line.startsWith(prefix) && MARK.test(line.slice(prefix.length)));
    assert.equal(marks.length, jumps.length, stderr);
  };
  const command = `seq 1 ${LINES}; exit 3`;
  const exec = await run("exec", "agent-a", "--", command);
  assert.equal(exec.code, 3);
  check(exec.stdout, exec.stderr);
  const task = await run("task", "agent-a", JSON.stringify({ type: "exec", command }));
  assert.equal(task.code, 3);
  check(task.stdout, task.stderr);
  const both = await run("task", "--agents", "agent-a,agent-b", JSON.stringify({ type: "exec", command }));
  assert.equal(both.code, 1);
  for (const name of ["agent-a", "agent-b"]) check(both.stdout, both.stderr, `${name} | `);
  const json = await run("task", "--json", "agent-a", JSON.stringify({ type: "exec", command }));
  assert.deepEqual([json.code, json.stderr], [3, ""]);
  const { id, droppedBytes, result } = JSON.parse(json.stdout) as {
    readonly id: string;
    readonly droppedBytes: number;
    readonly result: {
      readonly stdout: string;
      readonly dropped: { readonly stdout: { readonly lines: number } };
    };
  };
  const [first = ""] = result.stdout.split("\n", 1);
  assert.equal(Number(first), result.dropped.stdout.lines + 1, "the tail begins with a line, and says which");
  let missing = 0;
  for (let from = 1; ; ) {
    const { lines, next } = await api.readOutput(id, { limit: 10_000, from });
    for (const { gap } of lines) missing += gap?.bytes ?? 0;
    if (next === null) break;
    from = next;
  }
  assert.equal(missing, droppedBytes);
});
