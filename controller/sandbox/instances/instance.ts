// What is known of one instance, and the state that follows from it.
import { join } from "node:path";
import { Refusal } from "../failure.ts";
import type { GuestFault } from "../faults.ts";
import { readJson, writeJson } from "../files.ts";
import { instanceDir } from "../paths.ts";
import { lives, type ProcessMark } from "../processes.ts";

export type State =
  | "Running"
  | "Stopped"
  | "Deleted"
  | "Starting"
  | "Restarting"
  | "Delayed Shutdown"
  | "Suspending"
  | "Suspended"
  | "Unknown";

export interface Mount {
  readonly source: string;
  readonly uids: readonly string[];
  readonly gids: readonly string[];
  readonly kind: "classic" | "native";
}

export interface Sizes {
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes. */
  readonly disk: number;
}

export interface Snapshot extends Sizes {
  readonly name: string;
  readonly comment: string;
  readonly parent: string;
  /** ISO 8601. */
  readonly created: string;
  readonly index: number;
  readonly mounts: Readonly<Record<string, Mount>>;
}

/** What a boot is to do; its process reads this from the instance's record. */
export interface Boot {
  readonly id: string;
  readonly process: ProcessMark;
  readonly kind: "launch" | "start" | "restart";
  /** Milliseconds after which the daemon gives up waiting and leaves the state Unknown. */
  readonly patience: number;
  readonly fault?: "never-answers" | "crashes";
  /** Milliseconds that it takes longer. */
  readonly delay?: number;
}

/** What is wrong in the guest itself. Without isolation there is no network of its own to lack. */
export interface Broken {
  readonly fault: GuestFault;
  readonly message: string;
}

/** `state.json`: written only by who holds the daemon's lock. */
export interface Instance extends Sizes {
  readonly name: string;
  readonly image: { readonly title: string; readonly hash: string; readonly custom: boolean };
  readonly power: "off" | "on" | "suspended";
  readonly deleted: boolean;
  readonly boot: Boot | null;
  readonly address: string;
  readonly addressLost: boolean;
  readonly created: string;
  readonly mounts: Readonly<Record<string, Mount>>;
  readonly snapshots: readonly Snapshot[];
  readonly snapshotsTaken: number;
  readonly clonesMade: number;
  /** The snapshot that the next one descends from. */
  readonly head: string;
  /** Milliseconds of the epoch. */
  readonly shutdownAt: number | null;
  readonly broken?: Broken;
}

/** `boot.json`: written only by the boot's own process. */
export interface BootReport {
  readonly id: string;
  readonly phase: "preparing" | "starting" | "unknown" | "restarting" | "running";
  /** ssh answers; in phase "unknown" this may well be so. */
  readonly up: boolean;
  /** cloud-init has finished. */
  readonly finished: boolean;
  /** The daemon stopped waiting: the phase stays as it is. */
  readonly gaveUp: boolean;
}

const record = (name: string): string => join(instanceDir(name), "state.json");
export const reportFile = (directory: string): string => join(directory, "boot.json");

export function readInstance(name: string): Instance | undefined {
  return readJson<Instance>(record(name));
}

export function saveInstance(instance: Instance): void {
  writeJson(record(instance.name), instance);
}

/** Changes some fields of a record and saves it. */
export function update(instance: Instance, change: Partial<Instance>): Instance {
  const next = { ...instance, ...change };
  saveInstance(next);
  return next;
}

/** The report of the present boot; an earlier boot's report counts for nothing. */
export function bootReport(instance: Instance): BootReport | undefined {
  if (!instance.boot) return undefined;
  const report = readJson<BootReport>(reportFile(instanceDir(instance.name)));
  return report?.id === instance.boot.id ? report : undefined;
}

const PHASES = {
  preparing: "Starting",
  starting: "Starting",
  unknown: "Unknown",
  restarting: "Restarting",
  running: "Running",
} as const satisfies Record<BootReport["phase"], State>;

/** The state, deletion aside; a boot whose process is gone is a stopped instance. */
export function powerState(instance: Instance): State {
  if (instance.power === "off" || !instance.boot || !lives(instance.boot.process)) return "Stopped";
  if (instance.power === "suspended") return "Suspended";
  const phase = bootReport(instance)?.phase ?? (instance.boot.kind === "restart" ? "restarting" : "starting");
  if (phase === "running" && instance.shutdownAt !== null) return "Delayed Shutdown";
  return PHASES[phase];
}

/** Refuses what only a stopped instance may undergo; a suspended one is not stopped. */
export function requireOff(instance: Instance, refusal: string): void {
  if (powerState(instance) !== "Stopped") throw new Refusal(refusal);
}

export function stateOf(instance: Instance): State {
  return instance.deleted ? "Deleted" : powerState(instance);
}

/** A launch that has not got as far as a virtual machine: "preparing", or "failed" when its process died on the way. */
export function preparation(instance: Instance): "preparing" | "failed" | undefined {
  if (instance.boot?.kind !== "launch" || instance.power !== "on") return undefined;
  const phase = bootReport(instance)?.phase ?? "preparing";
  if (phase !== "preparing") return undefined;
  return lives(instance.boot.process) ? "preparing" : "failed";
}
