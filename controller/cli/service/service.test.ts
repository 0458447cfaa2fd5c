/** `install-service` and `uninstall-service` with stand-ins for the service managers: which files, which calls, nothing else. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { readSettings } from "../../base/env.ts";
import { run } from "../../base/process/exec.ts";
import { packageRoot } from "../../base/paths.ts";
import { createDoctorContext } from "../doctor/context.ts";
import { service as check } from "../doctor/service.ts";
import { describeService } from "./describe.ts";
import { lastError } from "./installed.ts";
import { managerOf, type Manager } from "./manager.ts";

const MAIN = join(packageRoot(), "dist", "bin", "vm-agent.cjs");
const UNIT = "vm-agent-hub.service";

/** A stand-in notes what it was called with; `answers`: a case of arguments to shell commands. */
function place(t: TestContext, answers: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-service-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bin = join(folder, "bin");
  const noted = join(folder, "calls");
  mkdirSync(bin);
  mkdirSync(join(folder, "fleet"));
  writeFileSync(
    join(folder, "fleet", "a.yaml"),
    "kind: Agent\nname: agent-a\nsecrets: {KEY: {fromEnv: MY_KEY}}\n",
  );
  for (const name of ["systemctl", "loginctl", "journalctl", "launchctl"]) {
    const cases = Object.entries(answers)
      .filter(([call]) => call.startsWith(name))
      .map(([call, what]) => `"${call}") ${what} ;;`)
      .join("\n");
    writeFileSync(
      join(bin, name),
      `#!/bin/sh\necho "${name} $*" >> '${noted}'\ncase "${name} $*" in\n${cases}\nesac\n`,
    );
    chmodSync(join(bin, name), 0o755);
  }
  const env: Record<string, string> = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, "config"),
    VM_AGENT_FLEET: join(folder, "fleet"),
    VM_AGENT_HOME: join(folder, "home"),
    VM_AGENT_WS_PORT: "9190",
    VM_AGENT_TOKEN: "not-for-everybody",
    MY_KEY: "not-for-everybody",
    NO_COLOR: "1",
  };
  return {
    folder,
    env,
    file: join(folder, "config", "systemd", "user", UNIT),
    cli: (...args: readonly string[]) =>
      spawnSync(process.execPath, [MAIN, ...args], { env, encoding: "utf8", cwd: folder }),
    calls: () => {
      const all = existsSync(noted) ? readFileSync(noted, "utf8").trim().split("\n") : [];
      rmSync(noted, { force: true });
      return all;
    },
  };
}

const BEGIN = [
  "systemctl --user daemon-reload",
  `systemctl --user enable ${UNIT}`,
  `systemctl --user restart ${UNIT}`,
];
const linux = { skip: process.platform !== "linux" && "systemd is Linux's" };

describe("a service of the user's own", linux, () => {
  it("is written, begun, found again unchanged, and removed without a trace", (t) => {
    const at = place(t);
    const first = at.cli("install-service", "--user");
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, new RegExp(`^wrote ${at.file}\n`));
    assert.match(first.stdout, /its log: journalctl --user-unit vm-agent-hub\.service -f/);
    assert.match(first.stderr, /it ends when .* logs out.*loginctl enable-linger/);
    assert.match(first.stderr, /secrets are read from MY_KEY: write NAME=VALUE lines into .*service\.env/);
    assert.deepEqual(
      at.calls().filter((c) => c.startsWith("systemctl")),
      BEGIN,
    );
    const text = readFileSync(at.file, "utf8");
    assert.equal(statSync(at.file).mode & 0o777, 0o644);
    assert.match(text, /^Environment="VM_AGENT_WS_PORT=9190"$/m);
    assert.ok(text.includes(`ExecStart="${process.execPath}" "${MAIN}" "up" "--plain"`));
    assert.ok(!text.includes("not-for-everybody"));

    const second = at.cli("install-service", "--user");
    assert.match(second.stdout, /^unchanged: /);
    assert.equal(readFileSync(at.file, "utf8"), text);
    at.calls();

    const gone = at.cli("uninstall-service", "--user");
    assert.equal(gone.status, 0, gone.stderr);
    assert.equal(existsSync(at.file), false);
    assert.deepEqual(at.calls(), [
      `systemctl --user disable --now ${UNIT}`,
      "systemctl --user daemon-reload",
      `systemctl --user reset-failed ${UNIT}`,
    ]);
    const again = at.cli("uninstall-service", "--user");
    assert.equal(again.status, 0);
    assert.match(again.stdout, /no service is installed/);
    assert.deepEqual(at.calls(), []);
  });

  it("--print writes and calls nothing", (t) => {
    const at = place(t);
    const { status, stdout, stderr } = at.cli("install-service", "--user", "--print");
    assert.equal(status, 0);
    assert.match(stdout, /^# Written by vm-agent install-service/);
    for (const call of BEGIN) assert.ok(stderr.includes(call));
    assert.deepEqual(at.calls(), []);
    assert.equal(existsSync(join(at.folder, "config")), false);
    assert.equal(existsSync(join(at.folder, "home")), false);
  });

  it("with lingering on, and the variables written down, there is nothing to warn of", (t) => {
    const name = spawnSync("id", ["-un"], { encoding: "utf8" }).stdout.trim();
    const at = place(t, { [`loginctl show-user ${name} --property=Linger`]: "echo Linger=yes" });
    mkdirSync(join(at.folder, "home"));
    writeFileSync(join(at.folder, "home", "service.env"), "MY_KEY=x\n");
    const { status, stderr } = at.cli("install-service", "--user");
    assert.deepEqual([status, stderr], [0, ""]);
  });

  it("what is not ours, and what is for another fleet, is not overwritten", (t) => {
    const at = place(t);
    mkdirSync(join(at.file, ".."), { recursive: true });
    writeFileSync(at.file, "[Service]\nExecStart=/bin/true\n");
    for (const verb of ["install-service", "uninstall-service"]) {
      const { status, stderr } = at.cli(verb, "--user");
      assert.equal(status, 1);
      assert.match(stderr, /was not written by vm-agent install-service/);
    }
    assert.equal(readFileSync(at.file, "utf8"), "[Service]\nExecStart=/bin/true\n");
    rmSync(at.file);

    assert.equal(at.cli("install-service", "--user").status, 0);
    at.env.VM_AGENT_FLEET = join(at.folder, "other");
    mkdirSync(join(at.folder, "other"));
    const other = at.cli("install-service", "--user");
    assert.equal(other.status, 1);
    assert.match(other.stderr, /starts the hub of another fleet/);
    const forced = at.cli("install-service", "--user", "--force");
    assert.equal(forced.status, 0, forced.stderr);
    assert.match(forced.stdout, /^replaced /);
    assert.match(readFileSync(at.file, "utf8"), /VM_AGENT_FLEET=.*\/other"/);
  });

  it("a manager that refuses: its own words, and what to do", (t) => {
    const at = place(t, {
      "systemctl --user daemon-reload": "echo 'Failed to connect to bus: No medium found' >&2; exit 1",
    });
    const { status, stderr } = at.cli("install-service", "--user");
    assert.equal(status, 1);
    assert.match(stderr, /systemctl --user daemon-reload: Failed to connect to bus/);
    assert.match(stderr, /sudo vm-agent install-service --system/);
  });

  it("no manager at all", (t) => {
    const at = place(t);
    at.env.PATH = "/nowhere";
    const { status, stderr } = at.cli("install-service", "--user");
    assert.equal(status, 1);
    assert.match(stderr, /there is no systemctl on this machine/);
    assert.match(stderr, /--print/);
  });

  it("--user and --system together are a mistake", (t) => {
    assert.equal(place(t).cli("install-service", "--user", "--system").status, 64);
  });
});

describe("what the doctor says of it", linux, () => {
  const examine = async (at: ReturnType<typeof place>) => {
    const context = createDoctorContext(readSettings({}, at.env, at.folder), at.env, {
      run: (file, args, options) => run(join(at.folder, "bin", file), args, options),
    });
    // A service of the machine that runs this test is not the matter here.
    return (await check.run(context, new AbortController().signal)).filter(
      (f) => !f.found.includes("/etc/systemd"),
    );
  };

  it("runs; runs and complained; does not run and why; starts what is gone", async (t) => {
    const state = `systemctl --user is-active --quiet ${UNIT}`;
    const log = `journalctl --user-unit=${UNIT} --lines=200 --output=cat --no-pager --quiet`;
    const at = place(t, {
      [state]: "exit 0",
      [log]: `cat "$0.log" 2>/dev/null`,
    });
    const systemctl = join(at.folder, "bin", "systemctl");
    assert.equal(at.cli("install-service", "--user").status, 0);
    assert.match((await examine(at))[0]?.found ?? "", /^the service runs/);
    writeFileSync(
      join(at.folder, "bin", "journalctl.log"),
      "3 agents, in sync\nerror: port 9090 on 0.0.0.0 is in use\n  find who holds it\n",
    );
    const complained = (await examine(at))[0];
    assert.deepEqual(
      [complained?.level, complained?.found],
      ["warn", "the service runs; the last error in its log: error: port 9090 on 0.0.0.0 is in use"],
    );
    writeFileSync(systemctl, "#!/bin/sh\nexit 3\n");
    const stopped = (await examine(at))[0];
    assert.match(stopped?.found ?? "", /does not run; it said last: error: port 9090/);
    writeFileSync(at.file, readFileSync(at.file, "utf8").replace(MAIN, "/nowhere/vm-agent.cjs"));
    const gone = (await examine(at))[0];
    assert.deepEqual(
      [gone?.level, /starts \/nowhere\/vm-agent\.cjs, which is gone/.test(gone?.found ?? "")],
      ["bad", true],
    );
  });
});

describe("launchd", () => {
  const manager = managerOf({
    platform: "darwin",
    scope: "user",
    uid: 501,
    userHome: "/Users/ann",
    env: {},
  }) as Manager;

  it("the given name, in the user's own folder; reloaded if it was loaded", () => {
    assert.equal(manager.file, "/Users/ann/Library/LaunchAgents/com.openclaw.vm-hub.plist");
    assert.deepEqual(
      manager.begin.map((b) => [b.command.join(" "), b.quiet === true]),
      [
        ["launchctl bootout gui/501/com.openclaw.vm-hub", true],
        ["launchctl enable gui/501/com.openclaw.vm-hub", true],
        [`launchctl bootstrap gui/501 ${manager.file}`, false],
      ],
    );
    const system = managerOf({ platform: "darwin", scope: "system", uid: 0, userHome: "/var/root", env: {} });
    assert.equal(system?.file, "/Library/LaunchDaemons/com.openclaw.vm-hub.plist");
  });

  it("its log is files, of which the last error is found", async (t) => {
    const { folder } = place(t);
    const file = manager.logFile(folder) ?? "";
    assert.equal(file, join(folder, "logs", "hub-stderr.log"));
    assert.equal(await lastError(manager, folder, run, 1000), null);
    mkdirSync(join(folder, "logs"));
    writeFileSync(
      file,
      "error: one\n2026-11-23T00:00:00.000Z error two\n2026-11-23T00:00:01.000Z info  three\n",
    );
    assert.equal(await lastError(manager, folder, run, 1000), "2026-11-23T00:00:00.000Z error two");
    writeFileSync(file, '{"time":"t","level":"error","message":"four"}\n');
    assert.match((await lastError(manager, folder, run, 1000)) ?? "", /four/);
  });
});

describe("what a service is given", () => {
  const describe_ = (env: Readonly<Record<string, string>>) =>
    describeService({
      settings: readSettings({ driver: "multipass" }, env, "/srv/a"),
      env,
      node: "/n/node",
      program: "/p/vm-agent.cjs",
      cwd: "/srv/a",
      multipass: "/snap/bin/multipass",
      secrets: ["VM_AGENT_MY_SECRET"],
    });

  it("settings of this invocation, absolute paths, no secrets, nothing of this process alone", () => {
    const { env, fleet, home, folder } = describe_({
      PATH: "/strange",
      VM_AGENT_MULTIPASS: "./bin/multipass",
      VM_AGENT_TLS_CERT: "hub.pem",
      VM_AGENT_TLS_KEY: "hub.key",
      VM_AGENT_KEEP_TASKS_DAYS: "7",
      VM_AGENT_TOKEN: "secret",
      VM_AGENT_URL: "http://elsewhere",
      VM_AGENT_TEST_BOUNDARY: "x",
      VM_AGENT_MY_SECRET: "secret",
      OTHER: "x",
      TZ: "Europe/Berlin",
    });
    assert.deepEqual([fleet, home, folder], ["/srv/a/fleet", "/srv/a/.vm-agent", "/srv/a"]);
    assert.deepEqual(env, {
      PATH: "/n:/snap/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      TZ: "Europe/Berlin",
      VM_AGENT_DRIVER: "multipass",
      VM_AGENT_KEEP_TASKS_DAYS: "7",
      VM_AGENT_MULTIPASS: "/srv/a/bin/multipass",
      VM_AGENT_TLS_CERT: "/srv/a/hub.pem",
      VM_AGENT_TLS_KEY: "/srv/a/hub.key",
    });
  });

  it("a line break would become a setting of its own", () => {
    assert.throws(() => describe_({ VM_AGENT_BIND: "127.0.0.1\nUser=root" }), /control character/);
  });
});
