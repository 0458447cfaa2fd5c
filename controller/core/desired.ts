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
  sorted,
} from "./desired-values.ts";
import { resolveSnapshots, type Sourced } from "./desired-snapshots.ts";
export type { Sourced } from "./desired-snapshots.ts";
import type { Desired, DesiredAgent, FleetSettings, Provision } from "./types.ts";

/** A document with absolute paths and its cloud-init file read. */
type Prepared<T extends { provision?: unknown }> = Omit<T, "provision"> & {
  readonly provision?: Omit<ProvisionBlock, "cloudInit"> & {
    readonly cloudInit?: Readonly<Record<string, unknown>>;
  };
};
export type PreparedAgent = Prepared<AgentDocument>;
export type PreparedProfile = Prepared<ProfileDocument>;

/** All documents of a fleet, each valid on its own; the first one of a name counts. */
export interface FleetDocuments {
  readonly agents: readonly Sourced<PreparedAgent>[];
  readonly profiles: readonly Sourced<PreparedProfile>[];
  readonly snapshots: readonly Sourced<SnapshotDocument>[];
  readonly fleet: Sourced<FleetDocument> | null;
}

/** SHA-256 as hex. The core has no node:crypto. */
export type Hash = (text: string) => string;

/** Memo of resolved documents, so that an edit of one document costs one. Start with `createResolveMemo`. */
export interface ResolveMemo {
  index: AgentIndex;
  /** One for each of `index.order`. */
  entries: readonly MemoEntry[];
}
interface MemoEntry {
  readonly value: PreparedAgent;
  readonly profile: PreparedProfile | undefined;
  readonly context: string;
  readonly resolved: ResolvedDocument;
}
interface AgentIndex {
  readonly documents: readonly Sourced<PreparedAgent>[];
  /** Positions of the documents that count, in order of name. */
  readonly order: readonly number[];
  readonly instances: ReadonlyMap<string, readonly string[]>;
  readonly replicated: boolean;
}

export function createResolveMemo(): ResolveMemo {
  return { index: { documents: [], order: [], instances: new Map(), replicated: false }, entries: [] };
}

/** The instances of one document, with the hash of their content. */
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

/** Fields that are replaced as a whole: half of a secret's reference makes no sense. */
const isWhole = (path: string) =>
  path === "/provision/cloudInit" || path === "/restore" || path.startsWith("/secrets/");

/** Merges a profile under a document: objects are merged, lists and values replaced. */
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
const UNNAMED = { name: "" };

/** Never fails: unresolvable names are left out, and reported by the check of the same documents. */
export function resolveFleet(
  documents: FleetDocuments,
  hash: Hash,
  memo: ResolveMemo = createResolveMemo(),
): Resolution {
  const settings = resolveSettings(documents.fleet?.value);
  const profiles = new Map<string, PreparedProfile>();
  for (const { value } of documents.profiles) if (!profiles.has(value.name)) profiles.set(value.name, value);
  const index = indexAgents(documents.agents, memo.index);
  const { instances } = index;
  const known =
    index.order === memo.index.order ? null : new Map(memo.entries.map((entry) => [entry.value.name, entry]));
  const entries: MemoEntry[] = [];
  const agents: DesiredAgent[] = [];
  const hashes: string[] = [];
  for (const [rank, position] of index.order.entries()) {
    const document = documents.agents[position] as Sourced<PreparedAgent>;
    const { value } = document;
    const profile = value.profile === undefined ? undefined : profiles.get(value.profile);
    const wanted = value.dependsOn ?? profile?.dependsOn;
    const dependsOn = wanted === undefined ? NONE : wanted.flatMap((name) => instances.get(name) ?? []);
    const context =
      dependsOn === NONE ? settings.drift.mode : `${settings.drift.mode} ${dependsOn.join(" ")}`;
    let entry = known === null ? memo.entries[rank] : known.get(value.name);
    if (entry?.value !== value || entry.profile !== profile || entry.context !== context) {
      const names = instances.get(value.name) ?? NONE;
      const resolved = resolveAgent(document, names, profile, dependsOn, settings, hash);
      entry = { value, profile, context, resolved };
    }
    entries.push(entry);
    for (const agent of entry.resolved.agents) agents.push(agent);
    hashes.push(entry.resolved.hash);
  }
  memo.index = index;
  memo.entries = entries;
  if (index.replicated) agents.sort(compareNames);
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

/** The former index is reused where documents changed, but neither their names nor their number of instances. */
function indexAgents(documents: readonly Sourced<PreparedAgent>[], former: AgentIndex): AgentIndex {
  if (
    documents.length === former.documents.length &&
    documents.every((document, i) => isAlike(document, former.documents[i]))
  ) {
    return { ...former, documents };
  }
  const instances = new Map<string, readonly string[]>();
  const order: number[] = [];
  let replicated = false;
  for (const [position, { value }] of documents.entries()) {
    if (instances.has(value.name)) continue;
    const names = instanceNames(value.name, value.replicas);
    instances.set(value.name, names);
    order.push(position);
    replicated ||= names.length > 1;
  }
  order.sort((a, b) => compareNames(documents[a]?.value ?? UNNAMED, documents[b]?.value ?? UNNAMED));
  // One replica may be named directly.
  for (const names of replicated ? [...instances.values()] : []) {
    if (names.length > 1) for (const name of names) if (!instances.has(name)) instances.set(name, [name]);
  }
  return { documents, order, instances, replicated };
}

function isAlike(a: Sourced<PreparedAgent>, b: Sourced<PreparedAgent> | undefined): boolean {
  return a === b || (a.value.name === b?.value.name && a.value.replicas === b.value.replicas);
}

function compareNames(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Every object is built here with its keys in one order, so its plain JSON can be hashed. */
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
    // Capabilities are a set: their order is no difference.
    configHash: hash(JSON.stringify([type, [...capabilities].sort(), labels, env, secrets, tasks])),
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
