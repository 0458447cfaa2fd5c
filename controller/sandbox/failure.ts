// How a command ends early: with an exit code and the exact text that Multipass prints.

export class Exit extends Error {
  readonly code: number;
  readonly stderr: string;
  readonly stdout: string;

  constructor(code: number, stderr = "", stdout = "") {
    super(stderr || stdout || `exit ${code}`);
    this.code = code;
    this.stderr = stderr;
    this.stdout = stdout;
  }
}

/** A refusal of the daemon: `<command> failed: <message>` on stderr, exit 2. */
export class Refusal extends Error {}

/** Refusals that Multipass collects before it answers carry a common first line. */
export function collected(...messages: readonly string[]): Refusal {
  return new Refusal(`The following errors occurred:\n${messages.join("\n")}`);
}

/** A mistake in the command line: a bare sentence on stderr, exit 1. */
export function usage(sentence: string): Exit {
  return new Exit(1, `${sentence}\n`);
}

/** The client's message for an uncaught exception. */
export function unhandled(what: string): Exit {
  return new Exit(1, `${logLine("client", `Caught an unhandled exception: ${what}`)}\n`);
}

/** One line in the form of the daemon's and the client's logger. */
export function logLine(category: string, text: string): string {
  const stamp = new Date().toISOString().replace("Z", "");
  return `[${stamp}] [error] [${category}] ${text}`;
}

/** The daemon does not answer. */
export class DaemonDown extends Refusal {
  constructor() {
    super("cannot connect to the multipass socket");
  }
}
