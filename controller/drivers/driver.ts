/** The driver port: what the controller needs of a hypervisor. Small, idempotent, with three-valued observation. */
import type { Host, InstanceState, Mount, ObservedInstance, ObservedSnapshot, Size } from "../core/types.ts";

/** What this driver can do; asked before use. */
export interface Capabilities {
  readonly suspend: boolean;
  readonly resize: boolean;
  readonly mounts: boolean;
  readonly snapshots: boolean;
}

export interface DriverInfo {
  /** `multipass` or `sandbox`. */
  readonly name: string;
  /** Version of the daemon, or of the client when the daemon did not answer. */
  readonly version: string;
  readonly daemonAnswers: boolean;
  /** True: not a virtual machine; every view says so. */
  readonly sandbox: boolean;
}

/**
 * A trustworthy list, or the reason why instances are unobservable. `list --no-ipv4`: safe at any time (CONTRACT
 * section 16).
 */
export type Observation =
  | { readonly kind: "seen"; readonly instances: readonly ObservedInstance[] }
  | { readonly kind: "unobservable"; readonly reason: string; readonly next: string };

/** One image that `find` offers under a name. */
export interface FoundImage {
  /** `Ubuntu`. */
  readonly os: string;
  /** `24.04 LTS`. */
  readonly release: string;
  /** Empty: the default remote. */
  readonly remote: string;
}

export interface LaunchSpec {
  readonly name: string;
  readonly image?: string;
  readonly size: Size;
  /** Seconds that the daemon waits in each phase (CONTRACT section 8). */
  readonly timeoutSeconds: number;
}

/**
 * All calls reject with VmAgentError, codes below, and are idempotent: starting what runs, taking a snapshot that
 * exists and removing what is gone succeed; launching what exists rejects with `instance-exists`, because only the
 * caller knows who owns it. No call decides anything; callers have checked ownership. Codes: `driver-missing` (no
 * executable), `driver-unreachable` (daemon), `driver-denied` (socket, authentication), `driver-timeout` (our deadline,
 * process group killed), `instance-exists`, `instance-preparing`, `instance-missing`, `instance-deleted`,
 * `launch-timeout` (the instance may exist), `launch-refused` (nothing was left behind), `host-full`, `not-stopped`,
 * `image-unknown`, `driver-failed` (anything else, with its stderr). Finer ones: `driver-cancelled` (the caller's
 * signal), `start-timeout` (state Unknown stays), `not-running`, `wrong-state` (starting, suspending, Unknown),
 * `resize-refused`, `snapshot-missing`, `mount-refused`, `invalid-argument` (never reached Multipass).
 */
export interface Driver {
  readonly can: Capabilities;
  info(signal?: AbortSignal): Promise<DriverInfo>;
  list(signal?: AbortSignal): Promise<Observation>;
  /** Configured size, from `get local.NAME.*`. */
  size(name: string, signal?: AbortSignal): Promise<Size>;
  /**
   * The reading of `size` for an instance configured with `size`: Multipass prints one decimal only, so 1280M shows as
   * 1.2GiB.
   */
  shownSize?(size: Size): Size;
  /**
   * Mounts from `info NAME`. Looks into a running guest: only for one that is stopped or known to answer (CONTRACT
   * section 16).
   */
  mounts?(name: string, signal?: AbortSignal): Promise<readonly Mount[]>;
  /** Resolves an image name, by `find`; needs the network. Empty: no image has that name. */
  find?(image: string, signal?: AbortSignal): Promise<readonly FoundImage[]>;
  /** SHA-256 of the instance's image, from `info NAME`; same condition as `mounts`. */
  imageHash?(name: string, signal?: AbortSignal): Promise<string>;
  /** Snapshots of all instances by `list --snapshots`; never looks into guests. */
  snapshots(signal?: AbortSignal): Promise<ReadonlyMap<string, readonly ObservedSnapshot[]>>;
  /** `userData` is passed by standard input. `onProgress` receives Multipass's messages ("Retrieving image: 41%"). */
  launch(
    spec: LaunchSpec,
    userData: string,
    onProgress?: (text: string) => void,
    signal?: AbortSignal,
  ): Promise<void>;
  start(name: string, signal?: AbortSignal): Promise<void>;
  /** `force`: for any state but Running and Stopped (CONTRACT section 9). */
  stop(name: string, options: { readonly force: boolean }, signal?: AbortSignal): Promise<void>;
  suspend(name: string, signal?: AbortSignal): Promise<void>;
  /** Recovers a soft-deleted instance. */
  recover(name: string, signal?: AbortSignal): Promise<void>;
  /** Stopped instances only. memory and disk in bytes. */
  resize(name: string, field: "cpu" | "memory" | "disk", value: number, signal?: AbortSignal): Promise<void>;
  snapshot(name: string, snapshot: string, comment: string, signal?: AbortSignal): Promise<void>;
  removeSnapshot(name: string, snapshot: string, signal?: AbortSignal): Promise<void>;
  restore(name: string, snapshot: string, signal?: AbortSignal): Promise<void>;
  mount(name: string, mount: Mount, signal?: AbortSignal): Promise<void>;
  unmount(name: string, target: string, signal?: AbortSignal): Promise<void>;
  /** `delete --purge NAME`; never `purge`. */
  remove(name: string, signal?: AbortSignal): Promise<void>;
  /**
   * Runs a command in a Running instance, wrapped so that the guest's exit code cannot be confused with Multipass's.
   * Refuses (`not-running`) unless `state` is Running, because `exec` would start a stopped instance. `input`: its
   * standard input, visible in no list of processes and no event.
   */
  exec(
    name: string,
    state: InstanceState,
    argv: readonly string[],
    signal?: AbortSignal,
    input?: string,
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>;
  host?(): Promise<Host>;
}
