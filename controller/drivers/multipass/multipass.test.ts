/** The driver against a stand-in executable: exact arguments, and every way in which Multipass can misbehave. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createBus } from "../../base/events.ts";
import { fakeMultipass as fake, withCode as code } from "../testing/fake-multipass.ts";
import { createMultipassDriver } from "./multipass.ts";
import { DEADLINES, readDeadlines } from "./call.ts";
import { FAKE_MULTIPASS, recordings } from "../testing/testdata.ts";

const size = { cpu: 2, memory: 4 * 1024 ** 3, disk: 20 * 1024 ** 3 };
const LIST = '{"list":[{"ipv4":[],"name":"a","release":"x","state":"Running"}]}';

test("each method makes exactly the call that it should", async (t) => {
  const { driver, calls, events } = fake(t);
  const odd = `it's "odd" $(x) \`y\` * ü`;
  await driver.start("a");
  await driver.stop("a", { force: false });
  await driver.stop("a", { force: true });
  await driver.recover("a");
  await driver.resize("a", "cpu", 3);
  await driver.resize("a", "memory", 5);
  await driver.resize("a", "disk", 6);
  await driver.snapshot("a", "s1", odd);
  await driver.snapshot("a", "s2", "");
  await driver.removeSnapshot("a", "s1");
  await driver.restore("a", "s1");
  await driver.mount("a", { source: `/x/${odd}`, target: "/mnt/y" });
  await driver.unmount("a", "/mnt/y");
  await driver.remove("a");
  const expected = [
    ["start", "a"],
    ["stop", "a"],
    ["stop", "--force", "a"],
    ["recover", "a"],
    ["set", "local.a.cpus=3"],
    ["set", "local.a.memory=5"],
    ["set", "local.a.disk=6"],
    ["snapshot", "a", "--name", "s1", "--comment", odd],
    ["snapshot", "a", "--name", "s2"],
    ["delete", "a.s1", "--purge"],
    ["restore", "a.s1", "--destructive"],
    ["mount", `/x/${odd}`, "a:/mnt/y"],
    ["umount", "a:/mnt/y"],
    ["delete", "--purge", "a"],
  ];
  assert.deepEqual(calls(), expected);
  assert.deepEqual(
    events.map((event) => event.argv),
    expected.map((args) => ["multipass", ...args]),
  );
  assert.ok(events.every((event) => event.exitCode === 0 && event.failure === null));
});

test("launch: user data goes in by standard input and is in no argument and no event", async (t) => {
  const secret = "#cloud-config\n# join-token-1234\n";
  const launched = recordings().find((r) => r.name === "030_launch_bad_hash")!;
  const env = { FAKE_OUT: launched.stdout.replaceAll("\\", "\\\\").replaceAll("\n", "\\n") };
  const { driver, calls, events, folder } = fake(t, { ...env, FAKE_MODE: "stdin" });
  const heard: string[] = [];
  await driver.launch({ name: "a", image: "24.04", size, timeoutSeconds: 300 }, secret, (text) =>
    heard.push(text),
  );
  await driver.launch({ name: "b", size, timeoutSeconds: 9 }, secret);
  const rest = (name: string, timeout: string) =>
    `--name ${name} --cpus 2 --memory 4294967296 --disk 21474836480 --cloud-init - --timeout ${timeout}`.split(
      " ",
    );
  assert.deepEqual(calls(), [
    ["get", "client.primary-name"],
    ["launch", "24.04", ...rest("a", "300")],
    ["launch", ...rest("b", "9")],
  ]);
  assert.equal(readFileSync(join(folder, "stdin"), "utf8"), secret);
  assert.doesNotMatch(JSON.stringify(events) + readFileSync(join(folder, "argv"), "utf8"), /join-token/);
  assert.deepEqual(heard.slice(0, 3), ["Creating e1", "Retrieving image: 35%", "Retrieving image: 68%"]);
});

test("what could pose as an option, or mounts the home folder, never gets that far", async (t) => {
  const { driver, events } = fake(t);
  for (const name of ["--all", "a b", "a.b", "", "a-", "ä"]) {
    await assert.rejects(driver.start(name), code("invalid-argument"));
  }
  const spec = { size, timeoutSeconds: 1 };
  await assert.rejects(driver.launch({ ...spec, name: "a", image: "--mount=/" }, ""), code("launch-refused"));
  await assert.rejects(driver.launch({ ...spec, name: "primary" }, ""), code("launch-refused"));
  await assert.rejects(driver.mount("a", { source: "-t", target: "/x" }), code("invalid-argument"));
  assert.equal(events.length, 0);
});

test("the name that this user chose for the primary instance is refused too, asked once", async (t) => {
  const { driver, calls } = fake(t, { FAKE_OUT: "mine\\n" });
  const spec = { size, timeoutSeconds: 1 };
  await assert.rejects(driver.launch({ ...spec, name: "mine" }, ""), code("launch-refused"));
  await driver.launch({ ...spec, name: "yours" }, "");
  assert.deepEqual(
    calls().map(([command]) => command),
    ["get", "launch"],
  );
  const unasked = fake(t, { FAKE_EXIT: "1", FAKE_ERR: "Unrecognized settings key\\n" }).driver;
  await assert.rejects(unasked.launch({ ...spec, name: "yours" }, ""), code("launch-refused"));
});

test("who gives a change longer than the daemon's 300 s has the daemon wait as long for a boot", async (t) => {
  const { driver, calls } = fake(t, {}, { change: 930_000 });
  await driver.start("a");
  await fake(t, {}, { change: DEADLINES.change }).driver.start("a");
  assert.deepEqual(calls(), [["start", "a", "--timeout", "900"]]);
});

test("list: rows, or a reason and a next step; it never rejects", async (t) => {
  assert.deepEqual(await fake(t, { FAKE_OUT: LIST }).driver.list(), {
    kind: "seen",
    instances: [{ name: "a", state: "Running", release: "x", ipv4: [] }],
  });
  const reasons: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ FAKE_OUT: LIST.slice(0, 40) }, /cut off/],
    [{ FAKE_OUT: "" }, /empty/],
    [{ FAKE_OUT: "No instances found." }, /not JSON/],
    [{ FAKE_EXIT: "4" }, /exit code 4/],
    [
      { FAKE_EXIT: "2", FAKE_ERR: "list failed: cannot connect to the multipass socket\\n" },
      /cannot connect/,
    ],
    [{ FAKE_EXIT: "2", FAKE_ERR: "list failed: multipass socket access denied\\n" }, /denied/],
  ];
  for (const [env, pattern] of reasons) {
    const { driver, events } = fake(t, env);
    const seen = await driver.list();
    assert.ok(seen.kind === "unobservable", JSON.stringify(env));
    assert.match(seen.reason, pattern);
    assert.ok(seen.next.length > 0);
    assert.deepEqual(events[0]?.argv, ["multipass", "list", "--no-ipv4", "--format", "json"]);
  }
});

test("error lines on standard error with exit code 0 are success; slowness within the deadline too", async (t) => {
  const { driver, events } = fake(t, {
    FAKE_MODE: "slow",
    FAKE_OUT: LIST,
    FAKE_ERR:
      "[2026-11-22T12:34:22.303] [error] [url downloader] Failed to get https://x\\nlist failed: not really\\n",
  });
  assert.equal((await driver.list()).kind, "seen");
  assert.equal(events[0]?.failure, null);
});

test("a daemon that hangs: unobservable at the deadline, and client and child are gone", {
  timeout: 60_000,
}, async (t) => {
  const { driver, events, folder } = fake(t, { FAKE_MODE: "hang" }, { look: 4000 });
  const seen = await driver.list();
  assert.ok(seen.kind === "unobservable");
  assert.match(seen.reason, /multipassd does not answer/);
  assert.deepEqual([events[0]?.exitCode, events[0]?.failure], [null, "driver-timeout"]);
  const pids = readFileSync(join(folder, "pids"), "utf8").trim().split("\n").map(Number);
  assert.equal(pids.length, 2);
  for (const pid of pids) assert.ok(gone(pid), `${pid} lives`);
});

function gone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform === "linux" && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

test("while an own call keeps the daemon busy, a late look says so", { timeout: 60_000 }, async (t) => {
  const { driver } = fake(t, { FAKE_MODE: "sleep" }, { look: 200 });
  const controller = new AbortController();
  const stopping = assert.rejects(
    driver.stop("a", { force: false }, controller.signal),
    code("driver-cancelled"),
  );
  const seen = await driver.list();
  assert.match(seen.kind === "unobservable" ? seen.reason : "", /busy with `multipass stop a`/);
  controller.abort();
  await stopping;
});

test("no executable, and one that may not be executed", async () => {
  const made = (file: string) =>
    createMultipassDriver({ executable: { file, args: [] }, bus: createBus(() => 0) });
  await assert.rejects(made("/nonexistent/multipass").info(), code("driver-missing"));
  await assert.rejects(made(FAKE_MULTIPASS).info(), code("driver-denied"));
});

test("info: multipass or sandbox, answering or not", async (t) => {
  const info = (json: string) => fake(t, { FAKE_OUT: json }).driver.info();
  assert.deepEqual(await info('{"multipass":"1.16.3","multipassd":"1.16.2"}'), {
    name: "multipass",
    version: "1.16.2",
    daemonAnswers: true,
    sandbox: false,
  });
  assert.equal((await info('{"multipass":"1.16.3"}')).daemonAnswers, false);
  assert.equal((await info('{"multipass":"1","multipassd":"1","sandbox":true}')).name, "sandbox");
  const never = {
    FAKE_EXIT: "1",
    FAKE_ERR:
      "[error] [client] Caught an unhandled exception: failed to open file '/x/multipass_root_cert.pem': No such file or directory(2)\\n",
  };
  await assert.rejects(fake(t, never).driver.info(), code("driver-unreachable"));
});

test("size, shownSize, snapshots and mounts", async (t) => {
  const { driver, calls } = fake(t, { FAKE_OUT: "2\\n" });
  assert.deepEqual(await driver.size("a"), { cpu: 2, memory: 2, disk: 2 });
  assert.deepEqual(calls(), [
    ["get", "local.a.cpus"],
    ["get", "local.a.memory"],
    ["get", "local.a.disk"],
  ]);
  assert.equal(driver.shownSize?.({ cpu: 1, memory: 1280 * 1024 ** 2, disk: 1024 ** 3 }).memory, 1288490188);
  await assert.rejects(fake(t, { FAKE_OUT: "<empty>\\n" }).driver.size("a"), code("driver-failed"));
  const snapshots = await fake(t, {
    FAKE_OUT: '{"errors":[],"info":{"a":{"s":{"parent":"","comment":"c"}}}}',
  }).driver.snapshots();
  assert.deepEqual(snapshots.get("a"), [{ name: "s", parent: "", comment: "c" }]);
  const info = '{"info":{"a":{"state":"Stopped","mounts":{"/t":{"source_path":"/s"}}}}}';
  assert.deepEqual(await fake(t, { FAKE_OUT: info }).driver.mounts?.("a"), [{ source: "/s", target: "/t" }]);
});

test("a change that is already done succeeds; a conflict that only the caller can resolve is reported", async (t) => {
  const failing = (words: string, exit = "2") =>
    fake(t, { FAKE_EXIT: exit, FAKE_ERR: `x failed: ${words}\\n` }).driver;
  await failing('The following errors occurred:\\ninstance "a" does not exist').remove("a");
  await failing("Snapshot already exists: a.s").snapshot("a", "s", "");
  await failing("No such snapshot: a.s").removeSnapshot("a", "s");
  await failing("The following errors occurred:\\n\"/t\" is already mounted in 'a'").mount("a", {
    source: "/s",
    target: "/t",
  });
  await failing("The following errors occurred:\\npath \"/t\" is not mounted in 'a'").unmount("a", "/t");
  const spec = { name: "a", size, timeoutSeconds: 1 };
  await assert.rejects(failing('instance "a" already exists').launch(spec, ""), code("instance-exists"));
  await assert.rejects(
    failing('instance "a" is being prepared').launch(spec, ""),
    code("instance-preparing"),
  );
  await assert.rejects(failing("No such snapshot: a.s").restore("a", "s"), code("snapshot-missing"));
  await assert.rejects(
    failing(
      "Cannot update instance settings; instance: a; reason: Instance must be stopped for modification",
    ).resize("a", "cpu", 1),
    code("not-stopped"),
  );
  await assert.rejects(failing('instance "a" does not exist').start("a"), code("instance-missing"));
});

test("suspend looks afterwards, because it exits 0 without effect", async (t) => {
  const after = async (list: string) => {
    const { driver, folder } = fake(t, { FAKE_MODE: "steps" });
    writeFileSync(join(folder, "list"), list);
    await driver.suspend("a");
  };
  await after(LIST.replace("Running", "Suspended"));
  await assert.rejects(after(LIST.replace("Running", "Unknown")), code("wrong-state"));
  await assert.rejects(after(LIST.slice(0, 30)), code("driver-failed"));
});

test("host: what this machine has", async (t) => {
  const host = await fake(t).driver.host?.();
  assert.ok(
    host !== undefined && host.cpu >= 1 && host.memory > 2 ** 27 && host.disk > 2 ** 27,
    JSON.stringify(host),
  );
});

test("deadlines are settings in seconds", () => {
  assert.deepEqual(readDeadlines({}), DEADLINES);
  assert.equal(readDeadlines({ VM_AGENT_DEADLINE_LOOK: "2.5" }).look, 2500);
  for (const value of ["0", "-1", "soon", "1e9"])
    assert.throws(() => readDeadlines({ VM_AGENT_DEADLINE_EXEC: value }), code("usage"));
});

test("a call is made from a folder that is always there, whatever became of ours", async (t) => {
  const { folder } = fake(t);
  const script = `import { rmdirSync } from "node:fs";
    const { createMultipassDriver } = await import(${JSON.stringify(new URL("./multipass.js", import.meta.url).href)});
    const run = ${JSON.stringify(`printf '{"multipass":"%s"}' "$(/bin/pwd)"`)};
    const driver = createMultipassDriver({ executable: { file: "/bin/sh", args: ["-c", run] }, bus: { emit() {} } });
    rmdirSync(process.cwd());
    process.stdout.write((await driver.info()).version);`;
  const cwd = join(folder, "gone");
  mkdirSync(cwd);
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd,
    encoding: "utf8",
  });
  assert.deepEqual([stdout, stderr], ["/", ""]);
});
