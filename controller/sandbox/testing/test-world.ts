// For tests: a sandbox of its own in a temporary folder, and commands run in it.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { killAll } from "../guest/members.ts";
import type { BootReport, Instance } from "../instances/instance.ts";
import { program, STATE_DIR_VARIABLE } from "../paths.ts";
import { removeTree } from "../instances/remove-tree.ts";

export interface RunOptions {
  readonly stdin?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which the client gets SIGTERM; the exit code is then 124, as timeout(1) has it. */
  readonly killAfter?: number;
  readonly signal?: AbortSignal;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const DEADLINE_MS = 30_000;

export class World {
  /** Temporary folder of this world; the state lies in `state/` below it. */
  readonly home: string;
  readonly state: string;
  readonly env: Readonly<Record<string, string>>;

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.home = realpathSync(mkdtempSync(join(tmpdir(), "vm-agent-sandbox-")));
    this.state = join(this.home, "state");
    mkdirSync(this.state);
    this.env = env;
  }

  /** Runs `multipass ARGS`; a call that does not end within 30 s is killed and gives 124. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const env: NodeJS.ProcessEnv = { ...process.env };
    for (const name of Object.keys(env)) if (/^(VM_AGENT_SANDBOX|MULTIPASS)/.test(name)) delete env[name];
    const child = spawn(process.execPath, [program(dirname(import.meta.dirname), "main"), ...args], {
      cwd: options.cwd ?? this.home,
      env: { ...env, [STATE_DIR_VARIABLE]: this.state, TZ: "UTC", ...this.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => {}).end(options.stdin ?? "");
    let late = false;
    const kill = (): void => {
      late = true;
      child.kill(options.killAfter === undefined ? "SIGKILL" : "SIGTERM");
    };
    const timer = setTimeout(kill, options.killAfter ?? DEADLINE_MS);
    options.signal?.addEventListener("abort", () => child.kill("SIGKILL"));
    const parts = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      parts.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      parts.stderr += text;
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        clearTimeout(timer);
        resolve({ code: late ? 124 : (code ?? -1), ...parts });
      });
    });
  }

  /** Runs a command that must succeed; gives its stdout. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const ran = await this.run(args, options);
    if (ran.code !== 0)
      throw new Error(`multipass ${args.join(" ")}: exit ${ran.code}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  write(name: string, text: string): string {
    const path = join(this.home, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** A file of a guest, or undefined. */
  guestFile(instance: string, path: string): string | undefined {
    try {
      return readFileSync(join(this.state, "instances", instance, "root", path), "utf8");
    } catch {
      return undefined;
    }
  }

  /** The phase that an instance's boot reports, "given up" once the daemon waits no longer, and "up" when the guest answers after that. */
  bootPhase(instance: string): string | undefined {
    const path = join(this.state, "instances", instance, "boot.json");
    const { id, phase, up, gaveUp } = JSON.parse(readFileSync(path, "utf8")) as BootReport;
    if (id !== this.record(instance).boot?.id) return undefined;
    if (gaveUp) return up ? "up" : "given up";
    return phase;
  }

  /** How many instances' boots are in a phase. */
  instancesIn(phase: string): number {
    return this.#names().filter((name) => {
      try {
        return this.bootPhase(name) === phase;
      } catch {
        return false;
      }
    }).length;
  }

  #names(): readonly string[] {
    try {
      return readdirSync(join(this.state, "instances"));
    } catch {
      return []; // Nothing was ever launched here.
    }
  }

  record(instance: string): Instance {
    return JSON.parse(
      readFileSync(join(this.state, "instances", instance, "state.json"), "utf8"),
    ) as Instance;
  }

  /** Ends everything that still runs and removes the folder. */
  async close(): Promise<void> {
    for (const name of this.#names()) {
      try {
        const { boot } = this.record(name);
        if (boot) killAll(boot);
      } catch {
        // No record yet.
      }
    }
    removeTree(this.home);
  }
}

/** Waits for a condition, within a deadline. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  within = 60_000,
): Promise<void> {
  for (const deadline = Date.now() + within; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`still not so after ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
