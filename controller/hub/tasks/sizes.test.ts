/** Limits of Linux are refused at submission, with the limit; what is given to programs by other ways is not bound by them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { taskProblems } from "./schema.ts";

const long = (bytes: number) => "x".repeat(bytes);
const exec = (more: Readonly<Record<string, unknown>>) => ({ type: "exec", command: "true", ...more });

test("what no guest can carry out is refused with its place and the limit", () => {
  for (const [task, path, limit] of [
    [exec({ env: { A: long(131_070) } }), "/env/A", "131071"],
    [exec({ env: { A: "é".repeat(65_535) } }), "/env/A", "131071"],
    [{ type: "script", script: "1", args: ["a", long(131_072)] }, "/args/1", "131071"],
    [{ type: "git:clone", repo: `https://${long(131_072)}`, destination: "d" }, "/repo", "131071"],
    [{ type: "git:clone", repo: "https://host/r", destination: long(4096) }, "/destination", "4095"],
    [{ type: "file:read", filePath: `/${long(4096)}` }, "/filePath", "4095"],
    [exec({ cwd: long(4096) }), "/cwd", "4095"],
    [exec({ stdin: long(2 ** 21 + 1) }), "/stdin", "2097152"],
    [
      exec({ env: Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`V${n}`, long(120_000)])) }),
      "the task",
      "1048576",
    ],
  ] as const) {
    const [problem, ...more] = taskProblems(task);
    assert.deepEqual([problem?.path, more], [path, []]);
    assert.match(problem?.message ?? "", new RegExp(`bytes; allowed: at most ${limit} `));
  }
});

test("commands, scripts, contents and input may be large", () => {
  for (const task of [
    exec({ command: `: ${long(1_000_000)}`, env: { A: long(131_069) }, stdin: long(2 ** 21) }),
    exec({ stdin: Buffer.alloc(2 ** 21).toString("base64"), stdinEncoding: "base64" }),
    { type: "script", script: `//${long(1_000_000)}`, args: [long(131_071)] },
    { type: "file:write", filePath: "/x", content: long(3_000_000) },
  ])
    assert.deepEqual(taskProblems(task), []);
});

test("only tasks that run a program have standard input", () => {
  for (const task of [
    { type: "file:read", filePath: "/x", stdin: "a" },
    { type: "git:pull", repoPath: "/x", stdin: "a" },
  ])
    assert.equal(taskProblems(task)[0]?.path, "/stdin");
});
