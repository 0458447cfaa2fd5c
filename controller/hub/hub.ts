/** The hub: joins store, registry, tasks, messages and the agent port; what the loop and HTTP ask of it is here. */
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Clock } from "../base/clock.ts";
import type { Bus } from "../base/events.ts";
import type { Tls } from "../base/tls.ts";
import type { RuntimeReading } from "../core/types.ts";
import type { Store } from "../store/store.ts";
import { advertised } from "./addresses.ts";
import type { Agent, AgentConfig } from "./agent.ts";
import { AgentSocket } from "./agent-socket.ts";
import { createAudit } from "./audit.ts";
import { RuntimeAuth } from "./auth.ts";
import { CLOSE, type Payload } from "./frames.ts";
import { hostName } from "./hosts.ts";
import { LIMITS, type Limits } from "./limits.ts";
import { listen } from "./listen.ts";
import { LiveFeed } from "./live-feed.ts";
import { Lockout } from "./lockout.ts";
import { createMessages } from "./messages.ts";
import { createMetrics } from "./metrics.ts";
import { OperatorAuth } from "./operator.ts";
import { readOrCreateOperatorToken, rotateOperatorToken } from "./operator-token.ts";
import { type Random, systemRandom } from "./random.ts";
import { refuse } from "./refusals.ts";
import { Registry } from "./registry.ts";
import { createRuntimeLogs } from "./runtime-logs.ts";
import { prune } from "./retention.ts";
import { pushed, type SessionDeps } from "./session.ts";
import { TaskEngine } from "./task-engine.ts";
import { createTaskRequests } from "./task-requests.ts";
import { createUpgrades, type RuntimeBundle } from "./upgrades.ts";
import { passed, tasksUntil } from "./task-timeouts.ts";

export interface HubSettings {
  /** State folder: the operator's token lies there. */
  readonly home: string;
  /** Address that the agent port binds; 0.0.0.0 so that virtual machines reach it. */
  readonly bind: string;
  /** 0 picks one. */
  readonly agentPort: number;
  /** `auto`, or host[:port] that instances reach. */
  readonly advertise: string;
  /** Names (addresses need no entry) under which hub and HTTP may be called besides `localhost`. */
  readonly hostNames: readonly string[];
  /** Present: every port of this hub speaks TLS. */
  readonly tls?: Tls | null;
}

export interface HubDeps {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly settings: HubSettings;
  readonly random?: Random;
  readonly limits?: Partial<Limits>;
  /** What runtimes should run; absent: they stay as they are. */
  readonly runtime?: RuntimeBundle;
  /** What went wrong inside and has nobody who waits for it. */
  readonly onError?: (error: unknown) => void;
}

export type Hub = ReturnType<typeof createHub>;

export function createHub(deps: HubDeps) {
  const { store, bus, clock, settings } = deps;
  const random = deps.random ?? systemRandom;
  const limits: Limits = { ...LIMITS, ...deps.limits };
  const onError = deps.onError ?? (() => {});
  let storeErrors = 0;
  const onStoreError = (error: unknown) => {
    storeErrors += 1;
    onError(error);
  };
  const startedAt = clock.now();

  const audit = createAudit(store.audit, clock);
  const lockout = new Lockout(clock, limits);
  const operatorToken = readOrCreateOperatorToken(settings.home, random);
  const auth = new RuntimeAuth({ credentials: store.credentials, clock, random, limits });
  const registry = new Registry({ agents: store.agents, bus, clock, limits, onStoreError });
  const engine: TaskEngine = new TaskEngine({
    store,
    registry,
    bus,
    clock,
    random,
    limits,
    onStoreError,
    onFinished: (type, state, durationMs) => metrics.taskFinished(type, state, durationMs),
  });
  const messages = createMessages({ store, registry, clock, random, limits, onStoreError });
  const logs = createRuntimeLogs({ registry, random, answerWithin: limits.logAnswer });
  const upgrades = createUpgrades({ bundle: deps.runtime ?? null, audit, bus, limits, registry });
  const session: SessionDeps = {
    addresses: () => addresses(),
    auth,
    audit,
    bus,
    clock,
    engine,
    limits,
    logs,
    messages,
    registry,
    upgrades,
    onError,
  };
  const sockets = new AgentSocket({
    auth,
    bus,
    connection: { bus, random, now: clock.now, limits },
    limits,
    lockout,
    registry,
    session,
    hostNames: () => [...settings.hostNames, ...hosts().map(hostName)],
    onDisconnected: (agent, connection) => {
      if (agent.connection === connection) engine.undelivered(agent);
      registry.disconnected(agent, connection);
    },
  });
  // By lot, so that no clock, however it is set, makes two runs look like one.
  const feed = new LiveFeed(bus, random.uuid().slice(0, 8), limits);
  const metrics = createMetrics(bus, {
    agents: () => registry.counts(),
    activeTasks: () => engine.activeCount,
    queuedTasks: () => [...registry.all()].reduce((sum, agent) => sum + agent.queue.waiting, 0),
    connections: () => sockets.size,
    lateAnswers: () => engine.lateAnswers,
    deadLetters: () => store.deadLetters.count(),
    expiredMessages: () => messages.counts.expired,
    storeErrors: () => storeErrors,
  });
  const requests = createTaskRequests({ engine, registry, store, limits });

  let server: Server | null = null;
  let port = settings.agentPort;
  let sweeping: NodeJS.Timeout | null = null;
  let lastPrune = 0;
  let pruning: Promise<unknown> | null = null;

  const hosts = (): readonly string[] => advertised(settings.advertise, settings.bind, port);
  /** As they are written into instances: with TLS, the certificate's fingerprint goes along. */
  const addresses = (): readonly string[] => {
    const { tls } = settings;
    return tls ? hosts().map((host) => `wss://${host}/agent#sha256:${tls.fingerprint}`) : hosts();
  };

  const sweep = () => {
    registry.sweep();
    const now = clock.now();
    for (const task of engine.live()) {
      const agent = registry.get(task.record.agent);
      const silent = agent?.connection ? 0 : Math.max(1, now - (agent?.aliveAt ?? 0));
      const late = passed(task, silent, now, limits);
      if (late) engine.end(task, late.event, late.error).catch(onError);
    }
    if (now - lastPrune < limits.pruneInterval) return;
    lastPrune = now;
    messages.expire().catch(onStoreError);
    pruning ??= prune(store, now, limits)
      .catch(onStoreError)
      .finally(() => {
        pruning = null;
      });
  };

  const known = (id: string): Agent => {
    const agent = registry.get(id);
    if (!agent) throw refuse.unknownAgent(id);
    return agent;
  };

  const operator = new OperatorAuth(operatorToken, lockout, bus, clock.now, (address) => {
    audit.record("operator", "login", address, {}).catch(onStoreError);
  });

  return {
    auth,
    audit,
    clock,
    engine,
    feed,
    limits,
    lockout,
    logs,
    messages,
    metrics,
    registry,
    requests,
    settings,
    store,
    operator,
    startedAt,
    /** For the `upgrade` event of another HTTP server: runtimes are served there too. */
    handleUpgrade: sockets.handleUpgrade,

    /** Opens the agent port. Errors: `port-in-use`, `address-unavailable`. */
    async start(): Promise<void> {
      const refuseRequest: RequestListener = (_, response) => {
        response.writeHead(426, { "content-type": "text/plain", connection: "close", upgrade: "websocket" });
        response.end("this port speaks WebSocket with runtimes; the API is on the HTTP port\n");
      };
      const times = { headersTimeout: 10_000, requestTimeout: 10_000 };
      const { tls } = settings;
      server = tls
        ? createTlsServer({ ...times, cert: tls.cert, key: tls.key, handshakeTimeout: 10_000 }, refuseRequest)
        : createServer(times, refuseRequest);
      server.maxConnections = limits.maxConnections + limits.maxPreAuthConnections;
      server.on("upgrade", sockets.handleUpgrade);
      port = await listen(server, settings.agentPort, settings.bind);
      sweeping = setInterval(sweep, limits.sweep);
    },

    /** Closes connections with 1012, so that runtimes come back; open tasks stay open in the store. */
    async stop(deadline = 5000): Promise<void> {
      if (sweeping) clearInterval(sweeping);
      sweeping = null;
      server?.close();
      await sockets.close(deadline);
      server?.closeAllConnections();
      server = null;
      await engine.stop();
      await pruning;
      for (const agent of registry.all()) registry.save(agent);
      await store.flush();
      feed.stop();
      metrics.stop();
    },

    /** The agent port that is bound. */
    get agentPort(): number {
      return port;
    },

    addresses,

    /** Where first-generation clients connect. */
    clientUrl: (): string => `${settings.tls ? "wss" : "ws"}://${hosts()[0] ?? "localhost"}`,

    readings(): readonly RuntimeReading[] {
      return registry.readings(tasksUntil(engine.live(), limits));
    },

    async enrol(id: string, nonce: string): Promise<string> {
      const token = await auth.enrol(id, nonce);
      registry.ensure(id).guest = false;
      await audit.record("hub", "runtime.enrol", id, {});
      return token;
    },

    configure(id: string, config: AgentConfig): void {
      const agent = registry.ensure(id);
      const changed =
        agent.config?.hash !== config.hash || agent.config?.offlineAfter !== config.offlineAfter;
      agent.configure(config);
      if (changed) registry.save(agent);
      if (agent.ready && !agent.ready.firstGeneration && agent.configHash !== config.hash) {
        agent.ready.send("config", pushed(agent));
      }
      upgrades.consider(agent, "config");
      engine.pump(agent);
    },

    async drain(id: string, ms: number, signal?: AbortSignal): Promise<void> {
      const agent = registry.get(id);
      if (!agent) return;
      agent.queue.draining = true;
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          forget();
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal?.addEventListener("abort", done, { once: true });
        let forget = () => {};
        forget = agent.queue.onIdle(done);
        if (signal?.aborted) done();
      });
    },

    undrain(id: string): void {
      const agent = registry.get(id);
      if (!agent) return;
      agent.queue.draining = false;
      engine.pump(agent);
    },

    enrolled: (): readonly string[] => [...registry.all()].filter((a) => !a.guest).map((a) => a.id),

    /** What it answers lets the runtime in again with the credential that it has; tasks and messages have ended for good. */
    async revoke(id: string): Promise<(() => Promise<void>) | null> {
      const credential = store.credentials.get(id);
      await store.credentials.remove(id);
      const agent = registry.get(id);
      if (!agent) return null;
      const row = agent.toRow();
      agent.queue.draining = true;
      for (const task of [...engine.live()].filter((t) => t.record.agent === id)) {
        await engine.end(task, "revoked", `the agent "${id}" was removed`);
      }
      agent.connection?.close(CLOSE.unauthorised, "this agent was removed");
      await messages.removed(id);
      await registry.remove(id);
      await audit.record("hub", "runtime.revoke", id, {});
      bus.emit("runtime.offline", { agent: id, reason: "removed" });
      if (!credential) return null;
      return async () => {
        // Whoever enrolled it anew since has the last word.
        if (store.credentials.get(id)) return;
        await store.credentials.put(credential);
        const back = registry.ensure(id);
        back.restore(row);
        if (agent.config) back.configure(agent.config);
        registry.save(back);
        await audit.record("hub", "runtime.let-in-again", id, {});
      };
    },

    /** A join token for a runtime that lost its credential; only the instance of the present claim can use it. */
    async joinAgain(id: string): Promise<{ readonly token: string; readonly expiresAt: number }> {
      const nonce = store.credentials.get(id)?.nonce ?? "";
      if (nonce === "") throw refuse.notEnrolled(id);
      const token = await auth.enrol(id, nonce);
      await audit.record("operator", "runtime.enrol", id, {});
      return { token, expiresAt: clock.now() + limits.joinTokenLife };
    },

    /** The old token is refused from now on; the new one is in the state folder only. */
    async rotateOperatorToken(): Promise<void> {
      const token = rotateOperatorToken(settings.home, random);
      operator.replace(token);
      await audit.record("operator", "token.rotate", "operator", {});
    },

    /** The seed's registration: a credential at once, for clients that no document describes. */
    async register(
      id: string,
      metadata: Payload,
    ): Promise<{ readonly agent: Payload; readonly token: string }> {
      if (!/^[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(id)) throw refuse.badName(id);
      const record = store.credentials.get(id);
      if (record !== null && record.nonce !== "") throw refuse.agentDeclared(id);
      const token = await auth.issueDirect(id);
      const agent = registry.ensure(id);
      agent.guest = true;
      agent.metadata = { ...agent.metadata, ...metadata };
      registry.save(agent);
      await audit.record("operator", "agent.register", id, {});
      return { agent: agent.toObject(), token };
    },

    agent: known,
  };
}
