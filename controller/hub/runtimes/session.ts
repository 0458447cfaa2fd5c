/** The protocol with a runtime: the handshake, and then one function for each type of frame. */
import type { Clock } from "../../base/clock.ts";
import type { Bus } from "../../base/events.ts";
import type { Agent } from "./agent.ts";
import { FEATURES, readFacts } from "./agent.ts";
import type { Audit } from "../observability/audit.ts";
import type { RuntimeAuth } from "../auth/auth.ts";
import type { AuthReports } from "../auth/reports.ts";
import type { Connection } from "./connection.ts";
import { CLOSE, count, type Frame, isRecord, PROTOCOL, type Payload, word } from "./frames.ts";
import { readHealth, readOutput } from "./guest-input.ts";
import type { Limits } from "../limits.ts";
import type { Messages } from "../messages/messages.ts";
import type { Registry } from "./registry.ts";
import type { RuntimeLogs } from "../observability/runtime-logs.ts";
import { readJournal, reconcileJournal } from "../tasks/reconcile-journal.ts";
import type { Upgrades } from "./upgrades.ts";
import type { TaskEngine } from "../tasks/engine.ts";

export interface SessionDeps {
  /** Addresses of this hub, for the runtime to remember. */
  readonly addresses: () => readonly string[];
  readonly auth: RuntimeAuth;
  readonly audit: Audit;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly engine: TaskEngine;
  readonly limits: Limits;
  readonly logs: RuntimeLogs;
  readonly messages: Messages;
  readonly registry: Registry;
  readonly reports: AuthReports;
  readonly upgrades: Upgrades;
  readonly onError: (error: unknown) => void;
}

/** How the upgrade authenticated the runtime. */
export interface Entry {
  readonly nonce: string;
  /** It used a join token or an older credential: it gets a new one. */
  readonly renew: boolean;
  readonly pending: boolean;
}

export class Session {
  readonly connection: Connection;
  readonly #agent: Agent;
  readonly #entry: Entry;
  readonly #deps: SessionDeps;
  #configsAgain = CONFIGS_AGAIN;

  constructor(agent: Agent, connection: Connection, entry: Entry, deps: SessionDeps) {
    this.#agent = agent;
    this.connection = connection;
    this.#entry = entry;
    this.#deps = deps;
  }

  /** First-generation clients do not speak first: they are ready at once. */
  async greet(): Promise<void> {
    const { registry, clock } = this.#deps;
    this.#takeOver();
    this.connection.send("status", {
      status: "connected",
      agentId: this.#agent.id,
      message: "connected to the hub",
      timestamp: clock.now(),
    });
    registry.connected(this.#agent, this.connection);
    await this.#begin();
  }

  /** The handshake of current runtimes. False: refused, and the connection is closing. */
  async hello(payload: Payload): Promise<boolean> {
    const { auth, audit, registry, limits } = this.#deps;
    const agent = this.#agent;
    const facts = readFacts(payload);
    const refusal = this.#refusal(payload, facts.nonce, facts.instanceId);
    if (refusal) {
      const { instanceId } = facts;
      agent.refused = {
        at: this.#deps.clock.now(),
        code: refusal.code,
        instanceId: instanceId.slice(0, 63),
        reason: refusal.reason,
      };
      const { reason } = refusal;
      const isFirst = this.#deps.reports.failed(
        { surface: "runtime", address: this.connection.address, agent: agent.id, reason },
        `refused ${agent.id} ${refusal.code}`,
      );
      if (isFirst) await audit.record(`runtime:${agent.id}`, "runtime.refused", agent.id, { reason });
      this.connection.send("error", { code: refusal.code, message: refusal.reason, next: refusal.next });
      this.connection.close(refusal.close, refusal.reason);
      return false;
    }
    if (this.#entry.pending) await auth.confirm(agent.id);
    const credential = this.#entry.renew ? await auth.issue(agent.id) : null;
    if (!this.connection.open) return false;
    this.#takeOver();
    this.connection.firstGeneration = false;
    if (agent.facts?.bootId !== facts.bootId) {
      // Reports of another boot do not apply to this one; its first heartbeat follows its hello.
      const { problems: _, warnings: __, ...health } = agent.health;
      agent.health = { ...health, provisioning: true };
    }
    agent.facts = facts;
    agent.configHash = word(payload.configHash) || null;
    const config = agent.config !== null && agent.config.hash !== agent.configHash ? pushed(agent) : null;
    this.connection.send("hello", {
      protocol: PROTOCOL,
      ...(credential === null ? {} : { credential }),
      ...(config === null ? {} : { config }),
      policy: {
        heartbeatMs: agent.sentHeartbeat(limits.heartbeat),
        maxFrameBytes: limits.maxFrameBytes,
        maxOutputBytes: limits.maxOutputBytes,
        reconnectShortestMs: limits.reconnectShortest,
        reconnectLongestMs: limits.reconnectLongest,
      },
      addresses: this.#deps.addresses(),
      features: FEATURES,
    });
    registry.connected(agent, this.connection);
    await audit.record(`runtime:${agent.id}`, "runtime.login", agent.id, {
      version: facts.version,
      bootId: facts.bootId,
      address: this.connection.address,
      credential: credential === null ? "own" : "renewed",
    });
    await reconcileJournal(this.#deps.engine, agent, this.connection, readJournal(payload));
    await this.#begin();
    return true;
  }

  /** A frame after the handshake. */
  frame(frame: Frame): void {
    const { registry, engine } = this.#deps;
    registry.seen(this.#agent);
    this.#agent.stats.messagesSent += 1;
    const { payload } = frame;
    switch (frame.type) {
      case "ack":
        this.#ack(payload);
        return;
      case "response":
        this.#guard(this.#response(payload));
        return;
      case "output": {
        const output = readOutput(payload);
        if (output === null) return;
        engine.output(this.#agent, output.chunk, output.taskId, output.epoch);
        return;
      }
      case "health": {
        const health = readHealth(payload);
        const wasProvisioning = this.#agent.health.provisioning === true;
        this.#agent.health = health;
        if (wasProvisioning && health.provisioning !== true)
          this.#deps.bus.emit("runtime.provisioned", { agent: this.#agent.id });
        this.#agent.lastHealthCheck = this.#deps.clock.now();
        this.#agent.healthHistory.note(health, this.#agent.lastHealthCheck);
        registry.save(this.#agent);
        this.#guard(this.#deps.messages.heartbeat(this.#agent, health.inboxFull === true));
        return;
      }
      case "log":
        if (this.#agent.has("log")) this.#deps.logs.received(this.#agent, payload);
        else this.#guard(this.#pass(frame));
        return;
      case "upgrade":
        this.#guard(this.#deps.upgrades.reported(this.#agent, payload));
        return;
      case "hello":
        // A client on the first generation's path that turns out to be a current one.
        if (this.connection.firstGeneration) this.#guard(this.hello(payload));
        return;
      default:
        this.#guard(this.#pass(frame));
    }
  }

  #ack(payload: Payload): void {
    const { auth, engine } = this.#deps;
    if (payload.credential === true) this.#guard(auth.confirm(this.#agent.id));
    const taskId = word(payload.taskId, 128);
    if (taskId !== "")
      engine.acknowledged(this.#agent, taskId, count(payload.epoch), word(payload.state, 32));
    const deliveryId = word(payload.deliveryId);
    if (deliveryId !== "") this.#guard(this.#deps.messages.confirmed(this.#agent, deliveryId));
    const configHash = word(payload.configHash);
    if (configHash !== "") this.#configured(configHash);
  }

  /**
   * Another hash than the last one sent: it is sent again, a few times, because the answer may have crossed with a
   * newer one.
   */
  #configured(hash: string): void {
    const agent = this.#agent;
    const isNew = agent.configHash !== hash;
    agent.configHash = hash;
    this.#deps.registry.save(agent);
    const wanted = agent.config?.hash;
    if (wanted === undefined) return;
    if (hash === wanted) {
      this.#configsAgain = CONFIGS_AGAIN;
      if (isNew) this.#deps.bus.emit("runtime.configured", { agent: agent.id });
      return;
    }
    if (this.#configsAgain === 0) return;
    this.#configsAgain -= 1;
    this.connection.send("config", pushed(agent) ?? {});
  }

  async #response(payload: Payload): Promise<void> {
    const taskId = word(payload.taskId, 128);
    if (taskId === "") return;
    const epoch = typeof payload.epoch === "number" ? count(payload.epoch) : null;
    const stored = await this.#deps.engine.answered(this.#agent, taskId, epoch, payload);
    if (stored && !this.connection.firstGeneration)
      this.connection.send("ack", { taskId, epoch, stored: true });
  }

  async #pass(frame: Frame): Promise<void> {
    if (this.#agent.has("messages")) {
      // Wrapped by the runtime, so that a program in the instance cannot speak for it.
      if (frame.type !== "message") return;
      const { to, type, payload } = frame.payload;
      const inner = { to: word(to, 128), type: word(type, 64), payload: isRecord(payload) ? payload : {} };
      const sent = await this.#deps.messages.send(
        { ...frame, ...inner },
        { type: "agent", id: this.#agent.id },
      );
      this.connection.send("ack", { messageId: frame.id, ...sent });
      return;
    }
    const sent = await this.#deps.messages.send(frame, { type: "agent", id: this.#agent.id });
    for (const { to, reason } of sent.refused) {
      const next = "see the wire protocol in ARCHITECTURE.md";
      this.connection.send("error", {
        code: reason,
        message: `not delivered to "${to}"`,
        next,
        inReplyTo: frame.id,
      });
    }
  }

  #refusal(hello: Payload, nonce: string, instanceId: string) {
    const versions = Array.isArray(hello.protocol) ? hello.protocol : [hello.protocol];
    if (!versions.includes(PROTOCOL)) {
      const reason = `this hub speaks protocol ${PROTOCOL}`;
      return { code: "protocol-version", reason, next: "upgrade the runtime", close: CLOSE.protocolError };
    }
    if (instanceId !== this.#agent.id) {
      const reason = `the instance calls itself "${instanceId.slice(0, 40)}": a clone of ${this.#agent.id} is another instance`;
      return { code: "clone", reason, next: "declare it under its own name", close: CLOSE.refused };
    }
    if (this.#entry.nonce !== "" && this.#entry.nonce !== nonce) {
      const reason = "the instance carries another claim's nonce";
      return {
        code: "foreign-nonce",
        reason,
        next: "run vm-agent import for that instance",
        close: CLOSE.refused,
      };
    }
    return null;
  }

  /** The newest connection of an agent wins. */
  #takeOver(): void {
    const former = this.#agent.connection;
    if (former === null || former === this.connection) return;
    this.#deps.engine.undelivered(this.#agent);
    this.#agent.connection = null;
    former.close(CLOSE.replaced, "replaced by a newer connection");
  }

  async #begin(): Promise<void> {
    if (this.#agent.connection !== this.connection) return;
    this.connection.ready = true;
    this.#deps.engine.pump(this.#agent);
    this.#deps.logs.online(this.#agent);
    this.#deps.upgrades.consider(this.#agent, "hello");
    await this.#deps.messages.arrived(this.#agent);
  }

  #guard(work: Promise<unknown>): void {
    work.catch(this.#deps.onError);
  }
}

/** How often a configuration is sent again to a runtime that confirms another. */
const CONFIGS_AGAIN = 3;

/** The configuration as sent to the runtime. */
export function pushed(agent: Agent): Payload | null {
  if (!agent.config) return null;
  const { hash, type, capabilities, labels, env, secrets, keepSecrets, tasks } = agent.config;
  return { hash, type, capabilities, labels, env, secrets, ...(keepSecrets && { keepSecrets }), tasks };
}
