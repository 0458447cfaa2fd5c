// What an instance really does: boots, keeps its service running, ends without leaving a process behind.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { isolation } from "./guest/isolation.ts";
import { members } from "./guest/members.ts";
import { lives, signal } from "./processes.ts";
import { until, World } from "./testing/test-world.ts";

const SERVICE = `[Unit]
Description=A runtime
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/bin/env node /usr/local/lib/app/app.mjs --config /etc/app.json
Environment=GREETING="hello world"
Restart=always
RestartSec=50ms
[Install]
WantedBy=multi-user.target
`;

/** Writes its pid and what it sees, then waits. */
const PROGRAM = `import { readFileSync, appendFileSync } from "node:fs";
const root = process.env.VM_AGENT_GUEST_ROOT ?? "";
readFileSync(process.argv[3]);
appendFileSync(root + "/tmp/starts", process.env.GREETING + "\\n");
setInterval(() => {}, 1000);
`;

const CLOUD_INIT = JSON.stringify({
  packages: ["cowsay"],
  write_files: [
    { path: "/usr/local/lib/app/app.mjs", encoding: "gz+b64", content: gzipSync(PROGRAM).toString("base64") },
    { path: "/etc/app.json", content: "{}", permissions: "0600" },
    {
      path: "/etc/systemd/system/app.service",
      encoding: "b64",
      content: Buffer.from(SERVICE).toString("base64"),
    },
  ],
  runcmd: [["systemctl", "daemon-reload"], "systemctl enable --now app", "touch /tmp/touched-by-runcmd"],
});

const bwrap = isolation().bwrap;
let world: World;
before(() => {
  world = new World();
});
after(() => world.close());

const starts = (name: string): number => (world.guestFile(name, "tmp/starts") ?? "").split("\n").length - 1;

/** Launches an instance with the service and waits until that has started. */
async function launch(name: string): Promise<void> {
  const out = await world.ok(["launch", "24.04", "--name", name, "--cloud-init", "-"], { stdin: CLOUD_INIT });
  assert.match(out, new RegExp(`Launched: ${name}\n`));
  await until("the service has started", () => starts(name) > 0);
}

function processesOf(name: string): readonly number[] {
  const { boot } = world.record(name);
  return boot ? members(boot).map(({ pid }) => pid) : [];
}

describe("life of an instance", { concurrency: false }, () => {
  test("a launch runs the unit that cloud-init brought, and packages are never installed", async () => {
    await launch("a1");
    assert.equal(world.guestFile("a1", "tmp/starts"), "hello world\n");
    assert.match(
      world.guestFile("a1", "var/log/cloud-init-output.log") ?? "",
      /never installed, skipped: cowsay/,
    );
    assert.equal(world.guestFile("a1", "var/lib/cloud/data/instance-id"), "a1\n");
    assert.equal(world.guestFile("a1", "tmp/touched-by-runcmd"), bwrap ? "" : undefined);
  });

  test("a service that is killed comes back", async () => {
    const before = starts("a1");
    const { boot } = world.record("a1");
    assert.ok(boot);
    const victim = members(boot).find(({ command, pid }) => pid !== boot.process.pid && command !== "bwrap");
    assert.ok(victim);
    signal(victim.pid, "SIGKILL");
    await until("the service is back", () => starts("a1") > before);
  });

  test("quotes are lost on the way, and a content that is then no text ends write_files", async () => {
    const userData = {
      write_files: [
        { path: "/tmp/before", content: "a: b", permissions: "0600" },
        { path: "/tmp/broken", content: "true" },
        { path: "/tmp/after", content: "x" },
      ],
      runcmd: ["yes"],
    };
    await world.ok(["launch", "24.04", "--name", "q1", "--cloud-init", "-"], {
      stdin: JSON.stringify(userData),
    });
    assert.equal(world.guestFile("q1", "tmp/before"), "a: b");
    assert.equal(world.guestFile("q1", "tmp/broken"), undefined);
    assert.equal(world.guestFile("q1", "tmp/after"), undefined);
    const status = await world.ok(["exec", "q1", "--", "sh", "-c", "cloud-init status --format json; true"]);
    const { errors } = JSON.parse(status) as { readonly errors: readonly string[] };
    assert.match(errors.join("\n"), /write_files.*boolean.*\n.*runcmd.*shellify type 'boolean'/);
  });

  test("systemctl and cloud-init answer inside", async () => {
    const systemctl = await world.run(["exec", "a1", "--", "sudo", "systemctl", "is-active", "app"]);
    assert.deepEqual([systemctl.stdout, systemctl.code], ["active\n", 0]);
    const before = starts("a1");
    await world.ok(["exec", "a1", "--", "systemctl", "restart", "app"]);
    await until("the service has been restarted", () => starts("a1") > before);
    const status = await world.ok(["exec", "a1", "--", "cloud-init", "status", "--long", "--format", "json"]);
    assert.deepEqual([JSON.parse(status).status, JSON.parse(status).errors], ["done", []]);
  });

  test("exec gives exit codes through, and stdin", async () => {
    const code = async (...command: readonly string[]) =>
      (await world.run(["exec", "a1", "--", ...command])).code;
    assert.equal(await code("true"), 0);
    assert.equal(await code("sh", "-c", "exit 7"), 7);
    assert.equal(await code("no-such-program"), 127);
    assert.equal(await code("sh", "-c", "kill -9 $$"), 255);
    const large = "0123456789abcdef\n".repeat(20_000);
    assert.equal((await world.run(["exec", "a1", "--", "cat"], { stdin: large })).stdout, large);
  });

  test("stop leaves no process, start brings the service back", async () => {
    const pids = processesOf("a1");
    const { boot } = world.record("a1");
    assert.ok(boot && pids.length > 1);
    await world.ok(["stop", "a1"]);
    assert.deepEqual(members(boot), []);
    const before = starts("a1");
    await world.ok(["start", "a1"]);
    await until("the service is back", () => starts("a1") > before);
  });

  test("a delayed shutdown happens at its time", async () => {
    await world.ok(["stop", "a1", "--time", "5"]);
    assert.match(await world.ok(["list"]), /a1 +Delayed Shutdown/);
    const record = world.record("a1");
    assert.ok(record.boot);
    world.write("state/instances/a1/state.json", JSON.stringify({ ...record, shutdownAt: Date.now() + 100 }));
    signal(record.boot.process.pid, "SIGUSR2");
    await until("it is off", async () => /a1 +Stopped/.test(await world.ok(["list"])));
    assert.deepEqual(members(record.boot), []);
    await world.ok(["start", "a1"]);
  });

  test("a suspended instance does nothing, and goes on where it was", async () => {
    await world.ok(["suspend", "a1"]);
    const { boot } = world.record("a1");
    assert.ok(boot);
    const frozen = members(boot);
    assert.ok(frozen.length > 1);
    for (const { state, command } of frozen) assert.equal(state, "T", command);
    await world.ok(["start", "a1"]);
    assert.ok(members(boot).every(({ state }) => state !== "T"));
    assert.equal((await world.run(["exec", "a1", "--", "true"])).code, 0);
  });

  test("an instance whose supervisor is gone reads Stopped, and can be started", async () => {
    const { boot } = world.record("a1");
    assert.ok(boot);
    signal(boot.process.pid, "SIGKILL");
    await until("it is gone", () => !lives(boot.process));
    assert.match(await world.ok(["list"]), /a1 +Stopped/);
    await world.ok(["start", "a1"]);
    assert.deepEqual(members(boot), []);
    assert.match(await world.ok(["list"]), /a1 +Running/);
  });

  test("a frozen guest holds up list and info, but not list --no-ipv4; thawed, all goes on", async () => {
    const { boot } = world.record("a1");
    assert.ok(boot);
    signal(boot.process.pid, "SIGSTOP");
    try {
      assert.match(await world.ok(["list", "--no-ipv4"]), /a1 +Running/);
      // On a busy machine a client is killed before its request; then it blocks no one.
      await until("an info that waits holds up the list", async () => {
        assert.equal((await world.run(["info", "a1"], { killAfter: 1000 })).code, 124);
        return (await world.run(["list", "--no-ipv4"], { killAfter: 500 })).code === 124;
      });
    } finally {
      signal(boot.process.pid, "SIGCONT");
    }
    assert.match(await world.ok(["list"]), /a1 +Running/);
  });

  test("a restored snapshot brings file contents back", async () => {
    await world.ok(["exec", "a1", "--", "sh", "-c", "echo before > ~/note"]);
    await world.ok(["stop", "a1"]);
    await world.ok(["snapshot", "a1", "--name", "s1"]);
    await world.ok(["exec", "a1", "--", "sh", "-c", "echo after > ~/note; echo new > ~/other"]);
    await world.ok(["stop", "a1"]);
    await world.ok(["restore", "a1.s1", "--destructive"]);
    assert.equal(world.guestFile("a1", "home/ubuntu/note"), "before\n");
    assert.equal(world.guestFile("a1", "home/ubuntu/other"), undefined);
    assert.equal((world.guestFile("a1", "etc/app.json") ?? "").length, 2);
  });

  test("a clone has a new instance-id and the same machine-id, and starts its own service", async () => {
    await world.ok(["clone", "a1", "--name", "a2"]);
    await world.ok(["start", "a2"]);
    await until(
      "cloud-init has run",
      () => world.guestFile("a2", "var/lib/cloud/instance/boot-finished") !== undefined,
    );
    assert.equal(world.guestFile("a2", "var/lib/cloud/data/instance-id"), "a2\n");
    assert.equal(world.guestFile("a2", "etc/machine-id"), world.guestFile("a1", "etc/machine-id"));
    assert.notEqual(world.record("a2").address, world.record("a1").address);
    await until("its service runs", () => processesOf("a2").length > 1);
  });

  test("exec starts a stopped instance first", async () => {
    assert.match(await world.ok(["list"]), /a1 +Stopped/);
    const ran = await world.run(["exec", "a1", "--", "echo", "awake"]);
    assert.equal(ran.code, 0);
    assert.match(ran.stdout, /Starting a1[\s\S]*awake\n$/);
  });

  test("delete --purge leaves neither process nor folder", async () => {
    const { boot } = world.record("a2");
    await world.ok(["delete", "--purge", "a2"]);
    assert.ok(boot);
    assert.deepEqual(members(boot), []);
    assert.throws(() => world.record("a2"), { code: "ENOENT" });
  });

  test("isolation hides the host", {
    skip: bwrap ? false : "no working bubblewrap on this machine",
  }, async () => {
    const inside = async (script: string) =>
      (await world.run(["exec", "a1", "--", "sh", "-c", script])).stdout;
    assert.equal(await inside(`ls -d ${world.home} ${process.cwd()} 2>/dev/null`), "");
    assert.equal(await inside("ls -A /home"), "ubuntu\n");
    assert.equal(await inside("ls /root 2>/dev/null | head -1"), "");
    assert.ok(homedir() !== "/home/ubuntu");
    assert.equal(await inside("hostname; id -un; pwd"), "a1\nubuntu\n/home/ubuntu\n");
    assert.equal(await inside("touch /usr/bin/x /etc/ssl/x 2>/dev/null; echo $?"), "1\n");
    const names = (await inside("env")).split("\n").map((line) => line.split("=")[0]);
    assert.deepEqual(
      names.filter((name) => name && /^(VM_AGENT_SANDBOX_(DIR|SPEED)|NODE|npm)/.test(name)),
      [],
    );
    const pids = (await inside("ls /proc")).split("\n").filter((name) => /^\d+$/.test(name));
    assert.ok(pids.length < 10);
  });
});

test("without isolation nothing that a launch asks for runs on the host but its services", async () => {
  const bare = new World({ VM_AGENT_SANDBOX_ISOLATION: "none" });
  try {
    await bare.ok(["launch", "--name", "b1", "--cloud-init", "-"], { stdin: CLOUD_INIT });
    await until("the service has started", () => bare.guestFile("b1", "tmp/starts") !== undefined);
    assert.equal(bare.guestFile("b1", "tmp/touched-by-runcmd"), undefined);
    assert.match(bare.guestFile("b1", "var/log/cloud-init-output.log") ?? "", /not run on the host: "touch/);
    const seen = await bare.ok(["exec", "b1", "--", "cat", "/etc/hostname"]);
    assert.equal(seen, "b1\n");
    const { boot } = bare.record("b1");
    await bare.ok(["stop", "b1"]);
    assert.ok(boot);
    assert.deepEqual(members(boot), []);
  } finally {
    await bare.close();
  }
});

test("the call log has a line for each call", () => {
  const lines = readFileSync(`${world.state}/calls.jsonl`, "utf8").trim().split("\n");
  const call = JSON.parse(lines[0] ?? "{}");
  assert.deepEqual(call.argv, ["launch", "24.04", "--name", "a1", "--cloud-init", "-"]);
  assert.equal(call.code, 0);
  assert.ok(call.ms > 0 && !Number.isNaN(Date.parse(call.start)));
});
