/** Documents to desired state: profiles merged, replicas expanded, defaults filled, sizes in bytes, durations in milliseconds. */
import type {
  AgentDocument,
  FleetDocument,
  ProfileDocument,
  ProvisionBlock,
  SnapshotDocument,
} from "../../schemas/types.ts";
import type { Desired, DesiredAgent, DesiredSnapshot, FleetSettings, Provision, SourceRef } from "./types.ts";

/** A document and where it was written. */
export interface Sourced<T> {
  readonly value: T;
  readonly source: SourceRef;
}

/** A document whose paths are absolute and whose cloud-init file was read. */
type Prepared<T extends { provision?: unknown }> = Omit<T, "provision"> & {
  readonly provision?: Omit<ProvisionBlock, "cloudInit"> & {
    readonly cloudInit?: Readonly<Record<string, unknown>>;
  };
};
export type PreparedAgent = Prepared<AgentDocument>;
export type PreparedProfile = Prepared<ProfileDocument>;

/** All documents of a fleet. They are valid, each by itself; the first one of a name counts. */
export interface FleetDocuments {
  readonly agents: readonly Sourced<PreparedAgent>[];
  readonly profiles: readonly Sourced<PreparedProfile>[];
  readonly snapshots: readonly Sourced<SnapshotDocument>[];
  readonly fleet: Sourced<FleetDocument> | null;
}

/** SHA-256 as hex. The core has no node:crypto. */
export type Hash = (text: string) => string;

/** Remembers what a document resolved to, so that an edit of one costs one. Keep it as long as the documents. */
export type ResolveMemo = WeakMap<PreparedAgent, MemoEntry>;
interface MemoEntry {
  readonly profile: PreparedProfile | undefined;
  readonly context: string;
  readonly resolved: ResolvedDocument;
}

/** The instances of one document, with the hash of what they mean. */
export interface ResolvedDocument {
  readonly agents: readonly DesiredAgent[];
  readonly hash: string;
}

export interface Resolution {
  readonly desired: Omit<Desired, "revision" | "guard">;
  /** Name of a document to the names of its instances; name of a replica to itself. */
  readonly instances: ReadonlyMap<string, readonly string[]>;
}

/** The same numbers stand as `default` in the schemas; a test compares them. */
export const AGENT_DEFAULTS = {
  type: "worker",
  cpu: 2,
  memory: "4G",
  disk: "20G",
  state: "running",
  onChange: "hold",
  tasks: { concurrency: 1, sudo: false, user: "ubuntu" },
  health: { offlineAfter: "90s", remediate: ["restart-runtime", "restart-instance"] },
} as const;
export const SNAPSHOT_DEFAULTS = { comment: "", keep: 7, whenRunning: "stop" } as const;
export const FLEET_DEFAULTS = {
  driver: "auto",
  parallelism: 2,
  interval: "30s",
  prune: false,
  maxDeletes: 1,
  drift: { mode: "correct" },
  git: { follow: false, interval: "60s" },
  hub: { advertise: "auto", agentPort: 9090, httpPort: 9091, dashboardPort: 9092 },
} as const;

const BYTES: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes of a size that the schema admits, by Multipass's rule: 1024-based, fractions of a byte cut off. */
export function parseSize(size: string | number): number {
  if (typeof size === "number") return size;
  const unit = /[kmg]/i.exec(size)?.[0].toLowerCase() ?? "";
  return Math.floor(Number.parseFloat(size) * (BYTES[unit] ?? 1));
}

/** Milliseconds of a duration that the schema admits. */
export function parseDuration(duration: string): number {
  const unit = duration.replace(/[0-9.]+/, "");
  return Math.round(Number.parseFloat(duration) * (MILLISECONDS[unit] ?? 1));
}

/** JSON whose text depends on the value alone: keys sorted, undefined left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const record = value as Readonly<Record<string, unknown>>;
  const parts: string[] = [];
  for (const key of Object.keys(record).sort()) {
    if (record[key] !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(record[key])}`);
  }
  return `{${parts.join(",")}}`;
}

/** Names of the instances of a document. */
export function instanceNames(name: string, replicas: number | undefined): readonly string[] {
  if (replicas === undefined || replicas <= 1) return [name];
  return Array.from({ length: replicas }, (_, index) => `${name}-${index + 1}`);
}

type Json = Readonly<Record<string, unknown>>;

/** Fields that are one thing, however many keys they have: half of a secret's reference makes no sense. */
const isWhole = (path: string) =>
  path === "/provision/cloudInit" || path === "/restore" || path.startsWith("/secrets/");

/** The profile's fields under the document's: objects merge, lists and values are replaced. */
export function mergeProfile(document: PreparedAgent, profile: PreparedProfile | undefined): PreparedAgent {
  if (profile === undefined) return document;
  const { kind: _kind, name: _name, ...under } = profile;
  return merge(under as Json, document as unknown as Json, "") as unknown as PreparedAgent;
}

function merge(under: Json, over: Json, path: string): Json {
  const result: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(under, key) ? under[key] : undefined;
    const here = `${path}/${key}`;
    const both = isObject(below) && isObject(value) && !isWhole(here);
    // Not an assignment: a label may be called __proto__.
    Object.defineProperty(result, key, {
      value: both ? merge(below, value, here) : value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Never fails: names that lead nowhere are left out, and reported by the check that runs over the same documents. */
export function resolveFleet(
  documents: FleetDocuments,
  hash: Hash,
  memo: ResolveMemo = new WeakMap(),
): Resolution {
  const settings = resolveSettings(documents.fleet?.value);
  const profiles = new Map<string, PreparedProfile>();
  for (const { value } of documents.profiles) if (!profiles.has(value.name)) profiles.set(value.name, value);
  const instances = new Map<string, readonly string[]>();
  for (const { value } of documents.agents) {
    if (!instances.has(value.name)) instances.set(value.name, instanceNames(value.name, value.replicas));
  }
  // One replica may be meant by its own name.
  for (const names of [...instances.values()]) {
    if (names.length > 1) for (const name of names) if (!instances.has(name)) instances.set(name, [name]);
  }
  const agents: DesiredAgent[] = [];
  const hashes: string[] = [];
  const seen = new Set<string>();
  for (const document of documents.agents) {
    if (seen.has(document.value.name)) continue;
    seen.add(document.value.name);
    const profile = document.value.profile === undefined ? undefined : profiles.get(document.value.profile);
    const dependsOn = (document.value.dependsOn ?? profile?.dependsOn ?? []).flatMap(
      (name) => instances.get(name) ?? [],
    );
    const context = `${settings.drift.mode} ${dependsOn.join(" ")}`;
    let entry = memo.get(document.value);
    if (entry === undefined || entry.profile !== profile || entry.context !== context) {
      entry = { profile, context, resolved: resolveAgent(document, profile, dependsOn, settings, hash) };
      memo.set(document.value, entry);
    }
    agents.push(...entry.resolved.agents);
    hashes.push(entry.resolved.hash);
  }
  agents.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const snapshots = resolveSnapshots(documents.snapshots, agents, instances);
  const meaning = canonicalJson([settings, snapshots.map(({ source: _source, ...rest }) => rest)]);
  return {
    desired: { hash: hash(`${hashes.sort().join("\n")}\n${meaning}`), settings, agents, snapshots },
    instances,
  };
}

function resolveAgent(
  document: Sourced<PreparedAgent>,
  profile: PreparedProfile | undefined,
  dependsOn: readonly string[],
  settings: FleetSettings,
  hash: Hash,
): ResolvedDocument {
  const merged = mergeProfile(document.value, profile);
  const provision = resolveProvision(merged.provision, hash);
  const type = merged.type ?? AGENT_DEFAULTS.type;
  const capabilities = merged.capabilities ?? [];
  const labels = merged.labels ?? {};
  const env = merged.env ?? {};
  const secrets = (merged.secrets ?? {}) as DesiredAgent["secrets"];
  const tasks = { ...AGENT_DEFAULTS.tasks, ...merged.tasks };
  const shared: Omit<DesiredAgent, "name" | "source"> = {
    document: merged.name,
    type,
    capabilities,
    labels,
    ...(merged.profile === undefined ? {} : { profile: merged.profile }),
    ...(merged.image === undefined ? {} : { image: merged.image }),
    size: {
      cpu: merged.cpu ?? AGENT_DEFAULTS.cpu,
      memory: parseSize(merged.memory ?? AGENT_DEFAULTS.memory),
      disk: parseSize(merged.disk ?? AGENT_DEFAULTS.disk),
    },
    state: merged.state ?? AGENT_DEFAULTS.state,
    mounts: merged.mounts ?? [],
    env,
    secrets,
    provision,
    tasks,
    health: {
      offlineAfter: parseDuration(merged.health?.offlineAfter ?? AGENT_DEFAULTS.health.offlineAfter),
      remediate: merged.health?.remediate ?? AGENT_DEFAULTS.health.remediate,
    },
    dependsOn,
    protect: merged.protect ?? false,
    paused: merged.paused ?? false,
    drift: { mode: merged.drift?.mode ?? settings.drift.mode, ignore: merged.drift?.ignore ?? [] },
    ...(merged.restore === undefined ? {} : { restore: merged.restore }),
    configHash: hash(canonicalJson({ type, capabilities, labels, env, secrets, tasks })),
    ...(merged.previousName === undefined ? {} : { previousName: merged.previousName }),
  };
  const names = instanceNames(merged.name, merged.replicas);
  return {
    agents: names.map((name) => ({ name, ...shared, source: document.source })),
    hash: hash(canonicalJson([names, shared])),
  };
}

function resolveProvision(block: PreparedAgent["provision"] = {}, hash: Hash): Provision {
  const content = {
    packages: block.packages ?? [],
    files: block.files ?? [],
    run: block.run ?? [],
    ...(block.cloudInit === undefined ? {} : { cloudInit: block.cloudInit }),
  };
  return {
    ...content,
    onChange: block.onChange ?? AGENT_DEFAULTS.onChange,
    hash: hash(canonicalJson(content)),
  };
}

/** Instances that a snapshot document means, in the order of their names. */
export function snapshotTargets(
  snapshot: SnapshotDocument,
  agents: readonly DesiredAgent[],
  instances: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const { agent, selector } = snapshot;
  if (agent !== undefined) return instances.get(agent) ?? [];
  if (selector === undefined) return [];
  const labels = Object.entries(selector.labels ?? {});
  const { type, capability } = selector;
  const matches = (candidate: DesiredAgent) =>
    (type === undefined || candidate.type === type) &&
    (capability === undefined || candidate.capabilities.includes(capability)) &&
    labels.every(([key, value]) => Object.hasOwn(candidate.labels, key) && candidate.labels[key] === value);
  return agents.filter(matches).map((candidate) => candidate.name);
}

function resolveSnapshots(
  documents: readonly Sourced<SnapshotDocument>[],
  agents: readonly DesiredAgent[],
  instances: ReadonlyMap<string, readonly string[]>,
): readonly DesiredSnapshot[] {
  const found = new Map<string, DesiredSnapshot>();
  for (const { value, source } of documents) {
    for (const agent of snapshotTargets(value, agents, instances)) {
      const key = `${agent}.${value.name}`;
      if (found.has(key)) continue;
      found.set(key, {
        name: value.name,
        agent,
        comment: value.comment ?? SNAPSHOT_DEFAULTS.comment,
        ...(value.schedule === undefined
          ? {}
          : { schedule: value.schedule, keep: value.keep ?? SNAPSHOT_DEFAULTS.keep }),
        whenRunning: value.whenRunning ?? SNAPSHOT_DEFAULTS.whenRunning,
        source,
      });
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, snapshot]) => snapshot);
}

/** The settings of a fleet; with no document, the defaults. */
export function resolveSettings(fleet: FleetDocument | undefined): FleetSettings {
  const { memory, disk } = fleet?.limits ?? {};
  const { interval = FLEET_DEFAULTS.git.interval, ...git } = fleet?.git ?? {};
  return {
    driver: fleet?.driver ?? FLEET_DEFAULTS.driver,
    parallelism: fleet?.parallelism ?? FLEET_DEFAULTS.parallelism,
    interval: parseDuration(fleet?.interval ?? FLEET_DEFAULTS.interval),
    prune: fleet?.prune ?? FLEET_DEFAULTS.prune,
    maxDeletes: fleet?.maxDeletes ?? FLEET_DEFAULTS.maxDeletes,
    drift: { mode: fleet?.drift?.mode ?? FLEET_DEFAULTS.drift.mode },
    limits: {
      ...(fleet?.limits?.cpu === undefined ? {} : { cpu: fleet.limits.cpu }),
      ...(memory === undefined ? {} : { memory: parseSize(memory) }),
      ...(disk === undefined ? {} : { disk: parseSize(disk) }),
    },
    git: { follow: FLEET_DEFAULTS.git.follow, ...git, interval: parseDuration(interval) },
    hub: { ...FLEET_DEFAULTS.hub, ...fleet?.hub },
    notify: fleet?.notify ?? [],
  };
}
