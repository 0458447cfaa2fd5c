/** Tasks at the command line, with a real runtime: options in each place, tasks from files, what file:read prints, wrong tasks. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { BUILDER, settings } from "../support/fleets.ts";
import { type CommandResult, type Fixture, MAIN, type Up, createFixture, until } from "../support/harness.ts";

const A = "agent-builder";
const ECHO = '{"type":"exec","command":"echo hello; exit 3"}';

describe("tasks at the command line", () => {
  let fixture: Fixture;
  let up: Up;
  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings(), "builder.yaml": BUILDER });
    up = await fixture.up();
    const healthy = async () => (await up.api.getFleet()).agents[0]?.health === "Healthy";
    await until("the agent is there", healthy, 120_000);
  });
  after(async () => {
    await up.end();
    await fixture.close();
  });

  /** With its own folder, environment and standard input; stdout as bytes. */
  const run = (
    args: readonly string[],
    options: {
      readonly cwd?: string;
      readonly input?: string;
      readonly env?: Readonly<Record<string, string | undefined>>;
    } = {},
  ): Promise<Omit<CommandResult, "stdout"> & { readonly stdout: Buffer }> =>
    new Promise((resolve, reject) => {
      const env = { ...fixture.env, ...options.env } as NodeJS.ProcessEnv;
      const child = spawn(process.execPath, [MAIN, ...args], { env, cwd: options.cwd ?? fixture.folder });
      const out: Buffer[] = [];
      let stderr = "";
      child.stdout.on("data", (d: Buffer) => out.push(d));
      child.stderr.on("data", (d: Buffer) => (stderr += d.toString()));
      child.stdin.end(options.input ?? "");
      child.on("error", reject);
      child.on("close", (code) => resolve({ code: code ?? -1, stdout: Buffer.concat(out), stderr }));
    });

  it("exec takes its options in each place, and passes on what is the command's", async () => {
    const direct = await fixture.cli("exec", A, "--direct", "--", "echo", "direct $HOME");
    assert.deepEqual([direct.code, direct.stdout], [0, "direct $HOME\n"], direct.stderr);
    const before = await fixture.cli("exec", A, "--timeout", "90s", "--", "echo", "--sudo");
    assert.deepEqual([before.code, before.stdout], [0, "--sudo\n"], before.stderr);
    const seed = await fixture.cli("exec", A, "echo one; exit 4", "--timeout", "30000");
    assert.deepEqual([seed.code, seed.stdout], [4, "one\n"], seed.stderr);
    const [last, earlier] = (await up.api.listTasks({ limit: 2 })).tasks;
    assert.deepEqual([last?.spec.timeout, earlier?.spec.timeout], [30_000, 90_000]);
    const root = await fixture.cli("exec", A, "id", "--sudo");
    assert.match(root.stderr, /does not allow tasks with sudo/);
    for (const args of [
      ["--bogus", "--", "ls"],
      ["--timeout", "soon", "ls"],
      ["--timeout", "8d", "ls"],
    ])
      assert.equal((await fixture.cli("exec", A, ...args)).code, 64, args.join(" "));
  });

  it("a task comes from a file, from standard input, or as a word", async () => {
    await writeFile(join(fixture.folder, "task.json"), ECHO);
    const lines: readonly (readonly string[])[] = [
      ["task", A, "-f", "task.json"],
      ["task", "-f", "task.json", A],
      ["task", A, "-"],
      ["task", A, "-f", "-"],
      ["task", "--all", "-f", "task.json"],
      ["task", "--agents", A, "-"],
    ];
    for (const args of lines) {
      const { code, stdout, stderr } = await run(args, { input: ECHO });
      assert.equal(code, 3, `${args.join(" ")}: ${stderr}`);
      assert.match(stdout.toString(), /hello\n$/);
    }
  });

  it("what is no task is a usage error that names commands", async () => {
    await writeFile(join(fixture.folder, "broken.json"), "{");
    const lines: readonly (readonly string[])[] = [
      ["task", A, '{"type":"exec"}'],
      ["task", A, '{"type":"exce","command":"x"}'],
      ["task", A, '{"type":"exec","command":"x","timeout":"soon"}'],
      ["task", "--all", '{"type":"exec"}'],
      ["task", A, "{"],
      ["task", A, "-f", "broken.json"],
      ["task", A, "-f", "absent.json"],
      ["task", A, "-f", "broken.json", "{}"],
      ["task", A],
      ["task"],
    ];
    for (const args of lines) {
      const { code, stderr } = await fixture.cli(...args);
      assert.equal(code, 64, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, /^error: .+\n {2}\S/);
      assert.doesNotMatch(stderr, /(?:GET|POST) \//);
    }
    const unknown = await fixture.cli("task", "absent", ECHO);
    assert.match(unknown.stderr, /there is no agent "absent"\n {2}vm-agent list/);
    assert.match((await fixture.cli("cancel", "absent")).stderr, /\n {2}vm-agent tasks/);
  });

  it("file:read prints the file, byte for byte", async () => {
    const bytes = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256));
    const write = {
      type: "file:write",
      filePath: "bytes",
      content: bytes.toString("base64"),
      encoding: "base64",
    };
    assert.equal((await fixture.cli("task", A, JSON.stringify(write))).code, 0);
    for (const encoding of ["utf8", "base64"]) {
      const read = JSON.stringify({ type: "file:read", filePath: "bytes", encoding });
      const { code, stdout, stderr } = await run(["task", A, read]);
      assert.deepEqual([code, stdout.equals(bytes)], [0, true], `${encoding}: ${stderr}`);
    }
    const text = { ...write, filePath: "text", content: "no end of line", encoding: "utf8" };
    assert.equal((await fixture.cli("task", A, JSON.stringify(text))).code, 0);
    const read = '{"type":"file:read","filePath":"text"}';
    assert.equal((await run(["task", A, read])).stdout.toString(), "no end of line");
    assert.equal((await run(["task", "--all", read])).stdout.toString(), `${A} | no end of line\n`);
    const json = JSON.parse((await run(["task", A, read, "--json"])).stdout.toString()) as {
      readonly result: { readonly content: string };
    };
    assert.equal(json.result.content, "no end of line");
  });

  it("the fleet is found from a folder below it", async () => {
    const deep = join(fixture.folder, "src", "deep");
    await mkdir(deep, { recursive: true });
    const env = { VM_AGENT_FLEET: undefined };
    for (const cwd of [deep, fixture.fleet]) {
      const { code, stdout, stderr } = await run(["validate"], { cwd, env });
      assert.deepEqual(
        [code, stdout.toString()],
        [0, `valid: 1 agent, 0 snapshots in ${fixture.fleet}\n`],
        stderr,
      );
    }
    // A repository of its own has its own fleet, and so has a new one.
    await mkdir(join(deep, ".git"));
    assert.match((await run(["validate"], { cwd: deep, env })).stderr, /deep\/fleet/);
    const below = join(fixture.folder, "below");
    await mkdir(below);
    const init = await run(["init"], { cwd: below, env });
    assert.match(init.stdout.toString(), /wrote fleet\/agents/, init.stderr);
  });

  it("the hub of this machine is not asked through a proxy", async () => {
    const env = {
      NODE_USE_ENV_PROXY: "1",
      HTTP_PROXY: "http://127.0.0.1:9",
      http_proxy: "http://127.0.0.1:9",
    };
    for (const args of [
      ["list", "--json"],
      ["task", A, '{"type":"exec","command":"echo hello"}'],
      ["logs", A],
      ["audit"],
      ["dash"],
      ["why", A],
    ]) {
      const { code, stdout, stderr } = await run(args, { env });
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      assert.doesNotMatch(`${stdout}${stderr}`, /no hub|no loop runs|ECONNREFUSED/);
    }
    const doctor = await run(["doctor"], { env });
    assert.doesNotMatch(doctor.stdout.toString(), /does not answer|no hub/);
  });
});
