/** The real bundle: only plain files are read and written, `~` is a home, programs get their input, and large commands run. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { config } from "../testing/fake-hub.ts";
import { world } from "../testing/guest.ts";

test("file:write onto what is no plain file is refused, and leaves it as it was", async (t) => {
  const { hub, guest } = await world(t);
  mkdirSync(guest.path("/srv/folder"), { recursive: true });
  execFileSync("mkfifo", [guest.path("/srv/fifo")]);
  for (const [id, filePath, why] of [
    ["w1", "/srv/folder", /is a folder/],
    ["w2", "/srv/fifo", /device, pipe or socket/],
  ] as const) {
    hub.task(id, { type: "file:write", filePath, content: "x" });
    const { success, result } = await hub.response(id);
    assert.equal(success, false);
    assert.match(String(result?.stderr), why);
  }
  hub.task("w3", { type: "file:write", filePath: "/srv/new/", content: "x" });
  assert.equal((await hub.response("w3")).error?.code, "invalid");
  assert.deepEqual(readdirSync(guest.path("/srv")).sort(), ["fifo", "folder"]);
  assert.deepEqual(readdirSync(guest.path("/srv/folder")), []);
  assert.ok(statSync(guest.path("/srv/fifo")).isFIFO());
});

test("file:read of what has no end is refused at once, and of a large file only the limit is read", async (t) => {
  const { hub, guest } = await world(t, { policy: { maxFrameBytes: 200_000 } });
  mkdirSync(guest.path("/srv/folder"), { recursive: true });
  mkdirSync(guest.path("/dev"), { recursive: true });
  execFileSync("mkfifo", [guest.path("/srv/fifo")]);
  execFileSync("ln", ["-s", "/dev/zero", guest.path("/srv/zero")]);
  for (const [id, filePath, why] of [
    ["r1", "/srv/fifo", /device, pipe or socket/],
    ["r2", "/srv/zero", /device, pipe or socket/],
    ["r3", "/srv/folder", /is a folder/],
    ["r4", "/srv/absent", /No such file/],
  ] as const) {
    hub.task(id, { type: "file:read", filePath });
    const { success, result } = await hub.response(id);
    assert.equal(success, false);
    assert.match(String(result?.stderr), why);
  }
  for (const [id, size] of [
    ["full", 100_000],
    ["over", 100_001],
  ] as const) {
    guest.write(`/srv/${id}`, "x".repeat(size));
    hub.task(id, { type: "file:read", filePath: `/srv/${id}` });
    const { result, error } = await hub.response(id);
    if (id === "full") assert.equal(String(result?.content).length, size);
    else assert.equal(error?.code, "too-large");
  }
});

test("~ is the home of the task's user, in every path", async (t) => {
  const { hub, guest } = await world(t, { config: config({ env: { GIT_CONFIG_GLOBAL: "/dev/null" } }) });
  hub.task("w", { type: "file:write", filePath: "~/notes/a.txt", content: "hello" });
  assert.equal((await hub.response("w")).result?.filePath, "~/notes/a.txt");
  assert.equal(guest.read("/home/ubuntu/notes/a.txt"), "hello");
  hub.task("r", { type: "file:read", filePath: "~/notes/a.txt" });
  assert.equal((await hub.response("r")).result?.content, "hello");
  hub.task("c", { command: "pwd", cwd: "~/notes" });
  assert.equal((await hub.response("c")).result?.stdout, `${guest.path("/home/ubuntu/notes")}\n`);
  execFileSync("git", ["init", "-q", guest.path("/home/ubuntu/repo")]);
  hub.task("g", { type: "git:clone", repo: "~/repo", destination: "~/copy" });
  assert.equal((await hub.response("g")).success, true);
  assert.ok(existsSync(guest.path("/home/ubuntu/copy/.git")));
  hub.task("n", { type: "file:read", filePath: "~root/x" });
  assert.equal((await hub.response("n")).error?.code, "invalid");
  assert.ok(!existsSync(guest.path("/home/ubuntu/~")));
});

test("standard input reaches commands and scripts, binary too, and ends", async (t) => {
  const { hub } = await world(t);
  hub.task("t1", { command: "bash", stdin: "echo from bash\nexit 4\n" });
  const { result } = await hub.response("t1");
  assert.deepEqual([result?.stdout, result?.exitCode], ["from bash\n", 4]);
  hub.task("t2", {
    command: "wc -c",
    stdin: Buffer.from([0, 255, 10]).toString("base64"),
    stdinEncoding: "base64",
  });
  assert.equal((await hub.response("t2")).result?.stdout.trim(), "3");
  const script = [
    "#!/usr/bin/env node",
    'const text = require("node:fs").readFileSync(0, "utf8");',
    "console.log(text.length, process.argv.slice(2).join());",
  ].join("\n");
  hub.task("t3", { type: "script", script, args: ["a", "--b"], stdin: "hello" });
  assert.equal((await hub.response("t3")).result?.stdout, "5 a,--b\n");
  for (const [id, interpreter, source] of [
    ["sh", "sh", 'read line; echo "$line $1"; cat'],
    ["bash", "bash", '#!/bin/bash\nread line; echo "$line $1"; cat'],
    [
      "py",
      "python3",
      "import sys\nprint(sys.stdin.readline().strip(), sys.argv[1])\nprint(sys.stdin.read(), end='')",
    ],
  ] as const) {
    hub.task(id, { type: "script", interpreter, script: source, args: ["arg"], stdin: "one\ntwo\n" });
    const { result } = await hub.response(id);
    if (result?.exitCode === 127) t.diagnostic(`${interpreter} is not installed here`);
    else assert.equal(result?.stdout, "one arg\ntwo\n", String(result?.stderr));
  }
  hub.task("t4", { command: "cat; echo end" });
  assert.equal((await hub.response("t4")).result?.stdout, "end\n");
  hub.task("t5", { command: "true", stdin: "x".repeat(1_000_000) });
  assert.equal((await hub.response("t5")).success, true, "a program need not read its input");
});

test("a command that no argument can hold runs, with input and the lines of its errors", async (t) => {
  const { hub } = await world(t);
  const padding = `: '${"x".repeat(300_000)}'`;
  hub.task("t1", {
    command: `${padding}\nread line; echo "got $line"; if [ -e /proc/$$/fd/3 ]; then echo open; else echo closed; fi; exit 7`,
    stdin: "it\n",
  });
  const { result } = await hub.response("t1");
  assert.deepEqual([result?.stdout, result?.exitCode], ["got it\nclosed\n", 7]);
  hub.task("t2", {
    command: "true",
    env: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`V${n}`, "x".repeat(100_000)])),
  });
  const refused = await hub.response("t2");
  assert.match(String(refused.error?.message), /larger than this system allows/);
});

test("a clone says what it left out, and fetches submodules on request", async (t) => {
  const env = {
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "protocol.file.allow",
    GIT_CONFIG_VALUE_0: "always",
  };
  const { hub, guest } = await world(t, { config: config({ env }) });
  const git = (at: string, ...args: readonly string[]) =>
    execFileSync("git", ["-C", guest.path(at), "-c", "user.name=t", "-c", "user.email=t@t", ...args], {
      stdio: "pipe",
      env: { ...process.env, ...env },
    });
  for (const name of ["/srv/part", "/srv/whole"]) {
    mkdirSync(guest.path(name), { recursive: true });
    git(name, "init", "-q", "-b", "main");
    writeFileSync(join(guest.path(name), "file"), "1");
    git(name, "add", ".");
    git(name, "commit", "-qm", "one");
  }
  const clone = async (id: string, more: Readonly<Record<string, unknown>> = {}) => {
    hub.task(id, { type: "git:clone", repo: guest.path("/srv/whole"), destination: id, ...more });
    const { success, result } = await hub.response(id);
    assert.equal(success, true, String(result?.stderr));
    return result?.warnings;
  };
  assert.equal(await clone("plain"), undefined);
  git("/srv/whole", "submodule", "add", "-q", guest.path("/srv/part"), "part");
  writeFileSync(
    join(guest.path("/srv/whole"), ".gitattributes"),
    "*.bin filter=lfs diff=lfs merge=lfs -text\n",
  );
  writeFileSync(
    join(guest.path("/srv/whole"), "large.bin"),
    `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 5\n`,
  );
  git("/srv/whole", "-c", "filter.lfs.clean=cat", "add", ".");
  git("/srv/whole", "commit", "-qm", "two");
  const [submodules, lfs] = (await clone("without")) as readonly string[];
  assert.match(submodules ?? "", /submodules that were not fetched: 1/);
  assert.match(lfs ?? "", /Git LFS pointers without their content: 1/);
  const warnings = (await clone("with", { submodules: true })) as readonly string[];
  assert.equal(warnings.length, 1, warnings.join());
  assert.ok(existsSync(guest.path("/home/ubuntu/with/part/file")));
});
