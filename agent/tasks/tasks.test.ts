/** The real bundle runs tasks: true ends, numbered output, cancelling, timeouts, concurrency, files, scripts, git. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseStat } from "./processes.ts";
import { config, type FakeHub } from "../testing/fake-hub.ts";
import { world } from "../testing/guest.ts";
import { until } from "../testing/until.ts";

const linux = { skip: process.platform !== "linux" && "needs /proc" };

/** Live processes with that text among their arguments. */
function withArgument(text: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const state = parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"))?.state;
        return state !== "Z" && readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

const streamed = (hub: FakeHub, taskId: string, stream: string): string =>
  Buffer.concat(
    hub
      .all("output", taskId)
      .filter((chunk) => chunk.stream === stream)
      .map((chunk) => Buffer.from(chunk.data ?? "", chunk.encoding as BufferEncoding)),
  ).toString("latin1");

test("the true exit code, both streams, numbered output; a failing command keeps its output", async (t) => {
  const { hub } = await world(t);
  hub.task("t1", { command: "echo one; echo two >&2; echo three; exit 3" });
  const { success, result, error, duration } = await hub.response("t1");
  assert.deepEqual([success, error], [false, undefined]);
  assert.deepEqual(result, {
    stdout: "one\nthree\n",
    stderr: "two\n",
    exitCode: 3,
    signal: null,
    timedOut: false,
    cancelled: false,
    droppedBytes: 0,
    outputBytes: 14,
    outputLines: 3,
  });
  assert.ok(duration! >= 0);
  const chunks = hub.all("output", "t1");
  assert.deepEqual(
    chunks.map((chunk) => chunk.seq),
    chunks.map((_, index) => index + 1),
  );
  assert.equal(streamed(hub, "t1", "stdout"), "one\nthree\n");
  assert.equal(streamed(hub, "t1", "stderr"), "two\n");
  const states = hub.all("ack", "t1").map((ack) => ack.state);
  assert.deepEqual(states, ["accepted", "running"]);

  hub.task("t2", { type: "build", command: "true" });
  assert.equal((await hub.response("t2")).success, true);
  hub.task("t3", { command: "kill -USR1 $$" });
  const killed = await hub.response("t3");
  assert.deepEqual(
    [killed.result?.exitCode, killed.result?.signal, killed.error?.code],
    [null, "SIGUSR1", "signal"],
  );
});

test("folder, home and environment are the guest's", async (t) => {
  const { hub, guest } = await world(t, { config: config({ env: { A: "1", B: "2" } }) });
  mkdirSync(guest.path("/srv/work"), { recursive: true });
  hub.task("t1", {
    command: 'pwd; echo "$HOME"; echo "$A$B$C"; env | grep -c TOKEN',
    cwd: "/srv/work",
    env: { B: "3", C: "4" },
  });
  const { result } = await hub.response("t1");
  assert.equal(result?.stdout, `${guest.path("/srv/work")}\n${guest.path("/home/ubuntu")}\n134\n0\n`);
  hub.task("t2", { command: "true", cwd: "/no/such" });
  assert.equal((await hub.response("t2")).error?.code, "no-such-folder");
});

test("output that is not UTF-8 comes as base64; characters are never cut", async (t) => {
  const { hub } = await world(t);
  hub.task("t1", { command: "printf '\\377\\376'; for i in $(seq 20000); do printf 'ü€😀'; done" });
  await hub.response("t1");
  const chunks = hub.all("output", "t1");
  assert.equal(chunks[0]?.encoding, "base64");
  assert.ok(chunks.slice(1).every((chunk) => chunk.encoding === "utf8"));
  const expected = Buffer.concat([Buffer.from([255, 254]), Buffer.from("ü€😀".repeat(20_000))]);
  assert.equal(streamed(hub, "t1", "stdout"), expected.toString("latin1"));
});

test("beyond the caps the tail is kept and the rest counted", async (t) => {
  const { hub } = await world(t, { policy: { maxOutputBytes: 100_000, maxFrameBytes: 100_000 } });
  const size = 3_000_000;
  hub.task("t1", { command: `head -c ${size} /dev/zero | tr '\\0' x; echo; echo the end` });
  const { result } = await hub.response("t1");
  assert.ok(result?.stdout.endsWith("x\nthe end\n"));
  assert.equal(result!.stdout.length + result!.droppedBytes, size + "\nthe end\n".length);
  assert.ok(result!.stdout.length < 100_000);
  const chunks = hub.all("output", "t1");
  const last = chunks.at(-1);
  assert.equal((last?.offset ?? 0) + (last?.data?.length ?? 0), size + "\nthe end\n".length);
  const text = streamed(hub, "t1", "stdout");
  assert.ok(text.endsWith("x\nthe end\n"));
  assert.ok(text.length <= 100_000);
});

test("cancelling ends a task that forks, ignores SIGTERM and leaves its group", linux, async (t) => {
  const { hub } = await world(t);
  const mark = `31${process.pid}.25`;
  const stubborn = `trap '' TERM; sleep ${mark} & (trap '' TERM; sleep ${mark}) & setsid sleep ${mark} & wait; wait`;
  hub.task("t1", { command: stubborn });
  await until(() => withArgument(mark).length === 3, "three sleeping processes");
  hub.send("cancel", { taskId: "t1", epoch: 1, reason: "enough" });
  const { result, success, error } = await hub.response("t1");
  assert.deepEqual([success, result?.cancelled, error?.code], [false, true, "cancelled"]);
  assert.deepEqual(withArgument(mark), []);
});

test("a timeout ends the whole group and says so; earlier output is kept", linux, async (t) => {
  const { hub } = await world(t);
  const mark = `32${process.pid}.25`;
  hub.task("t1", { command: `echo begun; sleep ${mark} & sleep ${mark}`, timeout: 2500 });
  const { result, error } = await hub.response("t1");
  assert.deepEqual([result?.timedOut, result?.stdout, error?.code], [true, "begun\n", "timed-out"]);
  assert.deepEqual(withArgument(mark), []);
});

test("a background process does not hold its task up and lives on", linux, async (t) => {
  const { hub } = await world(t);
  const mark = `33${process.pid}.25`;
  hub.task("t1", { command: `sleep ${mark} & echo started` });
  const { result } = await hub.response("t1");
  assert.deepEqual([result?.exitCode, result?.stdout], [0, "started\n"]);
  const [pid] = withArgument(mark);
  assert.ok(pid !== undefined);
  process.kill(pid, "SIGKILL");
});

test("no more at once than the configuration says; a waiting task can be cancelled", async (t) => {
  const { hub, guest } = await world(t, {
    config: config({ tasks: { concurrency: 2, sudo: false, user: "ubuntu" } }),
  });
  for (const id of ["t1", "t2", "t3", "t4"]) {
    hub.task(id, { command: `echo ${id} >> "$HOME/begun"; until [ -e "$HOME/go" ]; do sleep 0.02; done` });
  }
  await hub.ack("t2", "running");
  await hub.ack("t4", "accepted");
  hub.send("cancel", { taskId: "t4", epoch: 1, reason: "not needed" });
  assert.equal((await hub.response("t4")).result?.cancelled, true);
  assert.equal(hub.all("ack", "t3").length, 1);
  hub.send("config", config({ hash: "config-2", tasks: { concurrency: 3, sudo: false, user: "ubuntu" } }));
  await hub.ack("t3", "running");
  writeFileSync(guest.path("/home/ubuntu/go"), "");
  for (const id of ["t1", "t2", "t3"]) assert.equal((await hub.response(id)).success, true);
  assert.deepEqual(guest.read("/home/ubuntu/begun").trim().split("\n").sort(), ["t1", "t2", "t3"]);
});

test("refusals are clean answers: sudo, unknown types, malformed tasks, unknown cancels", async (t) => {
  const { hub } = await world(t);
  hub.task("t1", { command: "id", sudo: true });
  assert.equal((await hub.response("t1")).error?.code, "sudo-refused");
  hub.task("t2", { type: "teleport" });
  assert.equal((await hub.response("t2")).error?.code, "unsupported");
  hub.task("t3", { command: 7 });
  assert.equal((await hub.response("t3")).error?.code, "invalid");
  hub.send("cancel", { taskId: "never", epoch: 1, reason: "" });
  assert.equal((await hub.response("never")).error?.code, "unknown-task");
  hub.task("../../t4", { command: "echo odd" });
  assert.equal((await hub.response("../../t4")).result?.stdout, "odd\n");
});

test("scripts get their arguments as arguments", async (t) => {
  const { hub } = await world(t);
  const args = ["a b", "$HOME", "--version", "'"];
  hub.task("t1", {
    type: "script",
    script: "console.log(JSON.stringify(process.argv.slice(2))); process.exit(4)",
    args,
  });
  const { result } = await hub.response("t1");
  assert.deepEqual([result?.exitCode, JSON.parse(result!.stdout)], [4, args]);
});

test("a script runs in the interpreter that it names, with arguments and nothing on its input", async (t) => {
  const { hub } = await world(t);
  const args = ["a b", "$HOME", "--version", "'"];
  const shell = 'printf "<%s>" "$@"; printf " %s" "$#"; cat; exit 5';
  const python = "import sys\nsys.stdout.write(repr(sys.argv[1:]))\nsys.exit(5)";
  const rows = [
    ["sh", shell, "<a b><$HOME><--version><'> 4"],
    ["bash", `declare -A map=([x]=1)\n${shell}`, "<a b><$HOME><--version><'> 4"],
    ["python3", python, `['a b', '$HOME', '--version', "'"]`],
    // A large source is no argument of a program.
    ["sh", `${"# comment\n".repeat(30_000)}${shell}`, "<a b><$HOME><--version><'> 4"],
  ] as const;
  for (const [index, [interpreter, script, stdout]] of rows.entries()) {
    hub.task(`s${index}`, { type: "script", interpreter, script, args });
    const { result } = await hub.response(`s${index}`);
    assert.deepEqual([result?.exitCode, result?.stdout, result?.stderr], [5, stdout, ""], interpreter);
  }
  hub.task("p1", { type: "script", interpreter: "perl", script: "1" });
  assert.match((await hub.response("p1")).error?.message ?? "", /"interpreter" must be one of node, bash/);
});

test("an interpreter that is not installed is named, with what to do", async (t) => {
  const { hub, guest } = await world(t);
  guest.write("/srv/empty/file", "");
  hub.task("m1", {
    type: "script",
    interpreter: "python3",
    script: "print(1)",
    env: { PATH: guest.path("/srv/empty") },
  });
  const { result } = await hub.response("m1");
  assert.equal(result?.exitCode, 127);
  assert.match(
    String(result?.stderr),
    /^error: this script needs python3, which is not installed .*provision\.packages/,
  );
});

test("files are written whole and read back, text or not", async (t) => {
  const { hub, guest } = await world(t, { policy: { maxFrameBytes: 200_000 } });
  const filePath = "/srv/a folder/-x 'y'.txt";
  hub.task("w1", { type: "file:write", filePath, content: "grüße\n" });
  const written = await hub.response("w1");
  assert.deepEqual([written.success, written.result?.filePath, written.result?.size], [true, filePath, 8]);
  assert.equal(guest.read(filePath), "grüße\n");
  hub.task("r1", { type: "file:read", filePath });
  const read = (await hub.response("r1")).result;
  assert.deepEqual([read?.content, read?.size, read?.encoding, read?.stdout], ["grüße\n", 8, "utf8", ""]);
  const bytes = Buffer.from([0, 255, 10]);
  hub.task("w2", {
    type: "file:write",
    filePath: "/srv/b",
    content: bytes.toString("base64"),
    encoding: "base64",
    mode: "600",
  });
  assert.equal((await hub.response("w2")).success, true);
  hub.task("r2", { type: "file:read", filePath: "/srv/b" });
  const binary = (await hub.response("r2")).result;
  assert.deepEqual([binary?.encoding, binary?.content], ["base64", bytes.toString("base64")]);
  assert.equal(hub.all("output").length, 0);
  hub.task("r3", { type: "file:read", filePath: "/srv/absent" });
  const absent = await hub.response("r3");
  assert.deepEqual([absent.success, absent.result?.exitCode], [false, 1]);
  guest.write("/srv/large", "x".repeat(300_000));
  hub.task("r4", { type: "file:read", filePath: "/srv/large" });
  assert.equal((await hub.response("r4")).error?.code, "too-large");
  assert.deepEqual(readdirSync(guest.path("/srv")).sort(), ["a folder", "b", "large"]);
});

test("git clones, pulls and pushes, and takes no options from outside", async (t) => {
  const { hub, guest } = await world(t, { config: config({ env: { GIT_CONFIG_GLOBAL: "/dev/null" } }) });
  const origin = guest.path("/srv/origin.git");
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { stdio: "pipe" });
  git("init", "-q", "--bare", "-b", "main", origin);
  git("clone", "-q", origin, guest.path("/srv/seed"));
  writeFileSync(guest.path("/srv/seed/file"), "1");
  git("-C", guest.path("/srv/seed"), "add", ".");
  git("-C", guest.path("/srv/seed"), "commit", "-qm", "one");
  git("-C", guest.path("/srv/seed"), "push", "-q", "origin", "HEAD:main");
  hub.task("g1", { type: "git:clone", repo: origin, destination: "work", branch: "main" });
  const clone = await hub.response("g1");
  assert.equal(clone.success, true, String(clone.result?.stderr));
  assert.ok(existsSync(join(guest.path("/home/ubuntu/work"), "file")));
  hub.task("g2", { type: "git:pull", repoPath: "/home/ubuntu/work" });
  assert.equal((await hub.response("g2")).success, true);
  hub.task("g3", { type: "git:push", repoPath: "work", remote: "origin", branch: "main" });
  assert.equal((await hub.response("g3")).success, true);
  hub.task("g4", { type: "git:clone", repo: "--upload-pack=touch /tmp/x" });
  assert.equal((await hub.response("g4")).error?.code, "invalid");
});

test("timeouts.run ends a task as timeout does, and wins over it", linux, async (t) => {
  const { hub } = await world(t);
  hub.task("t1", { command: "echo begun; sleep 60", timeouts: { run: 300 }, timeout: 60_000 });
  const { result, error } = await hub.response("t1");
  assert.deepEqual([result?.timedOut, result?.stdout, error?.code], [true, "begun\n", "timed-out"]);
});

test("a relative path of a file is below the working folder, whatever it is called", async (t) => {
  const { hub, guest } = await world(t);
  for (const [index, filePath] of ["-", "notes/a.txt", "--help"].entries()) {
    hub.task(`w${index}`, { type: "file:write", filePath, content: filePath });
    assert.equal((await hub.response(`w${index}`)).success, true, filePath);
    assert.equal(guest.read(`/home/ubuntu/${filePath}`), filePath);
    hub.task(`r${index}`, { type: "file:read", filePath });
    const { result } = await hub.response(`r${index}`);
    assert.deepEqual([result?.content, result?.filePath], [filePath, filePath]);
  }
});
