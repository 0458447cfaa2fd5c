/** The README's tour, read out of the README and typed into one shell, line by line: exit codes and the lines that it promises. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { packageRoot } from "../../base/paths.ts";
import { until } from "./harness.ts";
import { NO_PTY, terminals } from "./pty.ts";

interface Entry {
  readonly command: string;
  readonly exit: number;
  readonly lines: readonly string[];
}

function tour(): readonly Entry[] {
  const readme = readFileSync(join(packageRoot(), "README.md"), "utf8");
  const block = /^## From an empty folder\n[\s\S]*?```console\n([\s\S]*?)```/m.exec(readme)?.[1] ?? "";
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const [first = "", ...lines] = text.trimEnd().split("\n");
      const [command = "", remark = ""] = first.split(/ {4}# /);
      return { command, exit: Number(/exits with (\d+)/.exec(remark)?.[1] ?? 0), lines };
    });
}

/** Seconds differ from run to run, and so do columns. */
const plain = (text: string): string => text.replaceAll(/\d+ s\b/g, "N s").replaceAll(/[ \t]+/g, " ");

/** Types the tour into a shell with that `vm-agent` and `node`, in an empty folder that is removed afterwards. */
export async function runTour(
  t: TestContext,
  program: { readonly bin: string; readonly node: string },
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "vm-agent-tour-"));
  const env = {
    ...process.env,
    PATH: [program.bin, dirname(program.node), process.env.PATH].join(delimiter),
    VM_AGENT_DRIVER: "sandbox",
    VM_AGENT_HTTP_PORT: "0",
    VM_AGENT_WS_PORT: "0",
    VM_AGENT_DASHBOARD_PORT: "0",
    NO_COLOR: "1",
  };
  const stdio = ["pipe", "pipe", "pipe"] as const;
  const bash = spawn("bash", ["--norc"], { cwd: folder, env, stdio: [...stdio], detached: true });
  t.after(async () => {
    // With the hub in its background, which a tour that failed has not ended.
    try {
      process.kill(-(bash.pid ?? 0), "SIGKILL");
    } catch {
      // All of it has ended.
    }
    const names = ["agent-hello", "agent-docs"];
    spawnSync("vm-agent", ["multipass", "delete", "--purge", ...names], { cwd: folder, env });
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const readLog = (): string => {
    const path = join(folder, "up.log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  const entries = tour();
  assert.ok(entries.length >= 10, "the tour is in the README");
  let printed = "";
  for (const stream of [bash.stdout, bash.stderr])
    stream.on("data", (d: Buffer) => (printed += d.toString()));
  const asked = new Set(entries.map(({ command }) => command.split(" ")[1]));
  for (const word of [
    "init",
    "validate",
    "plan",
    "apply",
    "up",
    "task",
    "dash",
    "drift",
    "snapshot",
    "destroy",
  ])
    assert.ok(asked.has(word), `the tour has no ${word}`);
  for (const [i, { command, exit, lines }] of entries.entries()) {
    if (command === "vm-agent dash") {
      const at = { folder, env, program: [join(program.bin, "vm-agent")] };
      await t.test(command, { skip: NO_PTY }, () => inTerminal(lines, at));
      continue;
    }
    await t.test(command, async () => {
      const from = printed.length;
      // exec and task would take the lines that follow for their own standard input.
      bash.stdin.write(`{ ${command}\n} < /dev/null\necho "::${i} $?::"\n`);
      const code = await until(
        `"${command}" ends`,
        () => new RegExp(`::${i} (\\d+)::`).exec(printed.slice(from))?.[1],
        60_000,
      );
      const shown = printed.slice(from);
      assert.equal(Number(code), exit, shown);
      let rest = plain(shown);
      for (const line of lines) {
        const at = rest.indexOf(plain(line));
        assert.ok(at >= 0, `it does not print (any more, or in this order):\n${line}\nbut:\n${shown}`);
        rest = rest.slice(at + plain(line).length);
      }
      // A person takes longer to type the next line than the hub needs to come up.
      if (command.endsWith("&"))
        await until("the agents are in sync", () => /in sync, after/.test(readLog()), 60_000);
    });
  }
  const ended = new Promise((resolve) => bash.on("close", resolve));
  bash.stdin.end("wait\n");
  await ended;
  assert.match(readLog(), /stopping; the agents stay as they are/);
}

/** The dashboard needs a terminal: it draws what the tour promises, and `q` leaves it. */
async function inTerminal(lines: readonly string[], at: Parameters<typeof terminals>[0]): Promise<void> {
  const shells = terminals(at);
  try {
    const dash = shells.open("dash");
    for (const line of lines) await dash.sees(new RegExp(line.trim().split(/\s+/).join("[^\\n]*?")));
    dash.type("q");
    assert.equal(await dash.ended, 0, dash.shown());
  } finally {
    shells.close();
  }
}
