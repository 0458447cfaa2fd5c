/** The hub's state of one agent: configuration, last reports of its runtime, queue. */
import { bytes } from "../../core/units.ts";
import type { PowerState, Refused, RuntimeReading } from "../../core/types.ts";
import type { AgentRow } from "../../store/store.ts";
import type { Connection } from "./connection.ts";
import { count, instant, isRecord, line, type Payload, word, words } from "./frames.ts";
import { type Health, NO_HEALTH, readHealth, readMetadata } from "./guest-input.ts";
import { HealthHistory } from "../observability/health-history.ts";
import { AgentQueue } from "../tasks/queue.ts";
import { Throttle } from "./throttle.ts";

/**
 * The desired configuration, pushed to its runtime. `hash`: of the document's part, then, with secrets, `.` and a seal
 * of their values.
 */
export interface AgentConfig {
  readonly hash: string;
  /** The declared name, where its instance has a former name. */
  readonly calledAs?: string;
  readonly type: string;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Secrets that cannot be read now: the runtime keeps its values of them. */
  readonly keepSecrets?: readonly string[];
  readonly tasks: { readonly concurrency: number; readonly sudo: boolean; readonly user: string };
  /** Milliseconds without a heartbeat after which the agent is offline. */
  readonly offlineAfter: number;
  /** The desired power state. */
  readonly state?: PowerState;
  /** It is meant to be down: being offline is no event. */
  readonly down?: boolean;
  /** Paused: shown, never acted on. */
  readonly paused?: boolean;
  readonly size: { readonly cpu: number; readonly memory: number; readonly disk: number };
}

/** Capabilities beside tasks that hub and runtime announce in hello. */
export const FEATURES = ["messages", "log", "upgrade"] as const;
export type Feature = (typeof FEATURES)[number];

/** The runtime's last hello. */
export interface RuntimeFacts {
  readonly nonce: string;
  readonly instanceId: string;
  readonly bootId: string;
  readonly version: string;
  readonly bundleHash: string;
  readonly node: string;
  /** Supported task types; null: not reported. */
  readonly supports: readonly string[] | null;
  /** Capabilities beside tasks; none for runtimes older than them. */
  readonly features: readonly string[];
  /** Hash of a newer bundle that is ready in the instance. */
  readonly staged: string;
  /** Hashes of bundles that failed there. */
  readonly failedUpgrades: readonly string[];
}

export type AgentStatus = "online" | "suspect" | "offline";

export interface AgentStats {
  tasksReceived: number;
  tasksCompleted: number;
  tasksFailed: number;
  messagesReceived: number;
  messagesSent: number;
}

export class Agent {
  readonly id: string;
  readonly registeredAt: number;
  readonly queue: AgentQueue;
  readonly stats: AgentStats = {
    tasksReceived: 0,
    tasksCompleted: 0,
    tasksFailed: 0,
    messagesReceived: 0,
    messagesSent: 0,
  };
  /** Last frame, wall clock, for people. */
  lastSeen = 0;
  /** Last frame, for the offline decision: advanced when the host itself slept. */
  aliveAt = 0;
  lastHealthCheck = 0;
  /** The runtime's difference from the expected bundle; null: none known. */
  upgrade: { readonly hash: string; readonly state: string; readonly reason: string } | null = null;
  status: AgentStatus = "offline";
  metadata: Payload = {};
  health: Health = {};
  readonly healthHistory = new HealthHistory();
  facts: RuntimeFacts | null = null;
  /** Hash that the runtime acknowledged. */
  configHash: string | null = null;
  config: AgentConfig | null = null;
  /** Over all its connections, or one closed for a bad frame would return with new credit. */
  readonly throttle = new Throttle();
  connection: Connection | null = null;
  /** Its last connection ended with a closing handshake: it is offline, and not merely silent. */
  hasLeft = false;
  /** The last refused connection with its credential. */
  refused: Refused | null = null;
  offlineAfter: number;
  /** The last value sent to the runtime; 0: none. */
  heartbeatSent = 0;
  /** True: it registered over HTTP as first-generation clients do, without a document. */
  guest = false;
  sudo = false;

  constructor(id: string, registeredAt: number, offlineAfter: number, concurrency: number) {
    this.id = id;
    this.registeredAt = registeredAt;
    this.offlineAfter = offlineAfter;
    this.queue = new AgentQueue(concurrency);
  }

  /** The connection if tasks can be written to it now. */
  get ready(): Connection | null {
    return this.connection?.ready === true ? this.connection : null;
  }

  /** Its instance is drained and stopped by us, or meant to be down. */
  get mayBeSilent(): boolean {
    return this.queue.draining || this.config?.down === true;
  }

  /**
   * The first generation's two states: a silent agent counts as online until it is offline, one that disconnected does
   * not.
   */
  get isOnline(): boolean {
    return this.status !== "offline" && !this.hasLeft;
  }

  has(feature: Feature): boolean {
    return this.facts?.features.includes(feature) === true;
  }

  configure(config: AgentConfig): void {
    this.config = config;
    this.applySettings(config);
    const { type, capabilities, labels, size } = config;
    // Sizes as first-generation clients read them ("4G"), with numbers beside them.
    const { cpu, memory, disk } = size;
    const sizes = { cpu, memory: bytes(memory), disk: bytes(disk), memoryBytes: memory, diskBytes: disk };
    this.metadata = { ...this.metadata, type, capabilities, labels, ...sizes };
  }

  /** The part of a configuration that the hub itself uses. */
  applySettings(config: Pick<AgentConfig, "tasks" | "offlineAfter">): void {
    this.queue.concurrency = config.tasks.concurrency;
    this.sudo = config.tasks.sudo;
    this.offlineAfter = config.offlineAfter;
  }

  /**
   * Heartbeat interval, milliseconds: a third of the time after which it counts as offline, so that one lost heartbeat
   * does not matter.
   */
  heartbeat(usual: number): number {
    return Math.min(usual, Math.floor(this.offlineAfter / 3));
  }

  /** The same, as sent to its runtime. */
  sentHeartbeat(usual: number): number {
    this.heartbeatSent = this.heartbeat(usual);
    return this.heartbeatSent;
  }

  reading(): RuntimeReading | null {
    if (!this.facts) return null;
    const { nonce, instanceId, version, bundleHash, bootId } = this.facts;
    return {
      agent: this.id,
      status: this.status,
      lastSeen: this.lastSeen,
      nonce,
      instanceId,
      version,
      bundleHash,
      bootId,
      runningTasks: this.queue.inFlight.size,
      queuedTasks: this.queue.waiting,
      configHash: writtenPart(this.configHash),
      ...said("problems", this.health.problems),
      ...said("warnings", this.health.warnings),
      ...(this.health.provisioning === true && { provisioning: true }),
      ...(this.refused && { refused: this.refused }),
      ...(this.upgrade && { upgrade: this.upgrade }),
    };
  }

  /** The first-generation agent object, with this hub's additions. */
  toObject(): Payload {
    return {
      id: this.id,
      status: this.isOnline ? "online" : "offline",
      condition: this.status,
      registeredAt: this.registeredAt,
      lastSeen: this.lastSeen,
      lastHealthCheck: this.lastHealthCheck,
      metadata: this.metadata,
      stats: { ...this.stats },
      health: Object.keys(this.health).length > 0 ? this.health : NO_HEALTH,
      currentTasks: [...this.queue.inFlight],
      queuedTasks: this.queue.waiting,
      draining: this.queue.draining,
      connected: this.connection !== null,
      runtime: this.facts && { ...this.facts, configHash: writtenPart(this.configHash) },
      refused: this.refused,
    };
  }

  toRow(): AgentRow {
    const json: Record<string, unknown> = {
      metadata: this.metadata,
      stats: this.stats,
      health: this.health,
      lastHealthCheck: this.lastHealthCheck,
      guest: this.guest,
    };
    if (this.facts) json.facts = { ...this.facts, configHash: this.configHash };
    const reading = this.reading();
    if (reading) json.reading = reading;
    if (this.upgrade) json.upgrade = this.upgrade;
    if (this.config) json.settings = { tasks: this.config.tasks, offlineAfter: this.config.offlineAfter };
    return { id: this.id, registeredAt: this.registeredAt, lastSeen: this.lastSeen, json };
  }

  /** State from an earlier hub; the status stays offline until the runtime returns. */
  restore(row: AgentRow): void {
    const { metadata, stats, health, facts, settings } = row.json;
    this.lastSeen = row.lastSeen;
    this.lastHealthCheck = instant(row.json.lastHealthCheck) ?? 0;
    this.guest = row.json.guest === true;
    const { upgrade } = row.json;
    if (isRecord(upgrade))
      this.upgrade = {
        hash: word(upgrade.hash),
        state: word(upgrade.state),
        reason: line(upgrade.reason, 500),
      };
    if (isRecord(metadata)) this.metadata = readMetadata(metadata);
    if (isRecord(health)) this.health = readHealth(health);
    if (isRecord(stats)) {
      for (const key of Object.keys(this.stats) as (keyof AgentStats)[]) this.stats[key] = count(stats[key]);
    }
    if (isRecord(facts)) {
      this.facts = readFacts(facts);
      this.configHash = word(facts.configHash) || null;
    }
    if (isRecord(settings))
      this.applySettings(settings as unknown as Pick<AgentConfig, "tasks" | "offlineAfter">);
  }
}

/** Problems of its last heartbeat; empty: none. */
function said<K extends string>(
  key: K,
  lines: readonly string[] = [],
): { readonly [P in K]?: readonly string[] } {
  return (lines.length === 0 ? {} : { [key]: lines }) as { [P in K]?: readonly string[] };
}

/** Without the seal of the secrets' values: a rotated value is no difference from the document. */
const writtenPart = (hash: string | null): string | null => hash?.split(".", 1)[0] ?? null;

export function readFacts(hello: Payload): RuntimeFacts {
  return {
    nonce: word(hello.nonce),
    instanceId: word(hello.instanceId),
    bootId: word(hello.bootId),
    version: word(hello.version),
    bundleHash: word(hello.bundleHash),
    node: word(hello.node),
    supports: Array.isArray(hello.supports) ? words(hello.supports, 32) : null,
    features: words(hello.features, 32),
    staged: word(hello.staged),
    failedUpgrades: words(hello.failedUpgrades, 32),
  };
}
