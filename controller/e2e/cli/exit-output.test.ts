/** Output arrives whole, whatever ends a command: commands × exit paths, 5 MB, on pipes whose readers are two seconds late. */
import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { packageRoot } from "../../base/paths.ts";
import { LINES, lineOf } from "../support/exit-paths.ts";
import { MAIN } from "../support/harness.ts";
import { type LateResult, readLate } from "../support/late-reader.ts";

const MEGABYTES = 5_000_000;

describe("what every command ends with, by each exit path", { concurrency: 2 }, () => {
  const script = join(packageRoot(), "dist", "controller", "e2e", "support", "exit-paths.js");
  const run = (path: string, options: Partial<Parameters<typeof readLate>[1]> = {}) =>
    readLate([process.execPath, script, path], { env: process.env, ...options });
  const isWhole = (text: string, last = "") => {
    const lines = text.split("\n");
    assert.equal(lines[LINES - 1], lineOf(LINES), `${lines.length} lines`);
    assert.match(lines.slice(LINES).join("\n"), new RegExp(`^${last}`));
  };
  const rows: readonly (readonly [path: string, code: number, last: string])[] = [
    ["normal", 3, "$"],
    ["error", 1, "error: it failed"],
    ["usage", 64, "error: no such option\n  leave it out\n$"],
    ["crash", 1, "error: vm-agent failed: Error: a fault"],
  ];
  for (const [path, code, last] of rows)
    it(`${path}: exit code ${code}`, async () => {
      const result = await run(path);
      assert.deepEqual([result.code, result.signal], [code, null]);
      isWhole(result.stdout);
      isWhole(result.stderr, last);
    });
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [signal, code] of Object.entries(signals)) {
    it(`${signal} while it waits: exit code ${code}`, async () => {
      const result = await run("waits", { meanwhile: (child) => child.kill(signal as NodeJS.Signals) });
      assert.deepEqual([result.code, result.signal], [code, null]);
      isWhole(result.stdout);
      isWhole(result.stderr);
    });
    it(`${signal} while its output is drained: exit code of its failure`, async () => {
      const result = await run("usage", { meanwhile: (child) => child.kill(signal as NodeJS.Signals) });
      assert.deepEqual([result.code, result.signal], [64, null]);
      isWhole(result.stdout);
      isWhole(result.stderr);
    });
  }
  it("what goes on to print is ended after a whole line", async () => {
    const result = await run("goes-on", { meanwhile: (child) => child.kill("SIGINT") });
    assert.deepEqual([result.code, result.signal], [130, null]);
    assert.match(result.stdout, /x\n$/);
  });
  it("a second signal ends one whose reader takes nothing", async () => {
    const { code, stdout } = await run("waits", {
      meanwhile: (child) => {
        child.kill("SIGINT");
        // Two pending signals of one kind are one: they differ.
        child.kill("SIGTERM");
      },
    });
    assert.ok(code === 130 || code === 143, String(code));
    assert.ok(stdout.length < MEGABYTES);
  });
  it("a reader that is gone: quiet, 141, and the other stream is whole", async () => {
    const result = await run("waits", { closes: true });
    assert.deepEqual([result.code, result.signal], [141, null]);
    isWhole(result.stderr, "$");
  });
});

/** The parts of the hub's API that these commands ask, with answers of 5 MB. */
function createLargeHub(): Server {
  const pad = "x".repeat(5000);
  const tasks = Array.from({ length: 1000 }, (_, n) => ({ id: `task-${n}`, agent: "a", pad }));
  const lines = Array.from({ length: 1000 }, (_, n) => ({ seq: n, at: 0, level: "info", message: pad }));
  const entries = Array.from({ length: 1000 }, (_, seq) => ({ seq, at: 0, detail: { pad } }));
  let cancelled = (): void => {};
  const send = (answer: ServerResponse, event: string, id: number, data: unknown) =>
    answer.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const end = (answer: ServerResponse) => {
    send(answer, "end", 1000, {});
    answer.end();
  };
  return createServer((request, answer) => {
    const { pathname } = new URL(request.url ?? "", "http://hub");
    const json = (value: unknown) => answer.end(JSON.stringify(value));
    const [, agent] = /^\/agents\/(\w+)\/task$/.exec(pathname) ?? [];
    if (agent) return json({ taskId: agent, status: "sent" });
    const [, task, part] = /^\/tasks\/(\w+)\/(output|cancel)$/.exec(pathname) ?? [];
    if (part === "cancel") {
      json({ taskId: task, state: "running" });
      return cancelled();
    }
    if (part === "output") {
      answer.writeHead(200, { "content-type": "text/event-stream" });
      for (let n = 0; n < 1000; n++)
        send(answer, "output", n, { stream: task, data: `${String(n).padStart(4, "0")} ${pad}\n` });
      if (task?.startsWith("std")) return end(answer);
      cancelled = () => end(answer);
      return undefined;
    }
    const id = pathname.replace("/tasks/", "");
    const state = id.startsWith("std") ? "failed" : "cancelled";
    if (pathname.startsWith("/tasks/"))
      return json({ task: { id, state, exitCode: state === "failed" ? 3 : null } });
    if (pathname === "/tasks") return json({ tasks });
    if (pathname === "/audit") return json({ entries });
    if (pathname === "/agents/a/logs") return json({ lines });
    if (pathname === "/agents/a/logs/follow") {
      answer.writeHead(200, { "content-type": "text/event-stream" });
      for (const line of lines) send(answer, "log", line.seq, line);
      return undefined;
    }
    return json({});
  });
}

describe("commands, by each exit path", { concurrency: 2 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-exits-"));
  const hub = createLargeHub();
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    VM_AGENT_HOME: join(folder, "home"),
    VM_AGENT_DRIVER: "sandbox",
    VM_AGENT_HTTP_PORT: "0",
    VM_AGENT_WS_PORT: "0",
    VM_AGENT_DASHBOARD_PORT: "0",
    NO_COLOR: "1",
  };
  const fleets = { large: join(folder, "large"), broken: join(folder, "broken") };
  before(async () => {
    for (const fleet of Object.values(fleets)) mkdirSync(fleet);
    // 1.5 kB of plan for each agent.
    const agents = Array.from(
      { length: 3500 },
      (_, n) => `kind: Agent\nname: agent-${n}\ncpu: 1\ndisk: 2G\n`,
    );
    for (const [part, from] of [0, 1750].entries())
      writeFileSync(join(fleets.large, `agents-${part}.yaml`), agents.slice(from, from + 1750).join("---\n"));
    writeFileSync(join(fleets.large, "fleet.yaml"), "kind: Fleet\nlimits: {agents: 4000}\n");
    // Errors are short and finding them is slow: 400 of them are 88 KB, which is more than a pipe holds.
    const wrong = Array.from({ length: 400 }, (_, n) => `kind: Agent\nname: agent-${n}\nmemroy: 512M\n`);
    writeFileSync(join(fleets.broken, "agents.yaml"), wrong.join("---\n"));
    await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
  });
  after(() => {
    hub.closeAllConnections();
    hub.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const hubEnv = () => ({
    ...env,
    VM_AGENT_FLEET: fleets.large,
    VM_AGENT_URL: `http://127.0.0.1:${(hub.address() as AddressInfo).port}`,
    VM_AGENT_TOKEN: "token",
  });

  interface Row {
    readonly args: readonly string[];
    readonly env: () => NodeJS.ProcessEnv;
    readonly stream: "stdout" | "stderr";
    readonly code: number;
    /** Of Ctrl-C, where it is not 130. */
    readonly interrupted?: number;
    readonly isWhole: (text: string) => void;
  }
  const isJson = (text: string) => assert.doesNotThrow(() => JSON.parse(text) as unknown);
  const hasThousand = (text: string) =>
    assert.equal(text.split("\n").filter((line) => line.length > 5000).length, 1000);
  const hasErrors = (text: string) => assert.equal(text.match(/error: /g)?.length, 400);
  const broken = () => ({ ...env, VM_AGENT_FLEET: fleets.broken });
  const large = () => ({ ...env, VM_AGENT_FLEET: fleets.large });
  const rows: readonly Row[] = [
    { args: ["tasks", "--json"], env: hubEnv, stream: "stdout", code: 0, isWhole: isJson },
    { args: ["audit", "--json"], env: hubEnv, stream: "stdout", code: 0, isWhole: isJson },
    { args: ["logs", "a"], env: hubEnv, stream: "stdout", code: 0, isWhole: hasThousand },
    { args: ["plan", "--json"], env: large, stream: "stdout", code: 0, isWhole: isJson },
    {
      args: ["validate", "--json"],
      env: broken,
      stream: "stdout",
      code: 65,
      interrupted: 65,
      isWhole: isJson,
    },
    { args: ["validate"], env: broken, stream: "stderr", code: 65, interrupted: 65, isWhole: hasErrors },
    { args: ["plan"], env: broken, stream: "stderr", code: 65, interrupted: 65, isWhole: hasErrors },
  ];
  for (const row of rows) {
    const name = `${row.args.join(" ")} (${row.stream})`;
    const read = (options: Partial<Parameters<typeof readLate>[1]> = {}): Promise<LateResult> =>
      readLate([process.execPath, MAIN, ...row.args], { env: row.env(), cwd: folder, ...options });
    it(`${name}: ends by itself`, async () => {
      const result = await read();
      assert.deepEqual([result.code, result.signal], [row.code, null], result.stderr.slice(0, 500));
      const least = row.env === broken ? 80_000 : MEGABYTES * 0.9;
      assert.ok(result[row.stream].length > least, `${result[row.stream].length} bytes`);
      row.isWhole(result[row.stream]);
    });
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const)
      it(`${name}: ${signal}`, async () => {
        const result = await read({ meanwhile: (child) => child.kill(signal) });
        assert.deepEqual([result.code, result.signal], [row.interrupted ?? code, null]);
        row.isWhole(result[row.stream]);
      });
    if (row.stream === "stdout")
      it(`${name}: its reader goes away`, async () => {
        const result = await read({ closes: true });
        assert.deepEqual([result.code, result.stderr], [row.interrupted ?? 141, ""]);
      });
  }

  for (const stream of ["stdout", "stderr"] as const)
    it(`task: its output on ${stream}, and its own exit code`, async () => {
      const json = '{"type":"exec","command":"x"}';
      const result = await readLate([process.execPath, MAIN, "task", stream, json], { env: hubEnv() });
      assert.equal(result.code, 3);
      hasThousand(result[stream]);
    });
  it("task: Ctrl-C cancels it, and what it printed arrives", async () => {
    const json = '{"type":"exec","command":"x"}';
    const result = await readLate([process.execPath, MAIN, "task", "long", json], {
      env: hubEnv(),
      meanwhile: (child) => child.kill("SIGINT"),
    });
    assert.equal(result.code, 130);
    hasThousand(result.stdout);
    assert.match(result.stderr, /cancelling the task/);
  });
  it("logs --follow: Ctrl-C ends it after a whole line", async () => {
    const result = await readLate([process.execPath, MAIN, "logs", "a", "--follow", "--json"], {
      env: hubEnv(),
      meanwhile: (child) => child.kill("SIGINT"),
    });
    assert.equal(result.code, 130);
    const lines = result.stdout.trimEnd().split("\n");
    const numbers = lines.map((line) => (JSON.parse(line) as { readonly seq: number }).seq);
    assert.deepEqual(numbers, Array.from(numbers.keys()));
  });
  it("up: SIGTERM, and all that is wrong in its files arrives", async () => {
    const result = await readLate([process.execPath, MAIN, "up", "--plain"], {
      env: { ...broken(), VM_AGENT_HOME: join(folder, "home-up") },
      cwd: folder,
      meanwhile: (child) =>
        // Its first line comes before it listens to signals as a hub; both ends are orderly.
        child.kill("SIGTERM"),
    });
    assert.ok(result.code === 0 || result.code === 143, String(result.code));
    assert.equal(result.signal, null);
  });
});

it("process.exit is called in one module of the controller and the dashboards", () => {
  const root = packageRoot();
  const files = ["controller", "ui"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map(
        (file) => `${folder}/${file}`,
      ),
    )
    .filter((file) => /\.tsx?$/.test(file) && !file.includes(".test."))
    // Test programs. The sandbox's own program imports nothing of the controller, and writes synchronously.
    .filter((file) => !/^controller\/(?:e2e|bench|sandbox)\/|\/(?:testing|simulation)\//.test(file));
  assert.ok(files.length > 100);
  const callers = files.filter((file) => readFileSync(join(root, file), "utf8").includes("process.exit("));
  assert.deepEqual(callers, ["controller/base/process/process-end.ts"]);
});
