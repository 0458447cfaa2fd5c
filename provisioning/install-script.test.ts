/** The install script in a real shell: what it leaves, that it can be cut off anywhere, and that it can be repeated. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { INSTALL_ELSEWHERE, INSTALL_NO_NODE, type InstallInput, installScript } from "./install-script.ts";
import { START_PATH, startScript } from "./systemd/start-script.ts";
import { BUNDLE_PATH, runtimeUnit, SETTINGS_PATH, UNIT_PATH } from "./systemd/unit.ts";

const BUNDLE = "console.log('the runtime');\n".repeat(200);
const input: InstallInput = {
  name: "pet",
  bundle: gzipSync(BUNDLE).toString("base64"),
  settings: { agent: "pet", nonce: "n", joinToken: "the-token", hub: ["10.0.0.1:9090"], port: 9090 },
  foreignState: false,
};

/** A guest's tree, with a `systemctl` that writes down its arguments, and kills the script at a call of `deadAt`. */
function guest(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "vm-agent-install-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const at = (path: string) => join(root, path);
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text, { mode });
  };
  write("/var/lib/cloud/data/instance-id", "pet\n");
  write(
    "/bin/systemctl",
    `#!/bin/sh\necho "$@" >> ${at("/calls")}\ncase "$DEAD_AT" in "$1") kill -9 $PPID ;; esac\n`,
    0o755,
  );
  write("/bin/apt-get", "#!/bin/sh\nexit 100\n", 0o755);
  const run = (script: string, env: Readonly<Record<string, string>> = {}) =>
    spawnSync("sh", ["-s"], {
      input: script,
      encoding: "utf8",
      env: {
        PATH: `${at("/bin")}:${dirname(process.execPath)}:${process.env.PATH}`,
        VM_AGENT_GUEST_ROOT: root,
        ...env,
      },
    });
  const calls = () => (existsSync(at("/calls")) ? readFileSync(at("/calls"), "utf8").trim().split("\n") : []);
  const check = () => {
    assert.equal(readFileSync(at(BUNDLE_PATH), "utf8"), BUNDLE);
    assert.equal(readFileSync(at(UNIT_PATH), "utf8"), runtimeUnit());
    assert.deepEqual(JSON.parse(readFileSync(at(SETTINGS_PATH), "utf8")), input.settings);
    assert.equal(readFileSync(at(START_PATH), "utf8"), startScript());
    const modes = [BUNDLE_PATH, START_PATH, UNIT_PATH, SETTINGS_PATH, "/var/lib/vm-agent"].map(
      (p) => statSync(at(p)).mode & 0o777,
    );
    assert.deepEqual(modes, [0o644, 0o755, 0o644, 0o600, 0o700]);
    assert.deepEqual(readdirSync(dirname(at(BUNDLE_PATH))).sort(), ["runtime.mjs", "start"]);
    assert.deepEqual(calls().slice(-3), [
      "daemon-reload",
      "enable vm-agent.service",
      "restart vm-agent.service",
    ]);
  };
  return { at, write, run, calls, check };
}

test("bundle, unit and settings are in place, and it is enabled and started; a second time gives the same", (t) => {
  const { run, check } = guest(t);
  for (const _ of [1, 2]) {
    const { status, stderr } = run(installScript(input));
    assert.equal(status, 0, stderr);
    check();
  }
});

test("a script of which only a part arrives does nothing at all", (t) => {
  const { at, run, calls } = guest(t);
  const lines = installScript(input).split("\n");
  for (let n = 1; n < lines.length - 2; n += Math.ceil(lines.length / 15)) run(lines.slice(0, n).join("\n"));
  run(lines.slice(0, -2).join("\n"));
  assert.deepEqual([existsSync(at("/usr")), existsSync(at(SETTINGS_PATH)), calls()], [false, false, []]);
});

test("killed at any of its calls, it is whole after the next run", (t) => {
  for (const verb of ["daemon-reload", "enable", "restart"]) {
    const { run, check } = guest(t);
    assert.equal(run(installScript(input), { DEAD_AT: verb }).signal, "SIGKILL");
    assert.equal(run(installScript(input)).status, 0);
    check();
  }
});

test("what a clone carries of its original is taken away, and nothing else of it", (t) => {
  const { at, write, run, check } = guest(t);
  for (const name of ["credential", "config.json", "journal/t1", "spool/t1", "kept"])
    write(`/var/lib/vm-agent/${name}`, "of the original");
  assert.equal(run(installScript({ ...input, foreignState: true })).status, 0);
  assert.deepEqual(readdirSync(at("/var/lib/vm-agent")), ["kept"]);
  check();
});

test("refuses another instance and a guest without Node, and leaves nothing there", (t) => {
  const { at, write, run, calls } = guest(t);
  for (const name of ["node", "nodejs"]) write(`/bin/${name}`, "#!/bin/sh\necho v12.22.9\n", 0o755);
  const refused = run(installScript(input));
  assert.equal(refused.status, INSTALL_NO_NODE);
  const why = refused.stderr.trim().split("\n").at(-1) ?? "";
  assert.match(why, /^no Node 18 or newer in the guest: only v12\.22\.9 at \S+\/bin\/node, v12/);
  write("/var/lib/cloud/data/instance-id", "another\n");
  const { status, stderr } = run(installScript(input));
  assert.deepEqual([status, stderr], [INSTALL_ELSEWHERE, "this is not pet\n"]);
  assert.deepEqual([existsSync(at("/usr")), existsSync(at("/etc")), calls()], [false, false, []]);
});
