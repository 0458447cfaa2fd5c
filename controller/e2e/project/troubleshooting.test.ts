/** What docs/troubleshooting.md quotes is what is printed: each failure is really made, and the words are compared. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import { startScript } from "../../../provisioning/systemd/start-script.ts";
import { packageRoot } from "../../base/paths.ts";
import { acquireLock } from "../../store/lock.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { settings } from "../support/fleets.ts";
import { type Fixture, MAIN, createFixture, until } from "../support/harness.ts";
import { launchingNothing } from "../kill/in-launch.ts";

const AGENT = "kind: Agent\nname: agent-a\ncpu: 1\nmemory: 256M\ndisk: 1G\n";
const DOCUMENT = await readFile(join(packageRoot(), "docs", "troubleshooting.md"), "utf8");
const QUOTES = new Map(
  [...DOCUMENT.matchAll(/^```text (\S+)\n([\s\S]*?)^```$/gm)].map(([, id = "", text = ""]) => [id, text]),
);

/** Line breaks are where the terminal's width puts them. */
const flat = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

function assertQuoted(id: string, printed: string): void {
  const quote = QUOTES.get(id);
  assert.ok(quote !== undefined, `the document does not quote "${id}"`);
  const pattern = flat(quote)
    .split(/<[^>]+>/)
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .join(".+?");
  assert.match(flat(printed), new RegExp(pattern), `${id}: ${quote}`);
}

type Words = (f: Fixture) => Promise<string>;

const said = async (
  result: Promise<{ readonly stdout: string; readonly stderr: string }>,
): Promise<string> => {
  const { stdout, stderr } = await result;
  return `${stdout}\n${stderr}`;
};

/** What `up` prints until the words are there: it would go on for ever. */
async function firstWords(f: Fixture, id: string, env: Readonly<Record<string, string>>): Promise<string> {
  const child = f.spawnUp(env);
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (d: Buffer) => (printed += d.toString()));
  const closed = once(child, "close");
  await until(id, () => {
    assertQuoted(id, printed);
    return true;
  });
  child.kill("SIGKILL");
  await closed;
  return printed;
}

const withFault = async (f: Fixture, rule: Readonly<Record<string, unknown>>) => {
  const file = join(f.folder, "faults.json");
  await writeFile(file, JSON.stringify({ rules: [rule] }));
  return { VM_AGENT_SANDBOX_FAULTS: file };
};

const planWith =
  (rule: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>> = {}): Words =>
  async (f) =>
    said(f.cliWith({ ...(await withFault(f, { command: "list", ...rule })), ...env }, "plan"));

/** What `up` prints that cannot start. */
const up: Words = (f) => said(f.cli("up", "--plain"));

async function taken(f: Fixture, ...command: readonly string[]): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  try {
    return await said(f.cliWith({ VM_AGENT_HTTP_PORT: String(port) }, ...command));
  } finally {
    server.close();
  }
}

async function database(f: Fixture, harm: (path: string) => Promise<void> | void): Promise<string> {
  await mkdir(f.home, { recursive: true });
  const path = join(f.home, "vm-agent.db");
  await openStore(path).close();
  await harm(path);
  return up(f);
}

const LAUNCH = ["multipass", "launch", "--name", "agent-a", "--memory", "256M", "--disk", "1G"] as const;

const CASES: Readonly<Record<string, Words>> = {
  "port-taken": (f) => taken(f, "up", "--plain"),
  "port-taken-doctor": (f) => taken(f, "doctor"),
  "second-controller": async (f) => {
    await mkdir(f.home, { recursive: true });
    const lock = acquireLock(f.home, { pid: process.pid, command: "vm-agent up", since: Date.now() });
    try {
      return await up(f);
    } finally {
      lock.release();
    }
  },
  "database-newer": (f) =>
    database(f, (path) => {
      const db = new DatabaseSync(path);
      db.exec("PRAGMA user_version = 9999");
      db.close();
    }),
  "database-corrupt": (f) =>
    database(f, async (path) => {
      const bytes = await readFile(path);
      await writeFile(path, bytes.fill(0x5a, 0, 2048));
    }),
  "home-unusable": async (f) => {
    await writeFile(f.home, "");
    const printed = await up(f);
    await rm(f.home);
    return printed;
  },
  "node-too-old": async () => {
    // The word that it goes by, as an older Node would have it.
    const older = `data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.11.0" } })`;
    return spawnSync(process.execPath, ["--import", older, MAIN, "list"], { encoding: "utf8" }).stderr;
  },
  "fleet-invalid": async (f) => {
    await f.write("a.yaml", `${AGENT}memroy: 1G\n`);
    return said(f.cli("validate"));
  },
  "multipass-missing": (f) =>
    said(f.cliWith({ PATH: join(f.folder, "nothing"), VM_AGENT_DRIVER: "multipass" }, "plan")),
  "daemon-down": planWith({ fault: "daemon-down" }),
  "daemon-wedged": planWith({ fault: "hang" }, { VM_AGENT_DEADLINE_LOOK: "1" }),
  "daemon-denied": planWith({ fault: "fail", message: "multipass socket access denied" }),
  "not-authenticated": planWith({
    fault: "fail",
    message:
      "The client is not authenticated with the Multipass service.\nPlease use 'multipass authenticate' before proceeding.",
  }),
  "image-unknown": async (f) => {
    await f.write("a.yaml", `${AGENT}image: nonsense\n`);
    return said(f.cli("apply", "--yes"));
  },
  "launch-timeout": async (f) =>
    firstWords(
      f,
      "launch-timeout",
      await withFault(f, { command: "launch", fault: "timeout-leaves-instance", times: 1 }),
    ),
  "disk-full": async (f) =>
    said(f.cliWith(await withFault(f, { command: "launch", fault: "disk-full" }), "apply", "--yes")),
  "memory-small": async (f) => {
    await f.write("a.yaml", AGENT.replace("256M", "64M"));
    return said(f.cli("plan"));
  },
  "name-deleted": async (f) => {
    await f.cli(...LAUNCH);
    await f.cli("multipass", "delete", "agent-a");
    return said(f.cli("plan"));
  },
  "name-foreign": async (f) => {
    await f.cli(...LAUNCH);
    return said(f.cli("doctor"));
  },
  "snapshot-running": async (f) => {
    await f.cli(...LAUNCH);
    return said(f.cli("multipass", "snapshot", "agent-a"));
  },
  "folder-gone": async (f) => {
    const command = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"';
    const args = [join(f.folder, "gone"), process.execPath, MAIN, "plan"];
    return spawnSync("/bin/sh", ["-c", command, ...args], { encoding: "utf8" }).stderr;
  },
  "launch-cut-off": async (f) => {
    const child = f.spawnUp({ NODE_OPTIONS: `--import ${launchingNothing()}` });
    await once(child, "close");
    return firstWords(f, "launch-cut-off", {});
  },
  "no-node-in-apt": async (f) => {
    const bin = join(f.folder, "bin");
    await mkdir(bin);
    const policy = "printf 'nodejs:\\n  Candidate: 12.22.9~dfsg-1ubuntu3.6\\n'";
    await writeFile(join(bin, "apt-cache"), `#!/bin/sh\n${policy}\n`, { mode: 0o755 });
    for (const tool of ["sed", "mkdir", "cat"])
      await writeFile(join(bin, tool), `#!/bin/sh\nexec /bin/${tool} "$@"\n`, { mode: 0o755 });
    const env = { VM_AGENT_GUEST_ROOT: f.folder, PATH: bin };
    return spawnSync("/bin/sh", ["-s", "install"], { input: startScript(), env, encoding: "utf8" }).stderr;
  },
  "no-node": async (f) => {
    const file = join(f.folder, "start");
    await writeFile(file, startScript());
    // A tree of its own, with a PATH that leads to no Node.
    const env = { VM_AGENT_GUEST_ROOT: f.folder, PATH: join(f.folder, "bin") };
    return spawnSync("/bin/sh", [file, "find"], { env, encoding: "utf8" }).stderr;
  },
};

/** These come from a runtime that was connected once; one instance serves all of them. */
const RUNTIMES = ["no-route", "token-refused", "clone-refused"];

describe("the document on troubleshooting", () => {
  it("quotes what is tried here, and nothing else", () => {
    assert.deepEqual([...QUOTES.keys()].sort(), [...Object.keys(CASES), ...RUNTIMES].sort());
  });
});

describe("what is printed is what is quoted", { concurrency: 4 }, () => {
  for (const [id, words] of Object.entries(CASES))
    it(id, async () => {
      const fixture = await createFixture({ "a.yaml": AGENT, "fleet.yaml": settings() });
      try {
        assertQuoted(id, await words(fixture));
      } finally {
        await fixture.close();
      }
    });
});

describe("what a runtime says that does not come in", () => {
  let f: Fixture;
  before(async () => {
    f = await createFixture({ "a.yaml": AGENT, "fleet.yaml": settings() });
    const applied = await f.cli("apply", "--yes");
    assert.equal(applied.code, 0, applied.stderr);
  });
  after(() => f.close());

  const root = (name: string) => join(f.home, "sandbox", "instances", name, "root");
  const edit = async (change: (given: Record<string, unknown>) => Record<string, unknown>) => {
    const file = join(root("agent-a"), "etc/vm-agent/runtime.json");
    await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, "utf8")))));
  };
  const service = (verb: string) =>
    f.multipass("exec", "agent-a", "--", "sudo", "systemctl", verb, "vm-agent");
  const log = async (name: string) =>
    said(f.multipass("exec", name, "--", "sudo", "journalctl", "-u", "vm-agent"));
  const notifies = (id: string, name = "agent-a") =>
    until(id, async () => {
      assertQuoted(id, await log(name));
      return true;
    });

  it("no-route, clone-refused, token-refused", async () => {
    const kept = JSON.parse(await readFile(join(root("agent-a"), "etc/vm-agent/runtime.json"), "utf8"));
    await edit((given) => ({ ...given, hub: ["127.0.0.1:9"] }));
    await service("restart");
    await notifies("no-route");
    await edit(() => kept);

    await f.multipass("stop", "agent-a");
    await f.multipass("clone", "agent-a", "--name", "agent-copy");
    const hub = await f.up();
    await f.multipass("start", "agent-copy");
    await notifies("clone-refused", "agent-copy");

    await until("the original is there", async () => (await f.states())["agent-a"] === "Running");
    await service("stop");
    await rm(join(root("agent-a"), "var/lib/vm-agent/credential"));
    await edit((given) => ({ ...given, joinToken: "of-yesterday-and-used" }));
    await service("start");
    await notifies("token-refused");
    await hub.end();
  });
});
