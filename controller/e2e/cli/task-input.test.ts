/** Standard input of `exec` and `task`: passed on from pipes and files, bounded, refused where it cannot be, and never waited for without an end. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createFixture, MAIN, until } from "../support/harness.ts";

test("standard input of exec and task", { timeout: 480_000 }, async (t) => {
  const fixture = await createFixture(
    { "a.yaml": "kind: Agent\nname: agent-a\n---\nkind: Agent\nname: agent-b\n" },
    { upWithin: 120_000 },
  );
  t.after(() => fixture.close());
  const { api } = await fixture.up();
  await until(
    "both online",
    async () => (await api.listAgents({ status: "online" })).agents.length === 2,
    240_000,
  );

  /** `input`: a text is written and ended; a number is a descriptor; open: a pipe that is never written to; closed: none. */
  const run = async (args: readonly string[], input: string | Buffer | number | "open" | "closed") => {
    const shell = ["sh", "-c", 'exec "$@" <&-', "sh", process.execPath, MAIN, ...args];
    const [file = "", ...rest] = input === "closed" ? shell : [process.execPath, MAIN, ...args];
    const child = spawn(file, rest, {
      env: fixture.env,
      cwd: fixture.folder,
      stdio: [typeof input === "number" ? input : "pipe", "pipe", "pipe"],
    });
    child.stdin?.on("error", () => {});
    if (typeof input !== "number" && input !== "open" && input !== "closed") child.stdin?.end(input);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (data) => (stdout += String(data)));
    child.stderr?.on("data", (data) => (stderr += String(data)));
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    child.stdin?.destroy();
    return { code, stdout, stderr };
  };
  const cat = JSON.stringify({ type: "exec", command: "cat; echo end" });

  const bash = await run(["exec", "agent-a", "--", "bash"], "echo hello\nexit 4\n");
  assert.deepEqual(bash, { code: 4, stdout: "hello\n", stderr: "" });
  const binary = await run(["exec", "agent-a", "--", "cat | wc -c"], Buffer.from([0, 255, 254, 10]));
  assert.equal(binary.stdout.trim(), "4");
  const both = await run(["task", "--agents", "agent-a,agent-b", cat], "one\n");
  assert.deepEqual(both.stdout.trim().split("\n").sort(), [
    "agent-a | end",
    "agent-a | one",
    "agent-b | end",
    "agent-b | one",
  ]);
  const json = await run(["task", "--json", "agent-a", cat], "one\n");
  assert.equal((JSON.parse(json.stdout) as { result: { stdout: string } }).result.stdout, "one\nend\n");

  // A file is passed on; /dev/null, a closed descriptor, and an empty pipe are no input.
  const path = join(fixture.folder, "input");
  writeFileSync(path, "from a file\n");
  for (const [what, file, expected] of [
    ["a file", path, "from a file\nend\n"],
    ["/dev/null", "/dev/null", "end\n"],
  ] as const) {
    const descriptor = openSync(file, "r");
    assert.deepEqual(
      await run(["task", "agent-a", cat], descriptor),
      { code: 0, stdout: expected, stderr: "" },
      what,
    );
    closeSync(descriptor);
  }
  for (const input of ["", "closed"] as const)
    assert.deepEqual(await run(["task", "agent-a", cat], input), { code: 0, stdout: "end\n", stderr: "" });
  assert.equal((await run(["exec", "--no-stdin", "agent-a", "--", "cat"], "ignored")).stdout, "");

  // Refused, with nothing run.
  const before = (await api.listTasks({ limit: 1 })).tasks[0]?.id;
  const read = JSON.stringify({ type: "file:read", filePath: "/etc/hostname" });
  for (const [args, input, why] of [
    [["exec", "agent-a", "--", "cat"], "x".repeat(2 ** 21 + 1), /larger than 2 MiB/],
    [["task", "agent-a", read], "data", /tasks of type file:read take none/],
    [
      ["task", "agent-a", JSON.stringify({ type: "exec", command: "cat", stdin: "a" })],
      "data",
      /its own stdin/,
    ],
    [["exec", "agent-a", "--", "cat"], "open", /open pipe on which nothing came for 10 s/],
  ] as const) {
    const { code, stderr } = await run(args, input);
    assert.equal(code, 64, stderr);
    assert.match(stderr, why);
  }
  assert.equal((await api.listTasks({ limit: 1 })).tasks[0]?.id, before);
  // A task that takes none does not wait for one.
  assert.equal(
    (
      await run(
        ["task", "agent-a", JSON.stringify({ type: "file:write", filePath: "x", content: "" })],
        "open",
      )
    ).code,
    0,
  );
  assert.equal((await run(["exec", "--no-stdin", "agent-a", "--", "true"], "open")).code, 0);
});
