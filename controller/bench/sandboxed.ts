/** A fleet in the sandbox for the benchmarks: folders of its own, a system in this process, and bare calls of the same executable. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../base/process/exec.ts";
import { readSettings, type Settings } from "../base/env.ts";
import { createSystem, type System } from "../cli/system/system.ts";
import { sandboxExecutable } from "../drivers/select.ts";
import { createFixture, type Fixture } from "../e2e/support/harness.ts";

export interface Sandboxed {
  readonly fixture: Fixture;
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Hub and loop in this process; not started. */
  system(): Promise<System>;
  /** Ends every instance and removes the folders. */
  close(): Promise<void>;
}

export async function sandboxed(files: Readonly<Record<string, string>>): Promise<Sandboxed> {
  const fixture = await createFixture(files);
  const { env } = fixture;
  const settings = readSettings({}, env, fixture.folder);
  const onError = (error: unknown) => void process.stderr.write(`${String(error)}\n`);
  return {
    fixture,
    settings,
    env,
    system: () => createSystem(settings, { command: "bench", env, watch: false, onError }),
    close: () => fixture.close(),
  };
}

export async function converge(system: System): Promise<void> {
  system.loop.start();
  await system.loop.settled(AbortSignal.timeout(300_000));
}

/** Gives `work` a fleet that is in sync, with nothing running over it. */
export async function converged<T>(
  files: Readonly<Record<string, string>>,
  work: (world: Sandboxed) => Promise<T>,
): Promise<T> {
  const world = await sandboxed(files);
  try {
    const system = await world.system();
    try {
      await converge(system);
    } finally {
      await system.stop();
    }
    return await work(world);
  } finally {
    await world.close();
  }
}

/** `multipass list` as `plan` asks it: arguments for Node, and the environment. */
export function listCall({ settings, env }: Sandboxed) {
  const { args, env: more } = sandboxExecutable(settings.home, env);
  return { args: [...args, "list", "--no-ipv4", "--format", "json"], env: { ...env, ...more } };
}

/** `multipass ARGS` of this system, spawned as the driver does it. Rejects unless it exits with 0. */
export async function bare(system: System, args: readonly string[], input?: string): Promise<string> {
  const { file, args: first, env } = system.selection.executable;
  const result = await run(file, [...first, ...args], {
    ...(env && { env }),
    ...(input !== undefined && { input }),
  });
  if (result.exitCode !== 0) throw new Error(`multipass ${args.join(" ")}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** Calls of the sandbox's command line so far. */
export function callsOf(fixture: Fixture): number {
  return readFileSync(join(fixture.home, "sandbox", "calls.jsonl"), "utf8")
    .trim()
    .split("\n").length;
}
