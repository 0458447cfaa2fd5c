// Runs one program of a client in a guest, with the client's own stdin, stdout and stderr.
import { spawn } from "node:child_process";
import type { Instance } from "../instances/instance.ts";
import type { Isolation } from "./isolation.ts";
import { guestProgram, UBUNTU } from "./program.ts";
import { withTerminal } from "./terminal.ts";

/** What a command that a signal ended gives. */
const SIGNALLED = 255;

/**
 * bubblewrap tells a death by signal N as exit 128+N, which a program may also choose. The signals that kill without the program's doing
 * are taken for what they most likely are.
 */
const DEADLY: ReadonlySet<number> = new Set([128 + 6, 128 + 9, 128 + 11, 128 + 15]);

/** The exit code. */
export function runInGuest(
  instance: Instance,
  isolation: Isolation,
  argv: readonly string[],
): Promise<number> {
  const keepTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const program = guestProgram(instance, isolation, { argv, user: UBUNTU, keepTerminal });
  const caged = keepTerminal && isolation.bwrap !== undefined;
  const { file, args, env, cwd } = caged ? withTerminal(program) : program;
  process.umask(0o022);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, cwd, stdio: "inherit" });
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => child.kill(name));
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      const killed = signal !== null || (isolation.bwrap !== undefined && DEADLY.has(code ?? 0));
      resolve(killed ? SIGNALLED : (code ?? 1));
    });
  });
}
