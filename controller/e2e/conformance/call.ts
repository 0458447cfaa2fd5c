/** Calls of the Multipass under test that the suite makes itself, beside those of vm-agent: each with a deadline, none of them rejects. */
import { spawnSync } from "node:child_process";
import { type ExecResult, run } from "../../base/exec.ts";
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

/** For a suite that is interrupted: removes what begins with `prefix`, and waits for that. */
export function removeNow({ executable, prefix }: Target, names: readonly string[]): void {
  for (const name of names.filter((one) => one.startsWith(prefix))) {
    const env = { ...process.env, ...executable.env };
    const args = [...executable.args, "delete", "--purge", name];
    spawnSync(executable.file, args, { env, stdio: "ignore", timeout: 60_000 });
  }
}
