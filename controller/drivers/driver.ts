/** What the controller needs of a hypervisor: small, idempotent, with three-valued observation. */
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
  /** True: not a virtual machine; every face says so. */
  readonly sandbox: boolean;
}

/** A trustworthy list, or the reason why nothing can be seen. `list --no-ipv4`: safe to ask at any time (CONTRACT section 16). */
export type Observation =
  | { readonly kind: "seen"; readonly instances: readonly ObservedInstance[] }
  | { readonly kind: "unobservable"; readonly reason: string; readonly next: string };

/** One image that `find` offers under a name. */
export interface FoundImage {
  /** `Ubuntu`. */
  readonly os: string;
  /** `24.04 LTS`. */
  readonly release: string;
  /** Empty: the remote that is taken without one. */
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
 * All calls reject with VmAgentError, codes below, and are idempotent: starting what runs, taking a snapshot that exists and
 * removing what is gone succeed; launching what exists is told as `instance-exists`, because only the caller knows whether it
 * is ours. None decides anything; callers have checked ownership.
 *
 * Codes: `driver-missing` (no executable), `driver-unreachable` (daemon), `driver-denied` (socket, authentication),
 * `driver-timeout` (our deadline, process group killed), `instance-exists`, `instance-preparing`, `instance-missing`,
 * `instance-deleted`, `launch-timeout` (the instance may exist), `launch-refused` (nothing was left behind), `host-full`,
 * `not-stopped`, `image-unknown`, `driver-failed` (anything else, with its stderr). Finer ones: `driver-cancelled` (the
 * caller's signal), `start-timeout` (state Unknown stays), `not-running`, `wrong-state` (starting, suspending, Unknown),
 * `resize-refused`, `snapshot-missing`, `mount-refused`, `invalid-argument` (never reached Multipass).
 */
export interface Driver {
  readonly can: Capabilities;
  info(signal?: AbortSignal): Promise<DriverInfo>;
  list(signal?: AbortSignal): Promise<Observation>;
  /** Configured size by `get local.NAME.*`. */
  size(name: string, signal?: AbortSignal): Promise<Size>;
  /** What `size` reads back from an instance configured with `size`: Multipass prints one decimal only, so 1280M shows as 1.2GiB. */
  shownSize?(size: Size): Size;
  /** Mounts by `info NAME`. Looks into a running guest: only for one that is stopped or known to answer (CONTRACT section 16). */
  mounts?(name: string, signal?: AbortSignal): Promise<readonly Mount[]>;
  /** What a name of an image stands for, by `find`; it needs the network. None: no image has that name. */
  find?(image: string, signal?: AbortSignal): Promise<readonly FoundImage[]>;
  /** SHA-256 of the image that the instance was made from, by `info NAME`; asked under the same condition as `mounts`. */
  imageHash?(name: string, signal?: AbortSignal): Promise<string>;
  /** Snapshots of all instances by `list --snapshots`; never looks into guests. */
  snapshots(signal?: AbortSignal): Promise<ReadonlyMap<string, readonly ObservedSnapshot[]>>;
  /** `userData` goes in by standard input. `onProgress` gets what Multipass prints ("Retrieving image: 41%"). */
  launch(
    spec: LaunchSpec,
    userData: string,
    onProgress?: (text: string) => void,
    signal?: AbortSignal,
  ): Promise<void>;
  start(name: string, signal?: AbortSignal): Promise<void>;
  /** `force`: for anything that is not Running or Stopped (CONTRACT section 9). */
  stop(name: string, options: { readonly force: boolean }, signal?: AbortSignal): Promise<void>;
  suspend(name: string, signal?: AbortSignal): Promise<void>;
  /** Brings a soft-deleted instance back. */
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
   * Refuses (`not-running`) unless `state` says Running, because `exec` would start a stopped instance. `input`: its
   * standard input, which no list of processes and no event shows.
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
