/**
 * Wraps a command in a guest so that its exit code comes in band and its output is separable from Multipass's own
 * messages.
 */
import { VmAgentError } from "../../base/errors.ts";
import type { ExecResult } from "../../base/process/exec-result.ts";

export interface GuestResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * `exec` returns the guest's exit code and its own in one number space, and may print a spinner first when it has to
 * start the instance after all (CONTRACT section 11). The subshell keeps `exit` and `cd` from ending or moving the
 * wrapper; the command's words are positional parameters, so none is ever read as shell text.
 */
export function wrapGuest(argv: readonly string[], marker: string): readonly string[] {
  const script = `printf '%s:begin\\n' ${marker}; ("$@"); printf '\\n%s:exit:%d\\n' ${marker} $?`;
  return ["sh", "-c", script, "sh", ...argv];
}

/** The command for people: without the wrapper, its random marker and inline scripts. */
export function shownGuest(name: string, argv: readonly string[]) {
  const isScript = (word: string, index: number) => argv[index - 1] === "-c" || word.includes("\n");
  const words = argv.map((word, index) => (isScript(word, index) ? "(script)" : word));
  return { words: `a command inside ${name}`, argv: ["exec", name, "--", ...words] };
}

/** The end of a stream, which holds the closing marker even when the output before it was truncated. */
export function createTail(length = 4096): {
  readonly add: (text: string) => void;
  readonly text: () => string;
} {
  let tail = "";
  return {
    add: (text) => {
      tail = (tail + text).slice(-length);
    },
    text: () => tail,
  };
}

/** Rejects a result without the closing marker: the connection broke, so nothing is known of the command. */
export function unwrapGuest(result: ExecResult, tail: string, marker: string): GuestResult {
  const opening = `${marker}:begin\n`;
  const begin = result.stdout.indexOf(opening);
  const body = begin < 0 ? "" : result.stdout.slice(begin + opening.length);
  const closing = new RegExp(`\\n${marker}:exit:(\\d{1,3})\\n`);
  const code = (closing.exec(body) ?? closing.exec(tail))?.[1];
  if (begin < 0 || code === undefined) {
    throw new VmAgentError({
      code: "driver-failed",
      message: "the connection to the guest ended before the command did",
      next: "the command may still run in the guest; look there before running it again",
      transient: true,
    });
  }
  const end = body.search(closing);
  return { exitCode: Number(code), stdout: end < 0 ? body : body.slice(0, end), stderr: result.stderr };
}
