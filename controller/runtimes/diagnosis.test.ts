/** The script that asks a silent instance, in a real shell with stand-ins for its programs, and the words that come of it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { diagnosisScript } from "../../provisioning/diagnosis-script.ts";
import { hubAddresses, readDiagnosisReport, diagnose, type DiagnosisReport } from "./diagnosis-report.ts";

const ACTIVE = "LoadState=loaded\nActiveState=active\nSubState=running\nExecMainStatus=0\nNRestarts=0";

/** What a guest with these programs and files answers. */
async function ask(
  t: TestContext,
  programs: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>>,
  hub: Parameters<typeof diagnosisScript>[0],
  gateway: number | null = null,
): Promise<DiagnosisReport | null> {
  const root = mkdtempSync(join(tmpdir(), "vm-agent-silence-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  for (const [name, says] of Object.entries(programs))
    write(`bin/${name}`, says.startsWith("#!") ? says : `#!/bin/sh\ncat <<'END'\n${says}\nEND\n`, 0o755);
  for (const [path, text] of Object.entries(files)) write(path, text);
  const child = spawn("sh", ["-s"], {
    env: { PATH: `${root}/bin:${process.env.PATH}`, VM_AGENT_GUEST_ROOT: root },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (data) => (stdout += String(data)));
  child.stdin.end(diagnosisScript(hub, gateway));
  await new Promise((resolve) => child.once("close", resolve));
  assert.equal(readDiagnosisReport(stdout.slice(0, -8)), null, "an answer that was cut off is none");
  return readDiagnosisReport(stdout);
}

/** By version: what `cloud-init status` prints, with the exit code that it ends with. */
const CLOUD_INITS: readonly (readonly [string, string, DiagnosisReport["cloudInit"]])[] = [
  [
    "Debian 12 (22.4), done",
    `#!/bin/sh\necho '{"boot_status_code": "enabled-by-generator", "datasource": "nocloud", "detail": "DataSourceNoCloud", "errors": [], "last_update": "Sun", "status": "done"}'`,
    { status: "done", errors: [], warnings: [] },
  ],
  [
    "23.1, with its schemas",
    `#!/bin/sh\necho '{"_schema_version": "1", "schemas": {"1": {"errors": ["boom"], "status": "error"}}}'\nexit 1`,
    { status: "error", errors: ["boom"], warnings: [] },
  ],
  [
    "24.4, degraded",
    `#!/bin/sh\necho '{"status": "done", "extended_status": "degraded done", "errors": [], "recoverable_errors": {"WARNING": ["w"], "DEPRECATED": ["d"]}}'\nexit 2`,
    { status: "done", errors: [], warnings: ["w"] },
  ],
  [
    "22.1, without a format",
    `#!/bin/sh\ncase "$*" in *--format*) echo "usage: cloud-init [-h]" >&2; exit 2 ;; esac\nprintf 'status: error\\ntime: Sun, 22 Nov 2026 12:45:10 +0000\\ndetail:\\n(scripts-user, RuntimeError)\\n'\nexit 1`,
    { status: "error", errors: ["(scripts-user, RuntimeError)"], warnings: [] },
  ],
  [
    "22.1, still running",
    `#!/bin/sh\ncase "$*" in *--format*) exit 2 ;; esac\nprintf 'status: running\\ntime: Sun\\ndetail:\\nRunning in stage: modules-final\\n'`,
    { status: "running", errors: [], warnings: [] },
  ],
  ["none", "#!/bin/sh\nexit 127", null],
];

test("the gateway is tried beside what is written; without one that is said", async (t) => {
  const programs = { systemctl: ACTIVE, journalctl: "", "cloud-init": '{"status": "done"}' };
  const route = "default via 127.0.0.1 dev enp5s0 proto dhcp src 10.1.2.3 metric 100";
  const hub = [{ host: "127.0.0.1", port: 1 }];
  const found = async (ip: string) =>
    diagnose((await ask(t, { ...programs, ip }, {}, hub, 2)) as DiagnosisReport, "a").found;
  assert.match(
    await found(route),
    /^it cannot reach the hub: 127\.0\.0\.1:1 \(Connection refused\), 127\.0\.0\.1:2 \(Connection refused\)/,
  );
  assert.match(
    await found("#!/bin/sh\n:"),
    /127\.0\.0\.1:1 \(.*\), _gateway:2 \(it has no default gateway\)/,
  );
});

for (const [what, program, expected] of CLOUD_INITS)
  test(`cloud-init ${what}`, async (t) => {
    const diagnosis = await ask(t, { systemctl: ACTIVE, journalctl: "", "cloud-init": program }, {}, []);
    assert.deepEqual(diagnosis?.cloudInit, expected);
  });

test("all parts of the answer, with log lines that look like parts and colours that are none", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const diagnosis = await ask(
    t,
    {
      systemctl:
        "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nExecMainStatus=1\nNRestarts=7",
      "cloud-init":
        '{"status": "error", "errors": ["boom"], "recoverable_errors": {"WARNING": ["w"], "DEPRECATED": ["d"]}}',
      journalctl: "node aGVsbG8=\n\u001b[31mit\u0007 broke\u001b[0m",
    },
    { "var/lib/vm-agent/provision-errors": "provision.run[0] exited with 7\n" },
    [
      { host: "127.0.0.1", port },
      { host: "127.0.0.1", port: 1 },
    ],
  );
  assert.deepEqual(diagnosis, {
    unit: {
      LoadState: "loaded",
      ActiveState: "activating",
      SubState: "auto-restart",
      ExecMainStatus: "1",
      NRestarts: "7",
    },
    node: "",
    cloudInit: { status: "error", errors: ["boom"], warnings: ["w"] },
    provision: ["provision.run[0] exited with 7"],
    log: ["node aGVsbG8=", "it broke"],
    hub: [
      { address: `127.0.0.1:${port}`, how: "reached" },
      { address: "127.0.0.1:1", how: "Connection refused" },
    ],
  });
  const { found, next, conclusive } = diagnose(diagnosis as DiagnosisReport, "a");
  assert.equal(
    found,
    "vm-agent.service is activating (auto-restart), it ended with 1, was started again 7 times; cloud-init: error: boom, warning: w; " +
      `provision.run[0] exited with 7; it reaches the hub at 127.0.0.1:${port}, and not at 127.0.0.1:1 (Connection refused); its log ends: node aGVsbG8= | it broke`,
  );
  assert.deepEqual([conclusive, next.includes("vm-agent logs a --direct")], [false, true]);
});

test("a guest in which nothing of all that is there answers, too", async (t) => {
  const none = "exit 127";
  const diagnosis = await ask(
    t,
    {},
    { "bin/systemctl": none, "bin/cloud-init": none, "bin/journalctl": none },
    [],
  );
  assert.deepEqual(
    { ...diagnosis, unit: {}, cloudInit: null, log: [] },
    {
      unit: {},
      node: "",
      cloudInit: null,
      provision: [],
      log: [],
      hub: [],
    },
  );
});

const base: DiagnosisReport = {
  unit: Object.fromEntries(ACTIVE.split("\n").map((line) => line.split("=") as [string, string])),
  node: "",
  cloudInit: { status: "done", errors: [], warnings: [] },
  provision: [],
  log: [],
  hub: [],
};

test("the likeliest cause comes first, with what to do about it", () => {
  const node = "no Node 18 or newer in the guest: only v12.22.9 at /usr/bin/node";
  const old = diagnose({ ...base, node, log: ["x"] }, "a");
  assert.ok(old.found.startsWith(`${node}; vm-agent.service`), old.found);
  assert.deepEqual(
    [old.conclusive, /choose an image that has it/.test(old.next), old.found.includes("log")],
    [true, true, false],
  );
  // The document's own run may bring it yet.
  const early = diagnose({ ...base, node, cloudInit: { status: "running", errors: [], warnings: [] } }, "a");
  assert.equal(early.conclusive, false);

  const hub = [{ address: "10.0.0.1:9090", how: "no answer in 5 s" }];
  const alone = diagnose({ ...base, hub }, "a");
  assert.match(
    alone.found,
    /^it cannot reach the hub: 10\.0\.0\.1:9090 \(no answer in 5 s\); vm-agent\.service is active/,
  );
  assert.match(alone.next, /firewall.*hub\.advertise/);

  const missing = diagnose({ ...base, unit: { LoadState: "not-found" } }, "a");
  assert.match(missing.found, /^vm-agent\.service is not-found/);
  assert.match(missing.next, /cloud-init status/);
  assert.match(
    diagnose({ ...base, unit: {}, cloudInit: null }, "a").found,
    /^systemd does not answer; cloud-init does not/,
  );
});

test("bounded, and without what looks like a secret", () => {
  const token = "k7Jq2mXv9bT4sWz8nRc5yLd1hGf3pQe6";
  const log = [`Bearer ${token}`, "password: hunter2 and on", "the nonce short1", "x".repeat(5000)];
  const { found } = diagnose({ ...base, log: [...log.slice(0, 3)] }, "a", ["short1"]);
  assert.ok(!/k7Jq|hunter2|short1/.test(found), found);
  assert.match(found, /password: \*\*\* and on \| the nonce \*\*\*/);
  assert.ok(diagnose({ ...base, log, provision: log }, "a").found.length <= 1000);
});

test("the hub's addresses are read as the runtime reads them", () => {
  const read = (hub: readonly string[], port?: number) => hubAddresses({ hub, port }, 19_090);
  assert.deepEqual(read([]), { hub: [], gateway: 19_090 }, "nothing is inside: the port in use");
  assert.deepEqual(read(["10.0.0.1", "hub.example:1", "wss://[fe80::1]:443/agent#sha256:ab"], 7), {
    hub: [
      { host: "10.0.0.1", port: 7 },
      { host: "hub.example", port: 1 },
      { host: "fe80::1", port: 443 },
    ],
    gateway: 7,
  });
  assert.deepEqual(read(["ws://127.0.0.1:9/agent"]), {
    hub: [{ host: "127.0.0.1", port: 9 }],
    gateway: null,
  });
  assert.deepEqual(read(["a b; rm -rf /", "$(x):1"]).hub, []);
});
