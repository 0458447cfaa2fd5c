/** For tests: a guest as a folder, and the real bundle as a child process in it. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { buildRuntime, type RuntimeBundle } from "../build.ts";
import { FakeHub, type HubOptions } from "./fake-hub.ts";
import { until } from "./until.ts";

let built: Promise<RuntimeBundle> | null = null;

export function bundle(): Promise<RuntimeBundle> {
  built ??= buildRuntime();
  return built;
}

export class Guest {
  readonly root: string;
  readonly name: string;
  child: ChildProcess | null = null;
  log = "";

  constructor(name: string, port: number) {
    this.name = name;
    this.root = mkdtempSync(join(tmpdir(), "vm-agent-guest-"));
    this.write("/var/lib/cloud/data/instance-id", `${name}\n`);
    const settings = { agent: name, nonce: "nonce-1", joinToken: "join-1", hub: [`127.0.0.1:${port}`], port };
    this.write("/etc/vm-agent/runtime.json", JSON.stringify(settings));
  }

  path(path: string): string {
    return join(this.root, path);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text, { mode: 0o600 });
  }

  read(path: string): string {
    return existsSync(this.path(path)) ? readFileSync(this.path(path), "utf8") : "";
  }

  async start(node: string = process.execPath, nodeArgs: readonly string[] = []): Promise<void> {
    const { file } = await bundle();
    const child = spawn(node, [...nodeArgs, file, "--config", "/etc/vm-agent/runtime.json"], {
      env: { PATH: process.env.PATH, VM_AGENT_GUEST_ROOT: this.root },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data) => (this.log += String(data)));
    this.child = child;
  }

  /** Resolves with the exit code, or the signal's name. */
  async kill(signal: NodeJS.Signals): Promise<number | string> {
    const child = this.child;
    if (child === null) return "not running";
    child.kill(signal);
    await until(() => child.exitCode !== null || child.signalCode !== null, "the runtime's end");
    this.child = null;
    return child.signalCode ?? child.exitCode ?? -1;
  }

  /** Resident memory in kB; 0 where there is no /proc. */
  rss(): number {
    const status = `/proc/${this.child?.pid}/status`;
    if (!existsSync(status)) return 0;
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, "utf8"))?.[1]);
  }
}

export interface World {
  readonly hub: FakeHub;
  readonly guest: Guest;
}

let count = 0;

/** A hub and a runtime that has said hello; both end with the test, and nothing of the guest's folder is left. */
export async function world(t: TestContext, options: HubOptions = {}, node?: string): Promise<World> {
  count += 1;
  const hub = new FakeHub(options);
  await hub.start();
  const guest = new Guest(`agent-${process.pid}-${count}`, hub.port);
  t.after(async () => {
    await guest.kill("SIGKILL");
    await hub.stop();
    rmSync(guest.root, { recursive: true, force: true });
  });
  await guest.start(node);
  await hub.wait("health");
  return { hub, guest };
}
