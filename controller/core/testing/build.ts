/** Whole values from the few fields that a test cares about; everything else has the defaults of the fleet files. */
import { desiredView } from "../diff/fields.ts";
import type {
  Claim,
  ConvergedView,
  Desired,
  DesiredAgent,
  DesiredSnapshot,
  FleetSettings,
  InstanceState,
  Observed,
  ObservedInstance,
  Policy,
  RuntimeReading,
} from "../types.ts";

export const NOW = 1_800_000_000_000;
export const MINUTE = 60_000;
export const GRACE = 10 * MINUTE;

/** `4G`, `512M`, a number of bytes. */
export function size(text: string | number): number {
  if (typeof text === "number") return text;
  const unit = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[text.slice(-1)];
  if (unit === undefined) throw new Error(`not a size: ${text}`);
  return Math.round(Number(text.slice(0, -1)) * unit);
}

export interface ShortAgent {
  readonly name: string;
  readonly type?: string;
  readonly cpu?: number;
  readonly memory?: string | number;
  readonly disk?: string | number;
  readonly state?: DesiredAgent["state"];
  readonly image?: string;
  /** Stands for what is pushed live; any word. */
  readonly config?: string;
  /** Stands for the provision block; any word. */
  readonly provision?: string;
  readonly onChange?: "hold" | "rerun" | "replace";
  readonly dependsOn?: readonly string[];
  readonly protect?: boolean;
  readonly paused?: boolean;
  readonly drift?: DesiredAgent["drift"]["mode"];
  readonly ignore?: readonly string[];
  readonly profile?: string;
  readonly mounts?: DesiredAgent["mounts"];
  readonly remediate?: DesiredAgent["health"]["remediate"];
  readonly restore?: DesiredAgent["restore"];
  readonly previousName?: string;
  readonly line?: number;
}

export function agentOf(a: ShortAgent): DesiredAgent {
  return {
    name: a.name,
    document: a.name,
    type: a.type ?? "worker",
    capabilities: [],
    labels: {},
    ...(a.profile !== undefined && { profile: a.profile }),
    ...(a.image !== undefined && { image: a.image }),
    size: { cpu: a.cpu ?? 2, memory: size(a.memory ?? "4G"), disk: size(a.disk ?? "20G") },
    state: a.state ?? "running",
    mounts: a.mounts ?? [],
    env: {},
    secrets: {},
    provision: {
      packages: [],
      files: [],
      run: [],
      onChange: a.onChange ?? "hold",
      hash: a.provision ?? "p1",
    },
    tasks: { concurrency: 1, sudo: false, user: "ubuntu" },
    health: { offlineAfter: 90_000, remediate: a.remediate ?? ["restart-runtime", "restart-instance"] },
    dependsOn: a.dependsOn ?? [],
    protect: a.protect ?? false,
    paused: a.paused ?? false,
    drift: { mode: a.drift ?? "correct", ignore: a.ignore ?? [] },
    configHash: a.config ?? "c1",
    ...(a.restore !== undefined && { restore: a.restore }),
    ...(a.previousName !== undefined && { previousName: a.previousName }),
    source: { file: `agents/${a.name}.yaml`, line: a.line ?? 1, column: 1 },
  };
}

export type ShortSnapshot = Pick<DesiredSnapshot, "name" | "agent"> & Partial<DesiredSnapshot>;

export const snapshotOf = (s: ShortSnapshot): DesiredSnapshot => ({
  comment: "",
  whenRunning: "stop",
  source: { file: "snapshots.yaml", line: 1, column: 1 },
  ...s,
});

export const SETTINGS: FleetSettings = {
  driver: "auto",
  parallelism: 2,
  interval: 30_000,
  prune: false,
  maxDeletes: 1,
  drift: { mode: "correct" },
  limits: {},
  git: { follow: false, interval: 60_000 },
  hub: { advertise: "auto", agentPort: null, httpPort: null, dashboardPort: null },
  notify: [],
};

export function desiredOf(
  agents: readonly ShortAgent[],
  snapshots: readonly ShortSnapshot[] = [],
  settings: Partial<FleetSettings> = {},
  guard?: Desired["guard"],
): Desired {
  return {
    hash: "d0",
    revision: null,
    settings: { ...SETTINGS, ...settings },
    agents: agents.map(agentOf),
    snapshots: snapshots.map(snapshotOf),
    ...(guard && { guard }),
  };
}

/** A claim of an agent that was launched long ago and converged as `view`. */
export function claimOf(name: string, view: ConvergedView | null, more: Partial<Claim> = {}): Claim {
  return {
    name,
    nonce: `nonce-${name}`,
    phase: "launched",
    claimedAt: NOW - 60 * MINUTE,
    bootAt: NOW - 60 * MINUTE,
    image: view?.image ?? null,
    provisionHash: view?.provision ?? "p1",
    runtimeHash: "r1",
    restoreToken: null,
    document: name,
    converged: view,
    proven: view !== null,
    protect: false,
    ...more,
  };
}

export const claimAsDeclared = (agent: DesiredAgent, more: Partial<Claim> = {}): Claim =>
  claimOf(agent.name, desiredView(agent), { protect: agent.protect, document: agent.document, ...more });

export function runtimeOf(name: string, more: Partial<RuntimeReading> = {}): RuntimeReading {
  return {
    agent: name,
    status: "online",
    lastSeen: NOW - 5_000,
    nonce: `nonce-${name}`,
    instanceId: name,
    version: "0.1.0",
    bundleHash: "r1",
    bootId: "boot-1",
    runningTasks: 0,
    queuedTasks: 0,
    configHash: "c1",
    ...more,
  };
}

export function instanceOf(
  name: string,
  state: InstanceState,
  more: Partial<ObservedInstance> = {},
): ObservedInstance {
  return { name, state, release: "24.04 LTS", ipv4: [], ...more };
}

export function observedOf(
  instances: readonly ObservedInstance[] | string,
  claims: readonly Claim[] = [],
  runtimes: readonly RuntimeReading[] = [],
  more: Partial<Observed> = {},
): Observed {
  return {
    at: NOW,
    instances:
      typeof instances === "string"
        ? { kind: "unobservable", reason: instances }
        : { kind: "seen", list: instances },
    claims,
    runtimes,
    vanished: [],
    ...more,
  };
}

export const policyOf = (more: Partial<Policy> = {}): Policy => ({
  actor: "loop",
  allowDelete: [],
  targets: [],
  bootGrace: GRACE,
  ...more,
});
