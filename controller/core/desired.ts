/** Documents to desired state: profiles merged, replicas expanded, defaults filled, sizes in bytes, durations in milliseconds. */
import type {
  AgentDocument,
  FleetDocument,
  ProfileDocument,
  ProvisionBlock,
  SnapshotDocument,
} from "../../schemas/types.ts";
import {
  AGENT_DEFAULTS,
  canonicalJson,
  parseDuration,
  parseSize,
  resolveSettings,
  SNAPSHOT_DEFAULTS,
  sorted,
} from "./desired-values.ts";
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
export type ResolveMemo = Map<string, MemoEntry>;
interface MemoEntry {
  readonly value: PreparedAgent;
  readonly names: readonly string[];
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

const NONE: readonly string[] = [];

/** Never fails: names that lead nowhere are left out, and reported by the check that runs over the same documents. */
export function resolveFleet(
  documents: FleetDocuments,
  hash: Hash,
  memo: ResolveMemo = new Map(),
): Resolution {
  const settings = resolveSettings(documents.fleet?.value);
  const profiles = new Map<string, PreparedProfile>();
  for (const { value } of documents.profiles) if (!profiles.has(value.name)) profiles.set(value.name, value);
  const instances = new Map<string, readonly string[]>();
  const first: Sourced<PreparedAgent>[] = [];
  let replicated = false;
  for (const document of documents.agents) {
    const { value } = document;
    if (instances.has(value.name)) continue;
    const known = memo.get(value.name);
    const names = known?.value === value ? known.names : instanceNames(value.name, value.replicas);
    instances.set(value.name, names);
    first.push(document);
    replicated ||= names.length > 1;
  }
  if (replicated) addReplicas(instances);
  for (const name of memo.keys()) if (!instances.has(name)) memo.delete(name);
  first.sort((a, b) => compareNames(a.value, b.value));
  const agents: DesiredAgent[] = [];
  const hashes: string[] = [];
  for (const document of first) {
    const { value } = document;
    const profile = value.profile === undefined ? undefined : profiles.get(value.profile);
    const wanted = value.dependsOn ?? profile?.dependsOn;
    const dependsOn = wanted === undefined ? NONE : wanted.flatMap((name) => instances.get(name) ?? []);
    const context =
      dependsOn === NONE ? settings.drift.mode : `${settings.drift.mode} ${dependsOn.join(" ")}`;
    let entry = memo.get(value.name);
    if (entry?.value !== value || entry.profile !== profile || entry.context !== context) {
      const names = instances.get(value.name) ?? NONE;
      const resolved = resolveAgent(document, names, profile, dependsOn, settings, hash);
      entry = { value, names, profile, context, resolved };
      memo.set(value.name, entry);
    }
    for (const agent of entry.resolved.agents) agents.push(agent);
    hashes.push(entry.resolved.hash);
  }
  agents.sort(compareNames);
  const snapshots = resolveSnapshots(documents.snapshots, agents, instances);
  const meaning = canonicalJson([settings, snapshots.map(({ source: _source, ...rest }) => rest)]);
  return {
    desired: {
      hash: hash(`${hashes.join("\n")}\n${meaning}`),
      settings,
      agents,
      snapshots,
    },
    instances,
  };
}

/** One replica may be meant by its own name. */
function addReplicas(instances: Map<string, readonly string[]>): void {
  for (const names of [...instances.values()]) {
    if (names.length > 1) for (const name of names) if (!instances.has(name)) instances.set(name, [name]);
  }
}

function compareNames(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Every object is built here with its keys in one order, so plain JSON of it can be hashed. */
function resolveAgent(
  document: Sourced<PreparedAgent>,
  names: readonly string[],
  profile: PreparedProfile | undefined,
  dependsOn: readonly string[],
  settings: FleetSettings,
  hash: Hash,
): ResolvedDocument {
  const merged = mergeProfile(document.value, profile);
  const provision = resolveProvision(merged.provision, hash);
  const type = merged.type ?? AGENT_DEFAULTS.type;
  const capabilities = merged.capabilities ?? [];
  const labels = sorted(merged.labels);
  const env = sorted(merged.env);
  const secrets = sorted(merged.secrets) as DesiredAgent["secrets"];
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
    mounts: (merged.mounts ?? []).map(({ source, target }) => ({ source, target })),
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
    ...(merged.restore === undefined
      ? {}
      : { restore: { snapshot: merged.restore.snapshot, token: merged.restore.token } }),
    configHash: hash(JSON.stringify([type, capabilities, labels, env, secrets, tasks])),
    ...(merged.previousName === undefined ? {} : { previousName: merged.previousName }),
  };
  return {
    agents: names.map((name) => ({ name, ...shared, source: document.source })),
    hash: hash(JSON.stringify([names, shared])),
  };
}

function resolveProvision(block: PreparedAgent["provision"] = {}, hash: Hash): Provision {
  const content = {
    packages: block.packages ?? [],
    files: (block.files ?? []).map(({ path, content, mode }) => ({
      path,
      content,
      ...(mode === undefined ? {} : { mode }),
    })),
    run: block.run ?? [],
    ...(block.cloudInit === undefined
      ? {}
      : { cloudInit: JSON.parse(canonicalJson(block.cloudInit)) as Record<string, unknown> }),
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
