/** Classifies a failed call of Multipass: exit code and wording to code, cause and next step. Pure. */

/** The codes of `driver.ts`. */
export type FailureCode =
  | "driver-missing"
  | "driver-unreachable"
  | "driver-denied"
  | "driver-timeout"
  | "driver-cancelled"
  | "driver-failed"
  | "instance-exists"
  | "instance-preparing"
  | "instance-missing"
  | "instance-deleted"
  | "host-full"
  | "launch-timeout"
  | "launch-failed"
  | "launch-refused"
  | "start-timeout"
  | "image-unknown"
  | "not-stopped"
  | "not-running"
  | "wrong-state"
  | "resize-refused"
  | "snapshot-exists"
  | "snapshot-missing"
  | "already-mounted"
  | "not-mounted"
  | "mount-refused";

export interface Failure {
  readonly code: FailureCode;
  /** The daemon's message, one line or more, without `<command> failed: ` and without log lines. */
  readonly message: string;
  readonly next: string;
  readonly transient: boolean;
}

/** Data of a finished call. */
export interface Outcome {
  /** Canonical command word, e.g. `launch`. */
  readonly command: string;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Rule = readonly [
  pattern: RegExp,
  code: FailureCode,
  next: string,
  options?: { readonly only?: readonly string[]; readonly transient?: boolean },
];

const LOOK = "look at the instance with `vm-agent multipass info NAME`";
const DAEMON =
  "start the Multipass daemon (Linux: `snap start multipass`, macOS: open Multipass), then try again; `vm-agent doctor` checks it";

/** First match wins, so specific rows come before general ones. Wordings: CONTRACT sections 2 and 7 to 11. */
const RULES: readonly Rule[] = [
  [/cannot connect to the multipass socket/i, "driver-unreachable", DAEMON, { transient: true }],
  [/multipass_root_cert\.pem/, "driver-unreachable", DAEMON, { transient: true }],
  [/socket closed|connection reset by peer|broken pipe/i, "driver-unreachable", DAEMON, { transient: true }],
  [
    /missing port number in address|in address '/,
    "driver-unreachable",
    "correct or unset MULTIPASS_SERVER_ADDRESS: it takes unix:/path or host:port",
  ],
  [
    /multipass socket access denied/i,
    "driver-denied",
    "run vm-agent as a user who may open the Multipass socket (Linux: a member of the group that owns it)",
  ],
  [
    /client is not authenticated/i,
    "driver-denied",
    "run `multipass authenticate` as the user and with the HOME that vm-agent runs with",
  ],
  [
    /is being prepared/,
    "instance-preparing",
    "wait: an earlier launch of this name is still fetching its image",
    { transient: true },
  ],
  [/Snapshot already exists/, "snapshot-exists", "choose another snapshot name, or delete that snapshot"],
  [/No such snapshot/, "snapshot-missing", "list the snapshots with `vm-agent multipass list --snapshots`"],
  [
    /instance "[^"]*" already exists/,
    "instance-exists",
    "adopt it with `vm-agent import NAME`, choose another name, or delete it (a deleted one still holds its name)",
  ],
  [
    /instance ["'][^"']*["'] does not exist|Instance '[^']*' does not exist|No such instance/,
    "instance-missing",
    "check the name with `vm-agent multipass list`",
  ],
  [
    /instance ["'][^"']*["'] is deleted|Instance '[^']*' is deleted|Instance is deleted|snapshots of deleted instances/,
    "instance-deleted",
    "bring it back with `vm-agent multipass recover NAME`, or remove it with `delete --purge NAME`",
  ],
  [
    /Unable to find an image matching|Remote '[^']*' is not found|Custom image `[^`]*` does not exist/,
    "image-unknown",
    "choose one of `vm-agent multipass find`, or a file:// that the Multipass daemon can read (a snap: below /home, in no hidden folder)",
  ],
  [
    /Remote "[^"]*" is unknown or unreachable/,
    "launch-refused",
    "Multipass reaches no image host, so nothing was created; check the network of its daemon. It is tried again by itself",
    { only: ["launch"], transient: true },
  ],
  [
    /Cannot get image info: qemu-img failed|Failed to get shared "write" lock/,
    "launch-refused",
    "Multipass read the disk of another running instance of the same image file, so nothing was created; it is tried again by itself. If it stays, give each agent a copy of the file",
    { only: ["launch"], transient: true },
  ],
  [
    /below minimum for this image/,
    "launch-refused",
    "write a larger disk. With an image by file:// the minimum may be that of another instance of the same file, whose disk was grown: then `vm-agent reconcile NAME` tries again. Nothing was created",
    { only: ["launch"] },
  ],
  [
    /failed to download|Hash of .* does not match/,
    "launch-refused",
    "check the network of the Multipass daemon; the download is tried again",
    { only: ["launch"], transient: true },
  ],
  [
    /failed to download|Remote "[^"]*" is unknown or unreachable/,
    "driver-failed",
    "check the network of the Multipass daemon",
    { only: ["find"], transient: true },
  ],
  [
    /no space left on device/i,
    "host-full",
    "make room on the disk where Multipass keeps its instances, then `vm-agent apply` or `vm-agent reconcile`",
  ],
  [
    /Timed out waiting for instance launch|timed out waiting for (?:response|initialization to complete)/,
    "launch-timeout",
    `the instance exists and may still come up: ${LOOK}; a larger launch timeout helps slow machines`,
    { only: ["launch"], transient: true },
  ],
  [
    /Timed out waiting for instance to start|timed out waiting for (?:response|initialization to complete)/,
    "start-timeout",
    "the instance may be left in state Unknown, in which it cannot be started: vm-agent multipass stop --force NAME, then vm-agent multipass start NAME",
    { transient: true },
  ],
  [
    /can only (?:take snapshots of|restore snapshots of|clone) stopped instances|must be stopped for modification|Please stop the instance/,
    "not-stopped",
    "stop the instance first",
  ],
  [
    /in unknown state|is not running|scheduled to shut down in less than/,
    "not-running",
    "start the instance first, or wait until it runs",
  ],
  [
    /in an unknown state|Cannot (?:shut down|start) .*while (?:starting|suspending|restarting)|Cannot shut down suspended instance/,
    "wrong-state",
    "stop it with force, or wait until it has left that state",
    { transient: true },
  ],
  [
    /Invalid setting|Unrecognized settings key|Disk can only be expanded/,
    "resize-refused",
    "a disk can only grow; memory is at least 128M, cpus at least 1",
    { only: ["set"] },
  ],
  [/is already mounted/, "already-mounted", "unmount it first"],
  [/is not mounted/, "not-mounted", "nothing to do: it is not mounted"],
  [
    /Snap support needs to be installed|install `sshfs`/,
    "mount-refused",
    "the guest lacks sshfs: install it there, by `provision: {packages: [sshfs]}` or by hand (snapd is not needed); then it is mounted by itself",
    { only: ["mount"] },
  ],
  [
    /Source path .* does not exist|unable to mount to|error mounting|Invalid [UG]ID map/,
    "mount-refused",
    "check the source folder (a snap sees what is below /home, in no hidden folder) and the target; / /dev /proc /sys /home cannot be targets",
    { only: ["mount"] },
  ],
  [
    /Invalid arguments supplied|Missing bridges|bridged-network|Could not load cloud-init|not a valid memory size/,
    "launch-refused",
    "correct size, name, image or provisioning of the agent; nothing was created",
    { only: ["launch"] },
  ],
];

/** null when the call succeeded: exit code 0, whatever standard error holds (CONTRACT section 1). */
export function classify(outcome: Outcome): Failure | null {
  if (outcome.exitCode === 0) return null;
  const message = failureText(outcome);
  const { command, exitCode } = outcome;
  for (const [pattern, code, next, options] of RULES) {
    if (options?.only !== undefined && !options.only.includes(command)) continue;
    if (pattern.test(message)) return { code, message, next, transient: options?.transient ?? false };
  }
  // A bare sentence with exit 1 is the client's own check of its arguments: the daemon was not asked (CONTRACT section
  // 1). An unhandled exception may come later, with the instance created already; "refused" would lose it.
  if (
    command === "launch" &&
    exitCode === 1 &&
    !outcome.stderr.includes(UNHANDLED) &&
    outcome.stderr.trim() !== ""
  ) {
    return {
      code: "launch-refused",
      message,
      next: "correct the agent's document; nothing was created",
      transient: false,
    };
  }
  if (command === "launch" && exitCode === 5) {
    return { code: "launch-timeout", message, next: `the instance may exist: ${LOOK}`, transient: true };
  }
  // The daemon reports that the launch is over. What it left, if anything, is listed.
  if (command === "launch" && exitCode === 2 && outcome.stderr.trim() !== "") {
    return {
      code: "launch-failed",
      message,
      next: "read Multipass's own words above; what the launch left, if anything, is started or removed like any other instance",
      transient: false,
    };
  }
  return {
    code: "driver-failed",
    message,
    next: "read Multipass's own words above; `vm-agent doctor` checks the installation",
    // A signal (null), the daemon (3) and "retry" (4) may be transient; a refusal in words is not.
    transient: exitCode === null || exitCode === 3 || exitCode === 4,
  };
}

const LOG_LINE = /^(?:\[[^\]\n]*\] )?\[(?:error|warning|info|debug|trace)\] \[[^\]\n]*\] /;
const UNHANDLED = "Caught an unhandled exception: ";
const JOINED = /^The following errors occurred:\n/;

/**
 * The message of a failure on standard error: the text after `<command> failed: `, without the daemon's log lines,
 * which may come from other clients (CONTRACT section 1), and without the repetition that exec prints.
 */
export function failureText(outcome: Outcome): string {
  const lines = outcome.stderr.split(/\r?\n/);
  const own = lines.filter((line) => !LOG_LINE.test(line));
  const start = own.findIndex((line) => FAILED.test(line));
  if (start >= 0) {
    const rest = own.slice(start + 1);
    const again = rest.findIndex((line) => FAILED.test(line));
    const body = [own[start]!.replace(FAILED, ""), ...(again < 0 ? rest : rest.slice(0, again))];
    return body.join("\n").trim().replace(JOINED, "");
  }
  const plain = own.join("\n").trim();
  if (plain !== "") return plain;
  // Unhandled client exceptions are log lines too, and the only message then.
  const unhandled = lines.find((line) => line.includes(UNHANDLED));
  if (unhandled !== undefined) return unhandled.slice(unhandled.indexOf(UNHANDLED) + UNHANDLED.length).trim();
  const logged = lines.findLast((line) => LOG_LINE.test(line));
  if (logged !== undefined) return logged.replace(LOG_LINE, "").trim();
  return `multipass ${outcome.command} ended with ${outcome.exitCode === null ? "a signal" : `exit code ${outcome.exitCode}`} and no message`;
}

/** The canonical command word, which may differ from the one called: exec may fail in `start` (CONTRACT section 11). */
const FAILED = /^[a-z][a-z-]* failed: /;
