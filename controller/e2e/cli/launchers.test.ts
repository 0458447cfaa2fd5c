/** What lies between a person and the hub (npm, npx, a shell) passes on its end: no signal is swallowed, and no hub is orphaned. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { packageRoot } from "../../base/paths.ts";
import { createFixture, until } from "../support/harness.ts";

const root = packageRoot();
const fixture = await createFixture({});
after(() => fixture.close());

const LAUNCHERS: Readonly<Record<string, readonly string[]>> = {
  "the command of the checkout": [join(root, "node_modules", ".bin", "vm-agent"), "up", "--plain"],
  "npx vm-agent": ["npx", "vm-agent", "up", "--plain"],
  "npm start": ["npm", "start", "--", "--plain"],
};

/** SIGINT is left out for npx: its shell waits for the command, which gets a Ctrl-C from the terminal itself. */
const ROUNDS: readonly (readonly [string, NodeJS.Signals])[] = [
  ["the command of the checkout", "SIGTERM"],
  ["the command of the checkout", "SIGINT"],
  ["the command of the checkout", "SIGHUP"],
  ["npx vm-agent", "SIGTERM"],
  ["npx vm-agent", "SIGHUP"],
  ["npx vm-agent", "SIGKILL"],
  ["npm start", "SIGTERM"],
  ["npm start", "SIGINT"],
  ["npm start", "SIGKILL"],
];

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

for (const [launcher, signal] of ROUNDS)
  test(`${launcher}: ${signal} ends the hub, which says so`, async () => {
    const [file = "", ...args] = LAUNCHERS[launcher] ?? [];
    const child: ChildProcess = spawn(file, args, {
      cwd: root,
      env: { ...fixture.env, PATH: [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (d: Buffer) => (printed += d.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    const hub = await until(
      "the hub is ready",
      () => {
        const file = join(fixture.home, "hub.json");
        if (!printed.includes("dashboard http") || !existsSync(file)) return null;
        return (JSON.parse(readFileSync(file, "utf8")) as { pid: number }).pid;
      },
      120_000,
    ).catch((error: unknown) => assert.fail(`${error}\n${printed}`));
    try {
      if (launcher === "the command of the checkout") assert.equal(hub, child.pid, "one process");
      child.kill(signal);
      await until("the hub has ended", () => !lives(hub), 120_000);
    } finally {
      if (lives(hub)) process.kill(hub, "SIGKILL");
    }
    const code = await ended;
    assert.match(printed, /stopping; the agents stay as they are/);
    if (launcher === "the command of the checkout") assert.equal(code, 0);
  });
