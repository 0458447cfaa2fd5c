/**
 * Runs a program with this terminal's input and output; the terminal's signals reach it directly, others are forwarded.
 */
import { spawn } from "node:child_process";
import { onSignals } from "./process-end.ts";
import { scrubbedEnv } from "./scrubbed-env.ts";

/** Resolves with its exit code; 128 + n for signal n, as shells report it. */
export function handOver(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...args], {
      stdio: "inherit",
      env: { ...process.env, ...scrubbedEnv(), ...env },
    });
    const ignore = () => {};
    process.on("SIGQUIT", ignore);
    const fromTerminal = onSignals(["SIGINT"], ignore);
    const forwarded = onSignals(["SIGTERM", "SIGHUP"], (signal) => void child.kill(signal));
    const done = () => {
      process.off("SIGQUIT", ignore);
      fromTerminal[Symbol.dispose]();
      forwarded[Symbol.dispose]();
    };
    child.on("error", (error) => {
      done();
      reject(error);
    });
    child.on("close", (code, signal) => {
      done();
      resolve(code ?? 128 + (signal === null ? 0 : (SIGNAL_NUMBERS[signal] ?? 0)));
    });
  });
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGTERM: 15,
};
