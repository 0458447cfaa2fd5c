/** Calls of the Multipass under test that the suite makes itself, beside those of vm-agent: each with a deadline, none of them rejects. */
import { run } from "../../base/process/exec.ts";
import type { ExecResult } from "../../base/process/exec-result.ts";
import type { Target } from "./target.ts";

export type Call = (args: readonly string[], deadlineMs?: number) => Promise<ExecResult>;

/** A look waits for whatever the daemon is busy with, up to 300 s. */
const DEADLINE = 330_000;

export function createCall({ executable }: Pick<Target, "executable">): Call {
  return (args, deadlineMs = DEADLINE) =>
    run(executable.file, [...executable.args, ...args], { deadlineMs, env: executable.env ?? {} });
}

/** name → state of every instance, ours or not. Looks into no guest. */
export async function listed(call: Call): Promise<Readonly<Record<string, string>>> {
  const { exitCode, stdout, stderr, timedOut } = await call(["list", "--no-ipv4", "--format", "json"]);
  if (exitCode !== 0) throw new Error(`multipass list: ${timedOut ? "no answer" : stderr || stdout}`);
  const { list } = JSON.parse(stdout) as { list: readonly { name: string; state: string }[] };
  return Object.fromEntries(list.map(({ name, state }) => [name, state]).sort());
}

/**
 * For a suite that was interrupted: removes these, and keeps checking for a while, because a launch that was begun is
 * not listed before its image is ready, and nothing stops it. Resolves with the remaining names; null: unknown.
 */
export async function removeAll(
  call: Call,
  names: readonly string[],
  quietMs: number,
): Promise<readonly string[] | null> {
  let quietSince = Date.now();
  let left: readonly string[] | null = null;
  for (;;) {
    try {
      const present = Object.keys(await listed(call));
      left = names.filter((name) => present.includes(name));
    } catch {
      left = null;
    }
    for (const name of left ?? []) {
      const { exitCode } = await call(["delete", "--purge", name]);
      if (exitCode !== 0) continue;
      quietSince = Date.now();
      left = (left ?? []).filter((other) => other !== name);
    }
    if (Date.now() - quietSince >= quietMs) break;
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000, quietMs / 4)));
  }
  return left;
}
