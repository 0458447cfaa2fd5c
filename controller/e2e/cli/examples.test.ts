/** Every example of every `--help`, run as printed on one sandbox fleet, in an order that gives each what it needs; and `--json` of what prints data, against the README. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { nameOf } from "../../cli/command-spec.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { whose } from "../../cli/service/around.ts";
import { BUILDER, settings } from "../support/fleets.ts";
import { GIT_ENV, type TestRepository, initRepository } from "../support/git-fixture.ts";
import { type Fixture, createFixture, until } from "../support/harness.ts";
import { SHAPES, shapeErrors } from "../support/json-shapes.ts";
import { promisedFields } from "../support/promised-fields.ts";
import { NO_PTY, type Terminals, terminals } from "../support/pty.ts";
import { shellWords } from "../support/shell-words.ts";
import { upExamples } from "../support/up-examples.ts";

describe("the examples of --help", { skip: NO_PTY, timeout: 300_000 }, () => {
  const examples = COMMANDS.flatMap((c) => c.example);
  const json = promisedFields();
  const ran = new Set<string>();
  const parsed = new Set<string>();
  let fixture: Fixture;
  let repository: TestRepository;
  let shells: Terminals;
  let env: Readonly<Record<string, string>>;
  let revision = "";

  /** Runs it as printed; `instead`: what stands for a value of the example that only this world can know. */
  async function example(line: string, exit = 0, instead: Readonly<Record<string, string>> = {}) {
    assert.ok(examples.includes(line), `not an example: ${line}`);
    const result = await fixture.cliWith(env, ...shellWords(line).map((word) => instead[word] ?? word));
    assert.equal(result.code, exit, `${line}\n${result.stdout}\n${result.stderr}`);
    ran.add(line);
    return result;
  }
  /** In a terminal, with what a person types there. */
  async function typed(line: string, steps: readonly (readonly [sees: RegExp, keys: string])[], exit = 0) {
    assert.ok(examples.includes(line), `not an example: ${line}`);
    const terminal = shells.open(...shellWords(line));
    for (const [sees, keys] of steps) {
      await terminal.sees(sees);
      terminal.type(keys);
    }
    assert.equal(await terminal.ended, exit, `${line}\n${terminal.shown()}`);
    ran.add(line);
  }
  /** All of it is the value that docs/commands.md promises, and each field is of the type that it should be. */
  async function data(
    command: string,
    args: readonly string[] = [],
    more: Readonly<Record<string, string>> = {},
  ) {
    const fields = json.get(command);
    assert.ok(fields, `docs/commands.md has no row for ${command}`);
    const result = await fixture.cliWith({ ...env, ...more }, ...command.split(" "), ...args, "--json");
    assert.equal(result.code, 0, `${command}\n${result.stdout}\n${result.stderr}`);
    const texts = command === "logs" ? result.stdout.trimEnd().split("\n") : [result.stdout];
    for (const text of texts) {
      const value = JSON.parse(text) as Record<string, unknown> | readonly Record<string, unknown>[];
      assert.equal(shapeErrors(command, value), null, `${command}: ${text}`);
      const [first] = Array.isArray(value) ? value : [value];
      for (const field of fields) assert.ok(field in (first ?? {}), `${command} --json has no ${field}`);
    }
    parsed.add(command);
    return JSON.parse(texts[0] ?? "") as Record<string, unknown>;
  }

  before(async () => {
    fixture = await createFixture({ "fleet.yaml": settings(), "agents/builder.yaml": BUILDER });
    env = { ...GIT_ENV, HOME: join(fixture.folder, "user"), XDG_CONFIG_HOME: join(fixture.folder, "user") };
    shells = terminals(fixture, env);
    await cp(fixture.fleet, join(fixture.folder, "other"), { recursive: true });
    await mkdir(join(fixture.folder, "empty"));
    repository = await initRepository(fixture.folder, ["*", "!fleet", "!fleet/**"]);
    await repository.commit("the fleet");
    await fixture.write("agents/builder.yaml", `${BUILDER}env: {STAGE: second}\n`);
    revision = await repository.commit("an edit of it");
  });
  after(async () => {
    shells.close();
    await fixture.close();
  });

  it("with nothing there yet: what looks, and what writes files of its own", async () => {
    const { manager } = whose({}, env);
    const isInstalled = existsSync(manager.file);
    await Promise.all([
      fresh("vm-agent init"),
      example("vm-agent validate"),
      example("vm-agent --fleet ./other validate --json"),
      example("vm-agent version"),
      example("vm-agent version --json"),
      example("vm-agent completion bash"),
      example("vm-agent install-service --print"),
      // An existing one belongs to another fleet.
      isInstalled ? ran.add("vm-agent uninstall-service") : example("vm-agent uninstall-service"),
      data("install-service --print"),
      service(),
    ]);
    await Promise.all([
      example("vm-agent plan"),
      example("vm-agent plan --json --detailed-exitcode", 2),
      example("vm-agent plan -o plan.json"),
      example("vm-agent drift"),
      example("vm-agent create agent-copy --print"),
      example("vm-agent token"),
      ...["validate", "version", "plan", "drift"].map((c) => data(c)),
      data("create --print", ["agent-copy"]),
    ]);
  });

  it("without a loop: the plan is applied, its result is reported, kept and put back", async () => {
    await typed("vm-agent apply plan.json", [[/Only yes is taken as one/, "yes\r"]]);
    await typed("vm-agent apply", []);
    await data("apply", ["--yes"]);
    await Promise.all([
      example("vm-agent apply --yes --target agent-builder"),
      example("vm-agent exec --direct agent-builder -- uptime"),
      typed("vm-agent shell agent-builder", [[/[$#] /, "exit\r"]]),
      example("vm-agent multipass list"),
      example("vm-agent multipass info agent-builder"),
      example("vm-agent token show"),
      example("vm-agent audit verify"),
      example("vm-agent audit acknowledge"),
    ]);
    await example("vm-agent backup state.backup");
    await example("vm-agent backup state.backup --restore");
    await data("backup --restore", ["state.backup"]);
    await example("vm-agent token rotate");
    await data("token show");
    await data("token rotate");
  });

  let loop: ChildProcess;
  let loopEnded: Promise<unknown>;

  it("beside a loop that runs: tasks, logs, edits", async () => {
    loop = fixture.spawn(...shellWords("vm-agent up --plain"));
    loopEnded = new Promise((resolve) => loop.on("close", resolve));
    const healthy = async (name: string) =>
      until(
        `${name} is there`,
        async () =>
          (await fixture.cliWith(env, "list", "--json")).stdout.match(new RegExp(`"${name}"[^]*?"Healthy"`)),
        60_000,
      );
    await healthy("agent-builder");
    const edits = async () => {
      const [create = ""] = examples.filter((line) => line.startsWith("vm-agent create agent-docs"));
      await example(create);
      await example("vm-agent snapshot agent-docs before-upgrade");
      await example("vm-agent restore agent-docs before-upgrade --yes");
      await data("snapshot", ["agent-docs", "before-upgrade"]);
      await example("vm-agent stop agent-docs");
      await data("stop", ["agent-docs"]);
      await data("restore", ["agent-docs", "before-upgrade", "--yes"]);
      await example("vm-agent start agent-docs");
      await example("vm-agent suspend agent-docs");
      await data("suspend", ["agent-docs"]);
      await example("vm-agent start --all");
      await example("vm-agent destroy agent-docs --force");
      await data("create", ["agent-more", "--cpu", "1", "--memory", "256M", "--disk", "1G"]);
      await data("destroy", ["agent-more", "--force"]);
    };
    const looks = async () => {
      const [give = "", fits = "", fromFile = ""] = examples.filter((line) =>
        line.startsWith("vm-agent task "),
      );
      const long = ["agent-builder", '{"type":"exec","command":"sleep 600"}'];
      const [cancel = ""] = examples.filter((line) => line.startsWith("vm-agent cancel"));
      const { taskId: first } = await data("task --no-wait", long);
      await example(cancel, 0, { [shellWords(cancel)[1] ?? ""]: String(first) });
      await data("cancel", [String((await data("task --no-wait", long)).taskId)]);
      await Promise.all([
        example(give),
        example(fits),
        fixture.write("../task.json", '{"type":"exec","command":"echo hello"}').then(() => example(fromFile)),
        example("vm-agent exec agent-builder -- uname -a"),
        example("vm-agent logs agent-builder"),
        followed("vm-agent logs agent-builder --follow --lines 20"),
      ]);
      await Promise.all([
        example("vm-agent list"),
        example("vm-agent list --status online --type builder"),
        example("vm-agent status agent-builder"),
        example("vm-agent why agent-builder"),
        example("vm-agent tasks --agent agent-builder"),
        example("vm-agent drift --json"),
        example("vm-agent history"),
        example("vm-agent history --limit 5 --json"),
        example("vm-agent audit --agent agent-builder --kind task"),
      ]);
      await Promise.all([
        example("vm-agent reconcile"),
        example("vm-agent reconcile agent-builder"),
        example("vm-agent reconcile --accept-rewrite"),
        checked("vm-agent doctor"),
        checked("vm-agent doctor --json"),
        ...[
          "list",
          "dash",
          "tasks",
          "history",
          "audit",
          "audit verify",
          "audit acknowledge",
          "token",
          "reconcile",
        ].map((c) => data(c)),
        ...["status", "why", "logs", "token join"].map((c) => data(c, ["agent-builder"])),
        data("task", ["agent-builder", '{"type":"exec","command":"true"}']),
        data("task --all", ['{"type":"exec","command":"true"}', "--capability", "build"]),
        data("exec", ["--json", "agent-builder", "true"]),
      ]);
      await data("backup", ["second.backup"]);
    };
    const [, , upRan] = await Promise.all([edits(), looks(), upExamples()]);
    for (const line of upRan) ran.add(line);
  });

  it("the way back in git, and what is not ours", async () => {
    await example("vm-agent pause agent-builder");
    await example("vm-agent resume agent-builder");
    await data("pause", ["agent-builder"]);
    await data("resume", ["agent-builder"]);
    await data("start", ["agent-builder"]);
    // What is to be gone back from must be committed, and what these wrote is not.
    await repository.git("checkout", "--quiet", "--", "fleet");
    await typed("vm-agent rollback HEAD~1", [[/Only yes is taken as one/, "yes\r"]]);
    await example("vm-agent rollback 3f2c1ab --yes", 0, { "3f2c1ab": revision });
    await data("rollback", ["HEAD~1", "--yes"]);
    for (const name of ["my-instance", "my-second"])
      await fixture.multipass("launch", "--name", name, "--cpus", "1");
    await data("import", ["my-second", "--yes"]);
    await typed("vm-agent import my-instance", [[/Only yes is taken as one/, "yes\r"]]);
    loop.kill("SIGTERM");
    assert.equal(await loopEnded, 0);
    ran.add("vm-agent up --plain");
  });

  it("none was left out, of the examples nor of the table in docs/commands.md", () => {
    assert.deepEqual(
      examples.filter((line) => !ran.has(line)),
      [],
    );
    assert.deepEqual(
      [...json.keys()].filter((command) => !parsed.has(command)),
      [],
    );
    assert.deepEqual(Object.keys(SHAPES).sort(), [...json.keys()].sort());
    // Every command that takes --json has a row.
    const named = new Set([...json.keys()].map((command) => command.split(" ", 1)[0]));
    const offered = COMMANDS.filter((c) => !c.noJson).map(nameOf);
    assert.deepEqual([...named].sort(), offered.sort());
  });

  /** With stand-ins for the machine's service manager: nothing of this machine is installed or removed. */
  async function service(): Promise<void> {
    const bin = join(fixture.folder, "managers");
    await mkdir(bin);
    for (const name of ["systemctl", "loginctl", "launchctl"])
      await writeFile(join(bin, name), "#!/bin/sh\n", { mode: 0o755 });
    const there = { PATH: `${bin}${delimiter}${process.env.PATH}` };
    await data("install-service", ["--user"], there);
    await data("uninstall-service", ["--user"], there);
  }

  /** In an empty place: beside the others a fleet is written already. */
  async function fresh(line: string): Promise<void> {
    const place = { VM_AGENT_FLEET: join(fixture.folder, "empty", "fleet") };
    const made = await fixture.cliWith({ ...env, ...place }, ...shellWords(line), "--json");
    assert.equal(made.code, 0, made.stderr);
    assert.equal(shapeErrors("init", JSON.parse(made.stdout)), null);
    parsed.add("init");
    ran.add(line);
  }

  /** How the machine is decides: 1 where something is missing on it. */
  async function checked(line: string): Promise<void> {
    const result = await fixture.cliWith(env, ...shellWords(line));
    assert.ok([0, 1].includes(result.code), result.stderr);
    assert.equal(result.stderr, "");
    if (line.endsWith("--json")) {
      assert.equal(shapeErrors("doctor", JSON.parse(result.stdout)), null);
      parsed.add("doctor");
    }
    ran.add(line);
  }

  /** It ends on request, as by Ctrl-C. */
  async function followed(line: string): Promise<void> {
    const child = fixture.spawn(...shellWords(line));
    const ended = new Promise((resolve) => child.on("close", resolve));
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    assert.equal(await ended, 130);
    ran.add(line);
  }
});
