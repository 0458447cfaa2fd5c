/** exec.ts against real small programs: every way in which a child can end, or refuse to. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "./exec.ts";

const sh = (script: string, ...args: string[]) => ["-c", script, "sh", ...args];

async function until(what: string, condition: () => boolean, ms = 30_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) assert.fail(`waited ${ms} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Gone, or a zombie that only its parent can remove. */
function ended(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  try {
    return /^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return process.platform === "linux";
  }
}

function folder(t: { after(fn: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), "vm-agent-exec-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const pids = (file: string): number[] => {
  try {
    return readFileSync(file, "utf8")
      .trim()
      .split(/\s+/)
      .map(Number)
      .filter((n) => n > 0);
  } catch {
    return [];
  }
};

test("exit code, both streams and argv are data", async () => {
  const result = await run("/bin/sh", sh("printf out; printf err >&2; exit 7"));
  assert.deepEqual([result.exitCode, result.signal, result.stdout, result.stderr], [7, null, "out", "err"]);
  assert.deepEqual([result.timedOut, result.aborted, result.truncated], [false, false, false]);
  assert.equal(result.argv[0], "/bin/sh");
  assert.equal(result.spawnError, undefined);
});

test("arguments arrive as they are: no shell", async () => {
  const odd = ["a b", "$(touch x)", "`x`", "", "'", '"', "*", "-n", "ünï\n"];
  const result = await run("/bin/sh", sh("printf '%s\\0' \"$@\"", ...odd));
  assert.deepEqual(result.stdout.split("\0").slice(0, -1), odd);
});

test("standard input is /dev/null, or what was given", async () => {
  assert.equal((await run("cat", [], { deadlineMs: 30_000 })).exitCode, 0);
  const input = "x".repeat(300_000);
  assert.equal((await run("cat", [], { input })).stdout, input);
});

test("a program that does not read its input is no error", async () => {
  const result = await run("/bin/sh", sh("exec 0<&-; exit 3"), { input: "x".repeat(5_000_000) });
  assert.equal(result.exitCode, 3);
});

test("the end by a signal is distinguished from an exit code", async () => {
  const result = await run("/bin/sh", sh("kill -KILL $$"));
  assert.deepEqual([result.exitCode, result.signal, result.timedOut], [null, "SIGKILL", false]);
});

test("a missing executable, a missing folder and a forbidden file are results, not rejections", async () => {
  assert.equal((await run("/nonexistent/program", [])).spawnError?.code, "ENOENT");
  assert.equal((await run("true", [], { cwd: "/nonexistent" })).spawnError?.code, "ENOENT");
  assert.equal((await run("/etc/passwd", [])).spawnError?.code, "EACCES");
  assert.ok((await run("true", ["nul\0byte"])).spawnError);
});

test("environment is added to, and variables are removed", async () => {
  const result = await run("/bin/sh", sh('printf "%s %s" "$ADDED" "$(printenv HOME || echo unset)"'), {
    env: { ADDED: "yes", HOME: undefined },
  });
  assert.equal(result.stdout, "yes unset");
});

test("at the deadline a child that heeds SIGTERM ends at once", async () => {
  const result = await run("/bin/sh", sh("printf begun; sleep 100"), {
    deadlineMs: 2500,
    killGraceMs: 60_000,
  });
  assert.deepEqual([result.timedOut, result.aborted, result.stdout], [true, false, "begun"]);
  // Not the grace's end, which a child that does not heed it would have waited for.
  assert.equal(result.signal, "SIGTERM");
});

test("at the deadline a child that ignores SIGTERM is killed after the grace", async () => {
  const result = await run("/bin/sh", sh("trap '' TERM; while :; do sleep 0.05; done"), {
    deadlineMs: 100,
    killGraceMs: 200,
  });
  assert.deepEqual([result.timedOut, result.signal, result.exitCode], [true, "SIGKILL", null]);
});

test("the whole group goes: a grandchild that ignores SIGTERM and holds the pipes", async (t) => {
  const file = join(folder(t), "pids");
  const script = `(trap '' TERM; echo $$ > "$1"; sh -c 'echo $$ >> "$1"; trap "" TERM; while :; do sleep 0.05; done' sh "$1") & wait`;
  const controller = new AbortController();
  const running = run("/bin/sh", sh(script, file), { signal: controller.signal, killGraceMs: 200 });
  await until("both process ids", () => pids(file).length === 2);
  controller.abort();
  assert.equal((await running).aborted, true);
  for (const pid of pids(file)) assert.ok(ended(pid), `${pid} lives`);
});

// setsid(1) is of util-linux.
test("a descendant that left the group and holds the pipes does not delay the end", {
  skip: process.platform !== "linux",
}, async (t) => {
  const file = join(folder(t), "pids");
  const script = `setsid sh -c 'echo $$ > "$1"; exec sleep 100' sh "$1" & while [ ! -s "$1" ]; do sleep 0.02; done; printf done`;
  t.after(() => {
    for (const pid of pids(file)) process.kill(pid, "SIGKILL");
  });
  const result = await run("/bin/sh", sh(script, file), { deadlineMs: 60_000 });
  assert.deepEqual([result.exitCode, result.stdout, result.timedOut], [0, "done", false]);
  assert.ok(result.durationMs < 5000, `${result.durationMs}`);
});

test("an abort ends the group, and one before the start starts nothing", async () => {
  const controller = new AbortController();
  const running = run("sleep", ["100"], { signal: controller.signal });
  controller.abort();
  const result = await running;
  assert.deepEqual([result.aborted, result.timedOut], [true, false]);
  const never = await run("sleep", ["100"], { signal: controller.signal });
  assert.deepEqual([never.aborted, never.exitCode, never.durationMs], [true, null, 0]);
});

test("output beyond the cap is dropped, counted as such, and does not block the program", async () => {
  const heard = { bytes: 0 };
  const result = await run("/bin/sh", sh("head -c 3000000 /dev/zero | tr '\\0' x; exit 5"), {
    maxOutputBytes: 1000,
    onStdout: (text) => {
      heard.bytes += text.length;
    },
  });
  assert.deepEqual([result.exitCode, result.truncated, result.stdout.length], [5, true, 1000]);
  assert.equal(heard.bytes, 3_000_000);
});

test("characters cut between two chunks reach the listener whole", async () => {
  const heard: string[] = [];
  await run("/bin/sh", sh("printf '\\303'; sleep 0.1; printf '\\274'"), {
    onStdout: (text) => heard.push(text),
  });
  assert.equal(heard.join(""), "ü");
});

test("many at once leave nothing behind", async () => {
  const before = process.listenerCount("exit");
  const results = await Promise.all(Array.from({ length: 30 }, (_, n) => run("/bin/sh", sh(`exit ${n}`))));
  assert.deepEqual(
    results.map((result) => result.exitCode),
    Array.from({ length: 30 }, (_, n) => n),
  );
  assert.equal(process.listenerCount("exit"), before);
});

test("what still runs ends with this process", async (t) => {
  const file = join(folder(t), "pid");
  const module = new URL("./exec.js", import.meta.url).href;
  const script = `
    import { existsSync } from "node:fs";
    const { run } = await import(${JSON.stringify(module)});
    void run("/bin/sh", ["-c", 'echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 100', "sh", process.argv[1]]);
    setInterval(() => existsSync(process.argv[1]) && process.exit(0), 10);`;
  const result = await run(process.execPath, ["--input-type=module", "-e", script, file], {
    deadlineMs: 60_000,
  });
  assert.equal(result.exitCode, 0, result.stderr);
  const [pid] = pids(file);
  assert.ok(pid !== undefined);
  await until("its child to end", () => ended(pid));
});
