// Puts a guest's program on a terminal of its own: what its shell does to the terminal's foreground never reaches ours.
import { spawnSync } from "node:child_process";
import type { Program } from "./program.ts";

/**
 * A shell takes the foreground of its terminal and gives it back to who had it. In a process namespace of its own it cannot name who
 * that was, so whoever called it would be stopped at its next look at the terminal. `script` passes on keys, output, size and exit
 * code, as ssh does for a real instance; where it is missing, the program has our terminal.
 */
export function withTerminal(program: Program): Program {
  const { file, args, env } = program;
  if (!hasScript(env)) return program;
  const line = ["exec", file, ...args].map(quoted).join(" ");
  return { ...program, file: "script", args: ["-qec", line, "/dev/null"] };
}

/** That of util-linux; others take other options. */
function hasScript(env: Readonly<Record<string, string>>): boolean {
  const { status, stdout } = spawnSync("script", ["--version"], { env, encoding: "utf8" });
  return status === 0 && stdout.includes("util-linux");
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
