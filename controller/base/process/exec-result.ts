/** Result of a program. */
export interface ExecResult {
  readonly argv: readonly string[];
  /** null: killed by a signal, or never started. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
  /** Our deadline passed and the group was killed. */
  readonly timedOut: boolean;
  /** The caller's signal fired and the group was killed. */
  readonly aborted: boolean;
  /** A stream exceeded `maxOutputBytes`; its beginning is kept. */
  readonly truncated: boolean;
  /** The program could not be started: `code` as of errno, e.g. ENOENT. */
  readonly spawnError?: { readonly code: string; readonly message: string };
}
