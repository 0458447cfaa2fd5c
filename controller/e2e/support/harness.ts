/** A whole vm-agent for a test: its own fleet and state folders, the sandbox, free ports; everything it starts it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { packageRoot } from "../../base/paths.ts";
import { documentedFetch } from "../../http/testing/documented.ts";
import { type Api, createApi } from "../../../ui/client/api.ts";

/** What people run: the bundle, not the modules that it is made of. */
export const MAIN = join(packageRoot(), "dist", "bin", "vm-agent.cjs");

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Up {
  readonly process: ChildProcess;
  readonly api: Api;
  /** Everything it printed so far. */
  output(): string;
  /** Ends it by this signal and resolves with its exit code (null: the signal's own doing). */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface Fixture {
  readonly folder: string;
  readonly fleet: string;
  readonly home: string;
  /** What every command of it runs with. */
  readonly env: Readonly<Record<string, string | undefined>>;
  write(file: string, content: string): Promise<void>;
  remove(file: string): Promise<void>;
  cli(...args: readonly string[]): Promise<CommandResult>;
  cliWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CommandResult>;
  /** Starts `vm-agent up` and waits until its hub answers. */
  up(env?: Readonly<Record<string, string>>): Promise<Up>;
  /** A command whose output is read while it runs. */
  spawn(...args: readonly string[]): ChildProcess;
  /** Starts it without waiting: for tests of what happens before that. */
  spawnUp(env?: Readonly<Record<string, string>>): ChildProcess;
  multipass(...args: readonly string[]): Promise<CommandResult>;
  /** name → state, as `multipass list` says. */
  states(): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

/** Polls until `check` gives something other than undefined, null or false; fails with `what` and the last error at the deadline. */
export async function until<T>(
  what: string,
  check: () => Promise<T> | T,
  deadlineMs = 30_000,
  pauseMs = 50,
): Promise<NonNullable<T>> {
  const end = Date.now() + deadlineMs;
  let last: unknown = "it was never true";
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== null && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

export interface FixtureOptions {
  /** Where its folder is made. Default: the system's temporary folder. */
  readonly parent?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The instances that are removed at the end. Default: all, because the sandbox is the fixture's own. */
  readonly owns?: (name: string) => boolean;
  /** Milliseconds until the hub must answer. */
  readonly upWithin?: number;
}

export async function createFixture(
  files: Readonly<Record<string, string>>,
  options: FixtureOptions = {},
): Promise<Fixture> {
  const folder = await mkdtemp(join(options.parent ?? tmpdir(), "vm-agent-e2e-"));
  const fleet = join(folder, "fleet");
  const home = join(folder, "home");
  await mkdir(fleet, { recursive: true });
  const children = new Set<ChildProcess>();
  const env: Record<string, string | undefined> = {
    ...process.env,
    VM_AGENT_FLEET: fleet,
    VM_AGENT_HOME: home,
    VM_AGENT_DRIVER: "sandbox",
    VM_AGENT_HTTP_PORT: "0",
    VM_AGENT_WS_PORT: "0",
    VM_AGENT_DASHBOARD_PORT: "0",
    NO_COLOR: "1",
    ...options.env,
  };
  const start = (args: readonly string[], extra: Readonly<Record<string, string>> = {}): ChildProcess => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...env, ...extra },
      stdio: ["ignore", "pipe", "pipe"],
      cwd: folder,
    });
    children.add(child);
    child.on("close", () => children.delete(child));
    return child;
  };
  const finish = (child: ChildProcess): Promise<CommandResult> =>
    new Promise((resolve, reject) => {
      let stdout = "";
      let stderr = "";
      child.stdout?.on("data", (d: Buffer) => (stdout += d.toString()));
      child.stderr?.on("data", (d: Buffer) => (stderr += d.toString()));
      child.on("error", reject);
      child.on("close", (code, signal) =>
        resolve({ code: code ?? 128, stdout, stderr: signal ? `${stderr}[${signal}]` : stderr }),
      );
    });
  const fixture: Fixture = {
    folder,
    fleet,
    home,
    env,
    async write(file, content) {
      const path = join(fleet, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    },
    remove: (file) => rm(join(fleet, file), { recursive: true, force: true }),
    cli: (...args) => finish(start(args)),
    cliWith: (extra, ...args) => finish(start(args, extra)),
    spawn: (...args) => start(args),
    spawnUp: (extra = {}) => start(["up"], extra),
    async up(extra = {}) {
      const child = start(["up"], extra);
      let printed = "";
      child.stdout?.on("data", (d: Buffer) => (printed += d.toString()));
      child.stderr?.on("data", (d: Buffer) => (printed += d.toString()));
      const closed = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
      const api = await until(
        "the hub answers",
        async () => {
          if (child.exitCode !== null)
            throw new Error(`vm-agent up ended with ${child.exitCode}:\n${printed}`);
          const hub = JSON.parse(await readFile(join(home, "hub.json"), "utf8")) as {
            http: string;
            pid: number;
          };
          if (hub.pid !== child.pid) return null;
          const token = (await readFile(join(home, "operator-token"), "utf8")).trim();
          return (await fetch(new URL("/health", hub.http))).ok
            ? createApi({ url: hub.http, token, fetch: documentedFetch as typeof fetch })
            : null;
        },
        options.upWithin ?? 20_000,
      ).catch((error: unknown) => {
        child.kill("SIGKILL");
        throw new Error(`${(error as Error).message}\n${printed}`, { cause: error });
      });
      return {
        process: child,
        api,
        output: () => printed,
        end: (signal = "SIGTERM") => {
          child.kill(signal);
          return closed;
        },
      };
    },
    multipass: (...args) => finish(start(["multipass", ...args])),
    async states() {
      const { stdout } = await fixture.multipass("list", "--no-ipv4", "--format", "json");
      const { list } = JSON.parse(stdout) as { list: readonly { name: string; state: string }[] };
      return Object.fromEntries(list.map((i) => [i.name, i.state]));
    },
    async close() {
      for (const child of children) child.kill("SIGKILL");
      const seen = Object.keys(await fixture.states().catch(() => ({})));
      const names = seen.filter(options.owns ?? (() => true));
      if (names.length > 0) await fixture.multipass("delete", "--purge", ...names);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  for (const [file, content] of Object.entries(files)) await fixture.write(file, content);
  return fixture;
}
