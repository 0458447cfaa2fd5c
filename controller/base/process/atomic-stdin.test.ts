/** An input that arrives whole or not at all: this process is killed in its middle, and the program has never been started. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { run } from "./exec.ts";

const READER = 'cat > "$1.new" && mv "$1.new" "$1"';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "vm-agent-whole-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** All processes whose arguments name this folder, but for us. */
const helpers = (path: string): readonly string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && Number(pid) !== process.pid
        ? readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(path)
        : false;
    } catch {
      return false;
    }
  });

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end) assert.fail(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Calls `run` in a process that kills itself by SIGKILL after `bytes` bytes of the input; -1: right after all of it.
 * Node's own `spawn` is patched, so the moment is exact.
 */
async function killedAt(bytes: number, file: string, size: number): Promise<void> {
  const script = `
    import childProcess from "node:child_process";
    import { syncBuiltinESMExports } from "node:module";
    const { spawn } = childProcess;
    const [file, bytes, size] = process.argv.slice(1);
    const kill = () => process.kill(process.pid, "SIGKILL");
    childProcess.spawn = (...all) => {
      const child = spawn(...all);
      const end = child.stdin.end.bind(child.stdin);
      child.stdin.end = (data) =>
        bytes === "0" ? kill() : bytes === "-1" ? end(data, kill) : child.stdin.write(data.slice(0, Number(bytes)), kill);
      return child;
    };
    syncBuiltinESMExports();
    const { run } = await import(${JSON.stringify(new URL("./exec.js", import.meta.url).href)});
    await run("/bin/sh", ["-c", ${JSON.stringify(READER)}, "sh", file], { input: "x".repeat(Number(size)), whole: true });`;
  const result = await run(process.execPath, [
    "--input-type=module",
    "-e",
    script,
    file,
    String(bytes),
    String(size),
  ]);
  assert.equal(result.signal, "SIGKILL", result.stderr);
}

const onLinux = { skip: process.platform === "linux" ? false : "needs /proc" };

test("killed before and in the middle of the input: the program is not started", onLinux, async (t) => {
  const path = folder(t);
  for (const bytes of [0, 1, 100_000, 399_999]) {
    const file = join(path, `at-${bytes}`);
    await killedAt(bytes, file, 400_000);
    await until("the helper to be gone", () => helpers(file).length === 0);
    assert.deepEqual(readdirSync(path), [], `after ${bytes} bytes`);
  }
});

test("killed once all of it was handed over: the program gets all of it", async (t) => {
  const file = join(folder(t), "all");
  await killedAt(-1, file, 400_000);
  await until("the program to have read it", () => existsSync(file));
  assert.equal(readFileSync(file, "utf8"), "x".repeat(400_000));
});

test("the program gets exactly what was given, by a pipe, and its exit code comes back", async (t) => {
  const file = join(folder(t), "in");
  const all = Buffer.from(Array.from({ length: 0x500 }, (_, n) => String.fromCodePoint(n + 1)).join(""));
  const texts = [
    "",
    "\n",
    "no line end",
    "two line ends\n\n",
    `quotes ' " \` $HOME \\ \\n %s %% * ? [a] end-\n`,
    all.toString("utf8"),
    `${randomBytes(1_500_000).toString("base64")}\n`,
  ];
  for (const input of texts) {
    const result = await run("/bin/sh", ["-c", `${READER}; stat -L -c %F /dev/stdin; exit 7`, "sh", file], {
      input,
      whole: true,
    });
    assert.deepEqual([result.exitCode, result.stdout, result.stderr], [7, "fifo\n", ""]);
    assert.equal(readFileSync(file, "utf8") === input, true, `${input.length} characters`);
    assert.deepEqual(result.argv.slice(0, 2), ["/bin/sh", "-c"]);
  }
});

test("a program that is not there, may not be started, does not read, or dies by a signal", async (t) => {
  const path = folder(t);
  const plain = join(path, "plain");
  writeFileSync(plain, "", { mode: 0o600 });
  const call = (file: string, ...args: string[]) => run(file, args, { input: "text", whole: true });
  for (const file of [join(path, "nothing"), "vm-agent-no-such-program"])
    assert.equal((await call(file)).spawnError?.code, "ENOENT");
  for (const file of [plain, path]) assert.equal((await call(file)).spawnError?.code, "EACCES");
  const large = "y".repeat(300_000);
  const deaf = await run("/bin/sh", ["-c", "exec 0<&-; exit 3"], { input: large, whole: true });
  assert.deepEqual([deaf.exitCode, deaf.stderr], [3, ""]);
  const killed = await call("/bin/sh", "-c", "kill -9 $$");
  assert.deepEqual([killed.exitCode, killed.spawnError], [null, undefined]);
});

test("whatever PATH is, and with none", async () => {
  for (const PATH of ["/nowhere", undefined]) {
    const result = await run("/bin/sh", ["-c", "read -r line; echo $line"], {
      input: "text\n",
      whole: true,
      env: { PATH },
    });
    assert.deepEqual([result.exitCode, result.stdout, result.stderr], [0, "text\n", ""]);
  }
});

test("after a deadline nothing of it is left, whether it reads or not", onLinux, async (t) => {
  const path = folder(t);
  const late = await run("/bin/sh", ["-c", "sleep 100", path], {
    input: "z".repeat(300_000),
    whole: true,
    deadlineMs: 200,
  });
  assert.deepEqual([late.timedOut, late.exitCode], [true, null]);
  await until("all to be gone", () => helpers(path).length === 0);
});
