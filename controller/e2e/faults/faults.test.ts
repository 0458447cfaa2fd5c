/** Bad input and broken surroundings: each ends in a message that says what to do, and nothing is lost or destroyed. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import type { FleetView } from "../../../ui/client/types.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { type CommandResult, type Fixture, createFixture, until } from "../support/harness.ts";

const ONE = { "builder.yaml": BUILDER, "fleet.yaml": settings() };

async function withFixture(
  files: Readonly<Record<string, string>>,
  work: (f: Fixture) => Promise<void>,
): Promise<void> {
  const fixture = await createFixture(files);
  try {
    await work(fixture);
  } finally {
    await fixture.close();
  }
}

/** What `vm-agent up` printed, and how it ended by itself. */
async function ends(fixture: Fixture, env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
  const child = fixture.spawnUp(env);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (d: Buffer) => (stdout += d.toString()));
  child.stderr?.on("data", (d: Buffer) => (stderr += d.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 128, stdout, stderr };
}

const builder = async (fixture: Fixture): Promise<string | undefined> =>
  (await fixture.states())["agent-builder"];

/** A running fleet of one, ready for something bad to happen. */
async function running(fixture: Fixture) {
  const up = await fixture.up();
  const fleet = () => up.api.get<FleetView>("/fleet");
  await until(
    "the agent is in sync",
    async () => (await fleet()).agents[0]?.sync === "Synced" && (await fleet()).settled,
  );
  return { up, fleet };
}

/** An executable that behaves like a broken Multipass while the file `broken` is there, else hands over to the sandbox. */
async function breakable(
  fixture: Fixture,
  how: string,
): Promise<{ readonly env: Record<string, string>; readonly flag: string }> {
  const flag = join(fixture.folder, "broken");
  const file = join(fixture.folder, "multipass");
  const { file: node, args } = {
    file: process.execPath,
    args: [join(import.meta.dirname, "..", "..", "sandbox", "main.js")],
  };
  await writeFile(
    file,
    `#!/bin/sh\nif [ -f '${flag}' ]; then ${how}; fi\nexec '${node}' '${args[0]}' "$@"\n`,
  );
  await chmod(file, 0o755);
  return {
    flag,
    env: {
      VM_AGENT_DRIVER: "",
      VM_AGENT_MULTIPASS: file,
      VM_AGENT_SANDBOX_DIR: join(fixture.home, "sandbox"),
      VM_AGENT_DEADLINE_LOOK: "2",
      VM_AGENT_BIND: "127.0.0.1",
    },
  };
}

describe("bad input and faults", { concurrency: 2 }, () => {
  it("no fleet folder", () =>
    withFixture({}, async (fixture) => {
      await rm(fixture.fleet, { recursive: true });
      const { code, stderr } = await fixture.cli("validate");
      assert.equal(code, 65);
      assert.match(stderr, /fleet/);
      assert.match(stderr, /does not exist|no such folder|missing/i);
      const plan = await fixture.cli("plan");
      assert.equal(plan.code, 65);
    }));

  it("an empty fleet folder is valid, and does nothing", () =>
    withFixture({}, async (fixture) => {
      const { code, stderr } = await fixture.cli("validate");
      assert.equal(code, 0);
      assert.match(stderr, /holds no document/);
      assert.equal((await fixture.cli("plan", "--detailed-exitcode")).code, 0);
    }));

  it("an unreadable file removes nothing", async (t: TestContext) => {
    if (process.getuid?.() === 0)
      t.diagnostic("root reads every file, so a folder named like a file stands in for the unreadable one");
    await withFixture(ONE, async (fixture) => {
      const { up, fleet } = await running(fixture);
      await fixture.remove("builder.yaml");
      await mkdir(join(fixture.fleet, "builder.yaml"));
      const view = await until("it is reported", async () =>
        (await fleet()).errors.length > 0 ? fleet() : null,
      );
      assert.match(view.errors.join("\n"), /builder\.yaml/);
      assert.equal(view.stale, true);
      await fixture.cli("reconcile");
      assert.equal(await builder(fixture), "Running");
      await up.end();
    });
  });

  it("a port in use", () =>
    withFixture(ONE, async (fixture) => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      for (const name of ["VM_AGENT_HTTP_PORT", "VM_AGENT_WS_PORT", "VM_AGENT_DASHBOARD_PORT"]) {
        const { code, stderr } = await ends(fixture, { [name]: String(port) });
        assert.equal(code, 1);
        assert.match(stderr, new RegExp(`port ${port} .*is in use`));
        assert.match(stderr, /choose another port/);
      }
      server.close();
    }));

  it("a second controller is refused with the holder of the lock", () =>
    withFixture(ONE, async (fixture) => {
      const { up } = await running(fixture);
      const { code, stderr } = await ends(fixture);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`"vm-agent up" \\(pid ${up.process.pid}\\) has controlled this fleet`));
      await up.end();
    }));

  it("no Multipass: the sandbox by itself, and an error when Multipass is asked for by name", () =>
    withFixture(ONE, async (fixture) => {
      const PATH = join(fixture.folder, "nothing");
      const auto = await fixture.cliWith({ PATH, VM_AGENT_DRIVER: "auto" }, "plan");
      assert.equal(auto.code, 0, auto.stderr);
      assert.match(auto.stdout, /sandbox \(not virtual machines\)/);
      const asked = await fixture.cliWith({ PATH, VM_AGENT_DRIVER: "multipass" }, "plan");
      assert.equal(asked.code, 69);
      assert.match(asked.stderr, /no multipass on PATH/);
    }));

  const broken = [
    ["hangs", "sleep 1000 & wait"],
    ["prints half a JSON", `printf '{"list": [{"name": "agent-bui'; exit 0`],
    ["says that the daemon is gone", `echo "$1 failed: cannot connect to the multipass socket" >&2; exit 2`],
    ["denies", `echo "$1 failed: multipass socket access denied" >&2; exit 2`],
    ["exits 4", "exit 4"],
  ] as const;
  for (const [name, how] of broken) {
    it(`a Multipass that ${name}: nothing is done, the loop goes on when it is well again`, () =>
      withFixture(ONE, async (fixture) => {
        const { env, flag } = await breakable(fixture, how);
        const up = await fixture.up(env);
        const fleet = () => up.api.get<FleetView>("/fleet");
        await until("the agent is in sync", async () => (await fleet()).agents[0]?.sync === "Synced");
        await writeFile(flag, "");
        await fixture.remove("builder.yaml");
        await until("it is known that nothing can be seen", async () => (await fleet()).unobservable, 60_000);
        const planned = await fixture.cliWith(env, "plan");
        assert.equal(planned.code, 69, planned.stdout + planned.stderr);
        assert.match(planned.stdout, /nothing can be seen/);
        await fixture.write("builder.yaml", BUILDER);
        await rm(flag);
        await until(
          "it is seen again",
          async () => (await fleet()).unobservable === null && (await fleet()).agents[0]?.sync === "Synced",
          60_000,
        );
        assert.equal(await builder(fixture), "Running");
        const calls = (await readFile(join(fixture.home, "sandbox", "calls.jsonl"), "utf8")).split("\n");
        assert.equal(calls.filter((c) => c.includes('"launch"')).length, 1);
        assert.equal(calls.filter((c) => c.includes('"delete"')).length, 0);
        await up.end();
      }));
  }

  it("a Multipass that hangs when the loop starts: it waits for it", () =>
    withFixture(ONE, async (fixture) => {
      const { env, flag } = await breakable(fixture, "sleep 1000 & wait");
      await writeFile(flag, "");
      const up = await fixture.up(env);
      await until("it is known", async () => (await up.api.get<FleetView>("/fleet")).unobservable);
      await rm(flag);
      await until(
        "the agent is in sync",
        async () => (await up.api.get<FleetView>("/fleet")).agents[0]?.sync === "Synced",
        60_000,
      );
      await up.end();
    }));

  it("a database of a newer version is refused and left as it is", () =>
    withFixture(ONE, async (fixture) => {
      const { up } = await running(fixture);
      await up.end();
      const path = join(fixture.home, "vm-agent.db");
      const db = new DatabaseSync(path);
      db.exec("PRAGMA user_version = 9999; PRAGMA wal_checkpoint(TRUNCATE)");
      db.close();
      const before = await readFile(path);
      const { code, stderr } = await ends(fixture);
      assert.equal(code, 1);
      assert.match(stderr, /newer/);
      assert.deepEqual(await readFile(path), before);
      assert.equal(await builder(fixture), "Running");
    }));

  it("a corrupt database is refused loudly and never overwritten", () =>
    withFixture(ONE, async (fixture) => {
      const { up } = await running(fixture);
      await up.end();
      const path = join(fixture.home, "vm-agent.db");
      const damaged = await readFile(path);
      damaged.fill(0x5a, 0, 2048);
      await writeFile(path, damaged);
      const { code, stderr } = await ends(fixture);
      assert.equal(code, 1);
      assert.match(stderr, /damaged|corrupt|not a database/i);
      assert.deepEqual(await readFile(path), damaged);
      assert.equal(await builder(fixture), "Running");
    }));

  it("a full disk: what cannot be kept is refused with the reason, and work goes on when there is room", async (t: TestContext) => {
    const fixture = await createFixture(ONE);
    await mkdir(fixture.home, { recursive: true });
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", fixture.home], { stdio: "ignore" });
    } catch {
      await fixture.close();
      t.skip("needs the right to mount a small file system (root)");
      return;
    }
    try {
      const env = { VM_AGENT_SANDBOX_DIR: join(fixture.folder, "sandbox") };
      const up = await fixture.up(env);
      await until(
        "the agent is in sync",
        async () => (await up.api.get<FleetView>("/fleet")).agents[0]?.sync === "Synced",
      );
      const task = () => fixture.cli("task", "agent-builder", '{"type":"exec","command":"echo kept"}');
      const first = await task();
      assert.equal(first.stdout, "kept\n", first.stderr);
      const ballast = join(fixture.home, "ballast");
      const { bavail, bsize } = await statfs(fixture.home);
      await writeFile(ballast, Buffer.alloc(bavail * bsize)).catch(() => {});
      const refused = await until("a task is refused", async () => {
        const answer = await task();
        return answer.code !== 0 ? answer : null;
      });
      assert.match(refused.stderr, /disk is full/);
      await rm(ballast);
      const again = await until("tasks are taken again", async () => {
        const answer = await task();
        return answer.code === 0 ? answer : null;
      });
      assert.equal(again.stdout, "kept\n");
      await up.end();
      assert.equal((await fixture.cliWith(env, "plan", "--detailed-exitcode")).code, 0);
      await fixture.cliWith(env, "multipass", "delete", "--purge", "agent-builder");
    } finally {
      execFileSync("umount", ["-l", fixture.home]);
      await fixture.close();
    }
  });
});
