/** The doctor against real faults: each is found, reported with its remedy, and left as it is. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { acquireLock } from "../../store/lock.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Finding } from "./check.ts";
import { type Asked, createDoctorFixture, SANDBOX, type DoctorFixture } from "./testing/fixture.ts";

const byLevel = <F extends Finding>(findings: readonly F[], level: Finding["level"]): readonly F[] =>
  findings.filter((f) => f.level === level);

/** Exactly one finding of this check says this, at this level, with this remedy. */
async function finds(
  fixture: DoctorFixture,
  check: string,
  level: Finding["level"],
  found: RegExp,
  next: RegExp,
  asked: Asked = {},
) {
  const all = await fixture.examine({ only: [check], ...asked });
  const [one, ...rest] = byLevel(all, level);
  assert.deepEqual(rest, [], JSON.stringify(all));
  assert.match(one?.found ?? JSON.stringify(all), found);
  assert.match(one?.next ?? "", next);
}

/** Everything below a folder that is not the sandbox's own book-keeping: path, size, time, mode. */
const below = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => !/sandbox\/(?:daemon|calls\.jsonl|fault)/.test(name))
    .sort()
    .map((name) => {
      const { size, mtimeMs, mode } = statSync(join(folder, name));
      return `${name} ${size} ${mtimeMs} ${mode}`;
    });

describe("doctor", { concurrency: 4 }, () => {
  it("a folder that is well: nothing is in the way, and nothing is made, not even the state folder", async (t) => {
    const fixture = createDoctorFixture(t);
    const before = below(fixture.folder);
    const found = await fixture.examine();
    assert.deepEqual(byLevel(found, "bad"), []);
    assert.deepEqual(
      byLevel(found, "warn")
        .map((f) => f.check)
        .filter((c) => c !== "sandbox"),
      [],
    );
    assert.match(found.find((f) => f.check === "sandbox")?.found ?? "", /NOT virtual machines/);
    assert.ok(byLevel(found, "good").length >= 10);
    assert.deepEqual(below(fixture.folder), before);
    assert.equal(existsSync(fixture.home), false);
  });

  it("a port that is taken: by which pid and command", async (t) => {
    const fixture = createDoctorFixture(t);
    const code =
      "require('node:net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";
    const child = spawn(process.execPath, ["-e", code, "the-other-program"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill());
    const [printed] = (await once(child.stdout, "data")) as [Buffer];
    const port = printed.toString().trim();
    const env = { VM_AGENT_HTTP_PORT: port };
    const who = process.platform === "linux" || process.platform === "darwin" ? `pid ${child.pid} \\(` : "";
    await finds(
      fixture,
      "ports",
      "bad",
      new RegExp(`^port ${port} for the API is taken by ${who}`),
      /^stop it, or choose another: VM_AGENT_HTTP_PORT=\d+$/,
      { env },
    );
  });

  it("an address that is not of this machine", (t) =>
    finds(
      createDoctorFixture(t),
      "ports",
      "bad",
      /cannot be opened at 192\.0\.2\.1 \(EADDRNOTAVAIL\)/,
      /VM_AGENT_BIND/,
      {
        env: { VM_AGENT_BIND: "192.0.2.1", VM_AGENT_HTTP_PORT: "29091", VM_AGENT_WS_PORT: "0" },
      },
    ));

  it("no Multipass where it is asked for", (t) =>
    finds(createDoctorFixture(t), "multipass", "bad", /there is no multipass on PATH/, /install Multipass/, {
      env: { VM_AGENT_DRIVER: "multipass", PATH: "/nowhere" },
    }));

  const sick = [
    [
      "hangs",
      { command: "*", fault: "hang" },
      /multipassd does not answer: no result after [\d.]+ s/,
      /restart the Multipass daemon/,
    ],
    [
      "has no daemon",
      { command: "*", fault: "daemon-down" },
      /cannot connect to the multipass socket/,
      /start the Multipass daemon/,
    ],
    [
      "cuts its JSON off",
      { command: "list", fault: "truncate-json" },
      /nothing can be seen: multipass list/,
      /read again/,
    ],
    ["exits 4", { command: "list", fault: "exit4" }, /nothing can be seen/, /Multipass's own words/],
  ] as const;
  for (const [how, rule, found, next] of sick)
    it(`a Multipass that ${how}`, (t) =>
      finds(createDoctorFixture(t), "multipass", "bad", found, next, {
        faults: [rule],
        env: { VM_AGENT_DEADLINE_LOOK: "1.5" },
      }));

  it("checks that depend on a hanging Multipass are reported as skipped, and the others run", async (t) => {
    const found = await createDoctorFixture(t).examine({
      faults: [{ command: "*", fault: "hang" }],
      env: { VM_AGENT_DEADLINE_LOOK: "1.5" },
    });
    assert.deepEqual(
      byLevel(found, "skip").map((f) => f.check),
      ["instances", "room", "reach"],
    );
    assert.ok(found.some((f) => f.check === "ports" && f.level === "good"));
  });

  it("an unknown version", (t) => {
    const fixture = createDoctorFixture(t);
    const answer = '{"multipass": "1.14.1", "multipassd": "1.14.1"}';
    const file = fixture.write(
      "multipass",
      `#!/bin/sh\nif [ "$1" = version ]; then echo '${answer}'; exit 0; fi\nVM_AGENT_SANDBOX_DIR='${fixture.home}/sandbox' exec '${process.execPath}' '${SANDBOX}' "$@"\n`,
      0o755,
    );
    return finds(
      fixture,
      "multipass",
      "warn",
      /multipass 1\.14\.1 is not a version that vm-agent was tried with/,
      /snap refresh multipass/,
      {
        env: { VM_AGENT_MULTIPASS: file, VM_AGENT_DRIVER: "" },
      },
    );
  });

  it("names: an unowned instance, then a deleted one that holds the name", async (t) => {
    const fixture = createDoctorFixture(t);
    await fixture.multipass("launch", "--name", "agent-a", "--memory", "256M", "--disk", "1G");
    await finds(
      fixture,
      "instances",
      "warn",
      /an instance agent-a is there that vm-agent did not make/,
      /vm-agent import agent-a/,
    );
    await fixture.multipass("delete", "agent-a");
    await finds(
      fixture,
      "instances",
      "warn",
      /a deleted instance holds the name agent-a/,
      /multipass recover agent-a.*delete --purge agent-a/,
    );
    assert.match(await fixture.multipass("list"), /Deleted/);
    await fixture.multipass("delete", "--purge", "agent-a");
  });

  it("the operator's token: readable by others, empty, unreadable", async (t) => {
    const fixture = createDoctorFixture(t);
    const token = fixture.write("home/operator-token", `${"x".repeat(43)}\n`, 0o644);
    await finds(
      fixture,
      "tokens",
      "warn",
      /operator-token has mode 0644: others may read it/,
      /^chmod 600 .*token rotate/,
    );
    assert.equal(statSync(token).mode & 0o777, 0o644);
    writeFileSync(token, "");
    execFileSync("chmod", ["600", token]);
    await finds(fixture, "tokens", "bad", /is empty or too short/, /remove the file/);
    // Root reads every file, so a folder stands in for what cannot be read.
    const other = createDoctorFixture(t);
    mkdirSync(join(other.home, "operator-token"), { recursive: true, mode: 0o700 });
    await finds(
      other,
      "tokens",
      "bad",
      /the operator's token cannot be read/,
      /run vm-agent as the user who owns it/,
    );
  });

  it("a newer database, a damaged one: refused, and not a byte of it changed", async (t) => {
    const fixture = createDoctorFixture(t);
    mkdirSync(fixture.home);
    const path = join(fixture.home, "vm-agent.db");
    await openStore(path).close();
    const before = below(fixture.home);
    const well = await fixture.examine({ only: ["database"] });
    assert.match(well[0]?.found ?? "", /^the database opens/);
    assert.deepEqual(below(fixture.home), before);

    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 9999; PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    const newer = readFileSync(path);
    await finds(
      fixture,
      "database",
      "bad",
      /has schema 9999, this vm-agent knows up to \d+/,
      /Run the newer vm-agent/,
    );
    assert.deepEqual(readFileSync(path), newer);
    newer.fill(0x5a, 0, 2048);
    writeFileSync(path, newer);
    await finds(fixture, "database", "bad", /is damaged or is not a vm-agent database/, /vm-agent backup/);
    assert.deepEqual(readFileSync(path), newer);
  });

  it("a fleet that cannot be used: how many errors, the first of them", (t) => {
    const fixture = createDoctorFixture(t);
    fixture.write("fleet/b.yaml", "kind: Agent\nname: agent-b\nmemroy: 1G\n");
    return finds(
      fixture,
      "fleet",
      "bad",
      /cannot be used: 1 error, the first: b\.yaml:3:1 \/memroy is not a field/,
      /vm-agent validate/,
    );
  });

  it("a hub that was killed, and one that does not answer", async (t) => {
    const fixture = createDoctorFixture(t);
    const gone = spawn(process.execPath, ["-e", ""]);
    await once(gone, "exit");
    const write = (pid: number | undefined) =>
      fixture.write(
        "home/hub.json",
        JSON.stringify({ pid, startedAt: 0, http: "http://127.0.0.1:9", agent: "", dashboard: "" }),
      );
    // A power cut leaves the files; by then their number may be of another program, of root even.
    for (const pid of [gone.pid, process.pid, 1]) {
      write(pid);
      fixture.write("home/controller.json", JSON.stringify({ pid, command: "vm-agent up", since: 0 }));
      const [killed] = await fixture.examine({ only: ["hub"] });
      assert.equal(killed?.level, "good", `pid ${pid}`);
      assert.match(killed?.found ?? "", /was killed or lost its power, the next start cleans up/);
      assert.equal(killed?.next, undefined, "no process is named that was not identified");
    }
    write(process.pid);
    const held = acquireLock(fixture.home, { pid: process.pid, command: "vm-agent up", since: 0 });
    t.after(() => held.release());
    await finds(
      fixture,
      "hub",
      "warn",
      /"vm-agent up" \(pid \d+\) controls this fleet and does not answer at http:\/\/127\.0\.0\.1:9/,
      new RegExp(`kill ${process.pid}.*nothing is lost`),
    );
    write(1);
    await finds(fixture, "hub", "good", /controls this fleet now, and no hub answers/, /^$/);
  });

  it("a full disk", async (t: TestContext) => {
    const fixture = createDoctorFixture(t);
    mkdirSync(fixture.home);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", fixture.home], { stdio: "ignore" });
    } catch {
      t.skip("needs the right to mount a small file system (root)");
      return;
    }
    try {
      await finds(fixture, "home", "bad", /^1M free where the state folder/, /free some space/);
    } finally {
      execFileSync("umount", ["-l", fixture.home]);
    }
  });

  it("a state folder that is a file", (t) => {
    const fixture = createDoctorFixture(t);
    fixture.write("home", "");
    return finds(fixture, "home", "bad", /cannot be written/, /VM_AGENT_HOME/);
  });

  it("isolation: switched off, and absent", async (t) => {
    const fixture = createDoctorFixture(t);
    const open = async (env: Readonly<Record<string, string>>) =>
      (await fixture.examine({ only: ["sandbox"], env })).find((f) => /isolated/.test(f.found));
    const off = await open({ VM_AGENT_SANDBOX_ISOLATION: "none" });
    assert.deepEqual([off?.level, /VM_AGENT_SANDBOX_ISOLATION=none/.test(off?.found ?? "")], ["warn", true]);
    const absent = await open({ PATH: "/nowhere" });
    assert.deepEqual([absent?.level, /no bubblewrap on PATH/.test(absent?.found ?? "")], ["warn", true]);
  });

  it("no port stays open: it is free again after the check", async (t) => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, "close");
    const found = await createDoctorFixture(t).examine({
      only: ["ports"],
      env: { VM_AGENT_HTTP_PORT: String(port) },
    });
    assert.deepEqual(
      found.map((f) => f.found),
      [`ports ${port} are free`],
    );
    const again = createServer().listen(port, "127.0.0.1");
    await once(again, "listening");
    again.close();
  });
});
