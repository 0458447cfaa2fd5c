/** The registry of agents, and the two phases of being silent: online -> suspect -> offline. */
import type { Clock } from "../../base/clock.ts";
import type { Bus } from "../../base/events.ts";
import type { RuntimeReading } from "../../core/types.ts";
import type { AgentStore } from "../../store/store.ts";
import { Agent } from "./agent.ts";
import type { Connection } from "./connection.ts";
import type { Limits } from "../limits.ts";

export interface RegistryDeps {
  readonly agents: AgentStore;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly onStoreError: (error: unknown) => void;
}

/** Close codes of a client that disconnects on purpose: normal, going away, and none given. */
const LEFT: readonly number[] = [1000, 1001, 1005];

export class Registry {
  readonly #agents = new Map<string, Agent>();
  /** Declared name to name of the instance, for the few that differ. */
  readonly #called = new Map<string, string>();
  readonly #deps: RegistryDeps;
  #lastSweep: number;
  #sincePing = 0;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
    this.#lastSweep = deps.clock.now();
    for (const row of deps.agents.list()) {
      const agent = this.#create(row.id, row.registeredAt);
      agent.restore(row);
    }
  }

  get(id: string): Agent | undefined {
    return this.#agents.get(id);
  }

  /** Finds an agent by the name of its instance, or by its declared name. */
  named(name: string): Agent | undefined {
    return this.#agents.get(name) ?? this.#agents.get(this.#called.get(name) ?? "");
  }

  /** Absent: its name is that of its instance. */
  called(id: string, name: string | undefined): void {
    for (const [former, of] of this.#called) if (of === id && former !== name) this.#called.delete(former);
    if (name !== undefined) this.#called.set(name, id);
  }

  all(): IterableIterator<Agent> {
    return this.#agents.values();
  }

  ids(): readonly string[] {
    return [...this.#agents.keys()];
  }

  /** `until`: by agent, until when accepted tasks may run. */
  readings(until: ReadonlyMap<string, number>): readonly RuntimeReading[] {
    return [...this.#agents.values()].flatMap((agent) => {
      const reading = agent.reading();
      const at = until.get(agent.id);
      return reading === null ? [] : at === undefined ? reading : { ...reading, tasksUntil: at };
    });
  }

  ensure(id: string): Agent {
    const agent = this.#agents.get(id);
    if (agent) return agent;
    const created = this.#create(id, this.#deps.clock.now());
    this.save(created);
    return created;
  }

  /**
   * Written lazily: a heartbeat is no reason for an fsync. A removed agent, whose connection ends later, stays removed.
   */
  save(agent: Agent): void {
    if (this.#agents.get(agent.id) !== agent) return;
    this.#deps.agents.put(agent.toRow()).catch(this.#deps.onStoreError);
  }

  async remove(id: string): Promise<void> {
    this.#agents.delete(id);
    await this.#deps.agents.remove(id);
  }

  connected(agent: Agent, connection: Connection): void {
    agent.connection = connection;
    agent.hasLeft = false;
    this.seen(agent);
    this.save(agent);
    this.#deps.bus.emit("runtime.online", { agent: agent.id, version: agent.facts?.version ?? "" });
  }

  /** A lost connection may be brief: the agent is suspect until it has been silent for long enough. */
  disconnected(agent: Agent, connection: Connection, code: number): void {
    if (agent.connection !== connection) return;
    agent.connection = null;
    agent.hasLeft = LEFT.includes(code);
    this.save(agent);
    if (agent.status !== "online") return;
    agent.status = "suspect";
    this.#deps.bus.emit("runtime.suspect", { agent: agent.id, expected: agent.mayBeSilent });
  }

  /** Any frame is a sign of life. */
  seen(agent: Agent): void {
    const now = this.#deps.clock.now();
    agent.lastSeen = now;
    agent.aliveAt = now;
    if (agent.connection) agent.connection.alive = true;
    if (agent.status === "online") return;
    const back = agent.status === "suspect" && agent.connection?.ready === true;
    agent.status = "online";
    if (back) this.#deps.bus.emit("runtime.online", { agent: agent.id, version: agent.facts?.version ?? "" });
  }

  counts(): {
    readonly total: number;
    readonly online: number;
    readonly suspect: number;
    readonly offline: number;
    /** Online in the first generation's sense. */
    readonly reachable: number;
  } {
    const counts = { total: 0, online: 0, suspect: 0, offline: 0, reachable: 0 };
    for (const agent of this.#agents.values()) {
      counts.total += 1;
      counts[agent.status] += 1;
      if (agent.isOnline) counts.reachable += 1;
    }
    return counts;
  }

  /**
   * Marks runtimes offline after silence. Time in which this process stood still (sleep, a clock jump) does not count.
   */
  sweep(): void {
    const { clock, limits, bus } = this.#deps;
    const now = clock.now();
    const gap = now - this.#lastSweep;
    const stoodStill = gap < 0 || gap > limits.sweep + 10_000;
    this.#lastSweep = now;
    this.#sincePing += stoodStill ? 0 : gap;
    const pinging = this.#sincePing >= limits.heartbeat;
    if (pinging) this.#sincePing = 0;
    for (const agent of this.#agents.values()) {
      if (stoodStill) agent.aliveAt = Math.min(now, agent.aliveAt + gap);
      if (pinging) agent.connection?.ping();
      const silent = now - agent.aliveAt;
      if (agent.status !== "offline" && silent > agent.offlineAfter) {
        agent.status = "offline";
        agent.connection?.terminate();
        const reason = `no sign of life for ${Math.round(silent / 1000)} s`;
        bus.emit("runtime.offline", { agent: agent.id, reason, expected: agent.mayBeSilent });
        this.save(agent);
      } else if (agent.status === "online" && silent > agent.offlineAfter / 2) {
        agent.status = "suspect";
        bus.emit("runtime.suspect", { agent: agent.id, expected: agent.mayBeSilent });
      }
    }
  }

  #create(id: string, registeredAt: number): Agent {
    const { limits } = this.#deps;
    const agent = new Agent(id, registeredAt, limits.offlineAfter, limits.defaultConcurrency);
    // Silence counts from now: no heartbeat could arrive while the hub was down, and a result may be kept for us.
    agent.aliveAt = this.#deps.clock.now();
    this.#agents.set(id, agent);
    return agent;
  }
}
