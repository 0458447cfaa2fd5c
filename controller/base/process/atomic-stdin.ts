/**
 * Atomic standard input: a helper reads the whole input before it starts the program, and survives if we are killed.
 * Written straight into a program's standard input, an input ends wherever a `kill -9` hits us, and the program takes
 * that for its end: `multipass launch` creates an instance with half of the user data, or with none (CONTRACT section
 * 8).
 */
import { randomBytes } from "node:crypto";
import type { ExecResult } from "./exec-result.ts";

/**
 * For any POSIX shell, whose variable holds the input; it is constant, and the program's words are positional
 * parameters, so none is ever read as shell text. The program's standard input is a pipe: a confined program may be
 * denied other processes' sockets and files, but not a pipe.
 */
const HELPER = `end=$1
shift
case $1 in
  */*) if [ ! -e "$1" ]; then printf '%s:missing\\n' "$end" >&2; exit 127; fi
       if [ ! -x "$1" ] || [ -d "$1" ]; then printf '%s:denied\\n' "$end" >&2; exit 126; fi ;;
  *) command -v "$1" > /dev/null || { printf '%s:missing\\n' "$end" >&2; exit 127; } ;;
esac
input=$(PATH="\${PATH:-}:/bin:/usr/bin" cat)
whole=\${input%"$end"}
[ "$whole" != "$input" ] || { printf '%s:cut\\n' "$end" >&2; exit 125; }
printf '%s' "$whole" 2> /dev/null | "$@"`;

export interface WholeInput {
  readonly file: string;
  readonly args: readonly string[];
  readonly input: string;
  /** The same result as without a helper. */
  readonly result: (result: ExecResult) => ExecResult;
}

/** `input`: text without NUL, which no shell can hold. */
export function atomicStdin(file: string, args: readonly string[], input: string): WholeInput {
  if (input.includes("\0")) throw new Error("an input that is handed over whole holds a NUL");
  // Random for each call, so that no input ends with it by accident; no secret.
  const end = `end-${randomBytes(18).toString("hex")}`;
  return {
    file: "/bin/sh",
    args: ["-c", HELPER, "sh", end, file, ...args],
    input: input + end,
    result: (result) => {
      const said = new RegExp(`^${end}:(missing|denied|cut)\\n`, "m").exec(result.stderr)?.[1];
      const argv = [file, ...args];
      if (said === "missing" || said === "denied") {
        const code = said === "missing" ? "ENOENT" : "EACCES";
        const spawnError = { code, message: `${file} cannot be started (${code})` };
        return { ...result, argv, exitCode: null, stderr: "", spawnError };
      }
      // A shell reports a signal as 128 plus its number.
      const signalled = result.exitCode !== null && result.exitCode > 128 && result.exitCode < 160;
      return { ...result, argv, exitCode: signalled || said === "cut" ? null : result.exitCode };
    },
  };
}
