/** The one error shape: code, cause, whether a retry can help, and the next step. */

import { terminalText } from "./printable.ts";

/** Exit codes of the command line (SPEC section 4). */
export const EXIT = {
  done: 0,
  failed: 1,
  differs: 2,
  held: 3,
  usage: 64,
  invalidFleet: 65,
  unreachable: 69,
} as const;

export interface ErrorParts {
  /** Stable kebab-case word, e.g. `multipass-unreachable`. */
  readonly code: string;
  /** What failed and why, without a final period. */
  readonly message: string;
  /** The next step for a person. */
  readonly next: string;
  /** True: the same call may succeed later without intervention. */
  readonly transient?: boolean;
  readonly exit?: number;
  readonly cause?: unknown;
  /** Details for programs. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export class VmAgentError extends Error {
  readonly code: string;
  readonly next: string;
  readonly transient: boolean;
  readonly exit: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(parts: ErrorParts) {
    // Colours are kept: errors of fleet files bring their own.
    super(terminalText(parts.message), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = "VmAgentError";
    this.code = parts.code;
    this.next = terminalText(parts.next);
    this.transient = parts.transient ?? false;
    this.exit = parts.exit ?? EXIT.failed;
    this.details = parts.details ?? {};
  }
}

/** Any thrown value as a VmAgentError, so that every report has the same three parts. */
export function toVmAgentError(error: unknown): VmAgentError {
  if (error instanceof VmAgentError) return error;
  const e = error instanceof Error ? error : new Error(String(error));
  const errno = (e as NodeJS.ErrnoException).code;
  if (errno === "ENOSPC") {
    return new VmAgentError({
      code: "disk-full",
      message: `the disk is full: ${e.message}`,
      next: "free some space; nothing is lost, work goes on as soon as there is room",
      transient: true,
      cause: e,
    });
  }
  if (errno === "EACCES" || errno === "EPERM") {
    return new VmAgentError({
      code: "permission-denied",
      message: e.message,
      next: "check who owns that path and run vm-agent as that user",
      cause: e,
    });
  }
  return new VmAgentError({
    code: "internal",
    message: e.message,
    next: "run again with VM_AGENT_DEBUG=1 for the stack; if it stays, report it with that output",
    cause: e,
  });
}
