/** What the checks decide, apart from the machine that they run on. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import { describe, it } from "node:test";
import { run } from "../../base/process/exec.ts";
import { type Check, runChecks } from "./check.ts";
import { clockFinding } from "./clock.ts";
import { shown } from "./doctor.ts";
import { nameFindings, portFindings } from "./instances.ts";
import { multipassFindings } from "./multipass.ts";
import { listeningInodes, parseLsof, portHolders } from "./port-holders.ts";
import { requiredPorts } from "./required-ports.ts";
import { type ReachFacts, reachFindings } from "./reach.ts";
import { roomFindings } from "./room.ts";

const G = 1024 ** 3;

describe("checks", () => {
  it("run side by side; one that hangs and one that throws are reported, the others still run", async () => {
    let begun = 0;
    const all = Promise.withResolvers<void>();
    const meets: Check<null>["run"] = async () => {
      begun += 1;
      if (begun === 2) all.resolve();
      await all.promise;
      return [{ level: "good", found: "met" }];
    };
    let reported = false;
    const results = await runChecks<null>(
      [
        { name: "one", run: meets },
        { name: "two", run: meets },
        {
          name: "stuck",
          deadlineMs: () => 50,
          run: (_, signal) => new Promise(() => signal.addEventListener("abort", () => (reported = true))),
        },
        { name: "broken", run: () => Promise.reject(new Error("it fell")) },
      ],
      null,
    );
    assert.deepEqual(
      results.map(({ check, findings }) => [check, findings[0]?.level, findings.length]),
      [
        ["one", "good", 1],
        ["two", "good", 1],
        ["stuck", "bad", 1],
        ["broken", "bad", 1],
      ],
    );
    assert.match(results[2]?.findings[0]?.found ?? "", /"stuck" had no answer after 0\.1 s/);
    assert.match(results[3]?.findings[0]?.found ?? "", /it fell/);
    assert.equal(reported, true);
  });

  it("versions: builds of a tested version are accepted, others are reported", () => {
    const levels = (version: string, tookMs = 10) =>
      multipassFindings(
        {
          info: { name: "multipass", version, daemonAnswers: true, sandbox: false },
          tookMs,
          seen: { kind: "seen", instances: [] },
        },
        1000,
      ).map((f) => f.level);
    for (const known of ["1.16.3", "1.16.0-rc.2", "1.16.3+mac"])
      assert.deepEqual(levels(known), ["good"], known);
    for (const other of ["1.15.1", "1.17.0", "1.160.0", "2.16.3"])
      assert.deepEqual(levels(other), ["good", "warn"], other);
    assert.deepEqual(levels("1.16.3", 900), ["warn"]);
  });

  it("names", () => {
    const instance = (name: string, state: "Running" | "Deleted") => ({ name, state, release: "", ipv4: [] });
    const words = (...args: Parameters<typeof nameFindings>) => nameFindings(...args).map((f) => f.found);
    assert.deepEqual(
      words([instance("a", "Running"), instance("x", "Deleted")], [{ name: "a" }], [{ name: "a" }]),
      ["1 instance of ours, no name is taken"],
    );
    // Unowned instances matter only if they have the name of an agent.
    assert.deepEqual(words([instance("x", "Running")], [{ name: "a" }], []), [
      "0 instances of ours, no name is taken",
    ]);
    assert.match(
      words([instance("a", "Running")], [{ name: "a" }], [])[0] ?? "",
      /that vm-agent did not make/,
    );
    assert.match(
      words([instance("a", "Deleted")], [{ name: "a" }], [{ name: "a" }])[0] ?? "",
      /a deleted instance/,
    );
  });

  it("room: only what is missing counts, and each shortage is reported", () => {
    const size = { cpu: 2, memory: 4 * G, disk: 20 * G };
    assert.match(
      roomFindings([], { memory: G, disk: G }, false)[0]?.found ?? "",
      /all agents have their instances/,
    );
    assert.deepEqual(roomFindings([size, size, size], { memory: 18 * G, disk: 140 * G }, false), [
      { level: "good", found: "18G memory and 140G disk free for 3 more agents of this fleet" },
    ]);
    const short = roomFindings([size, size], { memory: 7 * G, disk: 39 * G }, false);
    assert.deepEqual(
      short.map((f) => [f.level, f.found]),
      [
        ["warn", "2 more agents of this fleet want 8G memory, 7G is free"],
        ["warn", "2 more agents of this fleet want 40G disk, 39G is free"],
      ],
    );
    assert.equal(roomFindings([size], { memory: 0, disk: 0 }, true)[0]?.level, "good");
  });

  it("the clock", () => {
    const now = Date.UTC(2026, 0, 2);
    assert.equal(clockFinding(now, { a: now - 1000, b: null }).level, "good");
    assert.equal(clockFinding(now, { a: now + 30_000 }).level, "good");
    assert.equal(
      clockFinding(now, { a: now, "the database": now + 2 * 86_400_000 }).found,
      "the clock says 2026-01-02T00:00:00Z, and the database was changed 2 d after that",
    );
  });

  it("ports: this invocation, then the fleet, then the defaults; virtual machines need more than loopback", () => {
    const settings = { httpPort: 1, wsPort: null, dashboardPort: null, bind: "127.0.0.1" };
    const hub = { advertise: "auto", agentPort: 2, httpPort: 3, dashboardPort: 4 };
    const short = (...args: Parameters<typeof requiredPorts>) =>
      requiredPorts(...args).map((w) => `${w.bind}:${w.port}`);
    assert.deepEqual(short(settings, hub, false, false, null), ["bridges:2", "127.0.0.1:1", "127.0.0.1:4"]);
    assert.deepEqual(short(settings, null, true, false, null), [
      "127.0.0.1:9090",
      "127.0.0.1:1",
      "127.0.0.1:9092",
    ]);
    assert.deepEqual(short(settings, null, false, true, null)[0], "127.0.0.1:9090");
  });
});

describe("who has a port", () => {
  it("the kernel's table: only who listens, on that port alone", () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0
   1: 0100007F:2382 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0 100 0 0 10 0
   2: 00000000:2383 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4244 1 0 100 0 0 10 0
`;
    assert.deepEqual(listeningInodes(table, 9090), ["4242"]);
    assert.deepEqual(listeningInodes(table, 80), []);
  });

  it("lsof's fields", () => {
    assert.deepEqual(parseLsof("p812\ncnode\nf20\np9\ncsshd\nf3\n"), [
      { pid: 812, command: "node" },
      { pid: 9, command: "sshd" },
    ]);
    assert.deepEqual(parseLsof(""), []);
  });

  const lsof = spawnSync("lsof", ["-v"]).status === 0 && spawnSync("ps", ["-V"]).status === 0;
  for (const platform of ["linux", "darwin"] as const) {
    const skip =
      platform === "linux"
        ? process.platform !== "linux" && "there is no /proc here"
        : !lsof && "there is no lsof or no ps here";
    it(`this very process, as ${platform} tells it`, { skip }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      const holders = await portHolders(port, { platform, run });
      server.close();
      assert.deepEqual(
        holders.map((h) => h.pid),
        [process.pid],
      );
      assert.match(holders[0]?.command ?? "", /node.*pieces\.test/);
    });
  }
});

describe("whether instances reach the hub", () => {
  const at = (address: string): NetworkInterfaceInfo[] => [
    { address, netmask: "", family: "IPv4", mac: "", internal: false, cidr: null },
  ];
  const FACTS: ReachFacts = {
    advertise: "auto",
    bind: "0.0.0.0",
    port: 9090,
    sandbox: false,
    instancesRun: true,
    interfaces: { eth0: at("192.168.1.5"), mpqemubr0: at("10.1.2.1") },
    resolve: async () => "10.9.9.9",
  };
  const cases: readonly (readonly [string, Partial<ReachFacts>, string, RegExp])[] = [
    ["by the bridge", {}, "good", /^instances reach the hub at 10\.1\.2\.1:9090 \(mpqemubr0\)$/],
    [
      "no bridge yet, and no instance that needs one",
      { interfaces: { eth0: at("192.168.1.5") }, instancesRun: false },
      "good",
      /comes with the first/,
    ],
    [
      "no bridge, and instances that run",
      { interfaces: { eth0: at("192.168.1.5") } },
      "warn",
      /no bridge of Multipass.*192\.168\.1\.5:9090 \(eth0\)/,
    ],
    [
      "by the bridge that the port is open on",
      { bind: "bridges" },
      "good",
      /10\.1\.2\.1:9090 \(mpqemubr0\)$/,
    ],
    [
      "open on bridges, and none is there yet",
      { bind: "bridges", interfaces: { eth0: at("192.168.1.5") }, instancesRun: false },
      "good",
      /comes with the first/,
    ],
    [
      "open on bridges, none is there, and instances that run",
      { bind: "bridges", interfaces: { eth0: at("192.168.1.5") } },
      "warn",
      /no bridge of Multipass.*open on loopback alone/,
    ],
    [
      "bound to loopback",
      { bind: "127.0.0.1" },
      "bad",
      /bound to 127\.0\.0\.1, where no virtual machine can reach it/,
    ],
    [
      "the sandbox is on loopback",
      { bind: "127.0.0.1", sandbox: true },
      "good",
      /sandbox's instances reach the hub at 127\.0\.0\.1:9090/,
    ],
    [
      "a port that is picked",
      { bind: "127.0.0.1", sandbox: true, port: 0 },
      "good",
      /127\.0\.0\.1, at the port that is picked/,
    ],
    ["no network at all", { interfaces: {} }, "warn", /no network of this machine/],
    [
      "an address of this machine by name",
      { advertise: "192.168.1.5" },
      "good",
      /192\.168\.1\.5:9090 \(hub\.advertise\)/,
    ],
    [
      "an address of another machine",
      { advertise: "hub.lan:7000" },
      "warn",
      /hub\.lan:7000, which is not an address of this machine/,
    ],
    [
      "an unknown name",
      { advertise: "hub.lan", resolve: () => Promise.reject(new Error("ENOTFOUND")) },
      "bad",
      /that name does not resolve/,
    ],
  ];
  for (const [name, facts, level, found] of cases)
    it(name, async () => {
      const [one] = await reachFindings({ ...FACTS, ...facts });
      assert.equal(one?.level, level);
      assert.match(one?.found ?? "", found);
      assert.equal(one?.next !== undefined, level !== "good");
    });
});

describe("how it is printed", () => {
  const paint = (_role: unknown, text: string) => text;
  const FINDINGS = [
    { level: "good", found: "node 26.10.0" },
    { level: "warn", found: "a deleted instance holds the name a", next: "recover a" },
    { level: "bad", found: "port 9090 is taken", next: "stop it" },
    { level: "skip", found: "room" },
  ] as const;

  it("what to do stands in a column of its own where there is room for it", () => {
    assert.equal(
      shown(FINDINGS, { width: 100, paint }),
      `✓ node 26.10.0
! a deleted instance holds the name a  recover a
✗ port 9090 is taken                   stop it
– room`,
    );
  });

  it("and below where there is not", () => {
    assert.equal(
      shown(FINDINGS, { width: 30, paint }),
      `✓ node 26.10.0
! a deleted instance holds the name a
    recover a
✗ port 9090 is taken  stop it
– room`,
    );
  });
});

it("instances that know the hub at another agent port are named, with the way back", () => {
  const reached = new Map([
    ["b", 9090],
    ["a", 9090],
    ["c", 9191],
  ]);
  const [finding, ...more] = portFindings(9191, reached);
  assert.deepEqual(more, []);
  assert.equal(finding?.level, "warn");
  assert.match(finding?.found ?? "", /agent port is 9191, and a, b know it at 9090/);
  assert.match(finding?.next ?? "", /hub: \{agentPort: 9090\}.*vm-agent why a/);
  assert.deepEqual(portFindings(9090, new Map([["a", 9090]])), []);
  assert.deepEqual(portFindings(null, reached), []);
});
