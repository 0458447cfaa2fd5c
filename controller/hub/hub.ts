/** The hub: joins store, registry, tasks, messages and the agent port, and offers them to loop and HTTP. */
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { networkInterfaces } from "node:os";
import type { Clock } from "../base/clock.ts";
import { descriptorLimit } from "../base/process/descriptors.ts";
import type { Bus } from "../base/events.ts";
import type { Tls } from "../base/tls.ts";
import type { RuntimeReading } from "../core/types.ts";
import type { Loss, Store } from "../store/store.ts";
import { type Interfaces, advertised, anyAddresses, join } from "./runtimes/addresses.ts";
import { type AgentPort, openAgentPort } from "./runtimes/agent-port.ts";
import { AgentSocket } from "./runtimes/agent-socket.ts";
import { createAudit } from "./observability/audit.ts";
import { ConnectionAdmission, connectionBudget } from "./runtimes/connection-admission.ts";
import { RuntimeAuth } from "./auth/auth.ts";
import { AuthReports } from "./auth/reports.ts";
import { createClockWatch } from "./observability/clock-watch.ts";
import { hostName } from "./auth/hosts.ts";
import { createHubAgents } from "./hub-agents.ts";
import { LIMITS, type Limits } from "./limits.ts";
import { firstFree } from "./listen.ts";
import { LiveFeed } from "./observability/live-feed.ts";
import { Lockout } from "./auth/lockout.ts";
import { createMessages } from "./messages/messages.ts";
import { createMetrics } from "./observability/metrics.ts";
import { OperatorAuth } from "./auth/operator.ts";
import { readOrCreateOperatorToken, rotateOperatorToken } from "./auth/operator-token.ts";
import { type Random, systemRandom } from "./random.ts";
import { Registry } from "./runtimes/registry.ts";
import { createRuntimeLogs } from "./observability/runtime-logs.ts";
import { prune } from "./observability/retention.ts";
import type { SessionDeps } from "./runtimes/session.ts";
import { TaskEngine } from "./tasks/engine.ts";
import { createTaskRequests } from "./tasks/requests.ts";
import { createUpgrades, type RuntimeBundle } from "./runtimes/upgrades.ts";
import { passed, tasksUntil } from "./tasks/timeouts.ts";

export interface HubSettings {
  /** State folder, which holds the operator's token. */
  readonly home: string;
  /** Address that the agent port binds, or BIND_BRIDGES: loopback, and the bridges that lead to virtual machines. */
  readonly bind: string;
  /** Tried in this order; 0 picks one. */
  readonly agentPort: number | readonly number[];
  /** `auto`, or the host[:port] that is advertised to instances. */
  readonly advertise: string;
  /** Names under which hub and HTTP may be called besides `localhost`; addresses need no entry. */
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
  /** File descriptors of this process; default: its own limit. */
  readonly descriptors?: number;
  /** The network interfaces of this machine, read repeatedly. */
  readonly interfaces?: () => Interfaces;
  /** The runtime bundle to upgrade to; absent: no upgrades. */
  readonly runtime?: RuntimeBundle;
  /** Errors of background work, which have no caller. */
  readonly onError?: (error: unknown) => void;
}

export type Hub = ReturnType<typeof createHub>;

/** systemd's name for the default gateway; where it is unknown the runtime uses the gateway's address. */
const GATEWAY = "_gateway";

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
  const watch = createClockWatch({ store, clock, bus });
  const lockout = new Lockout({ ...clock, now: watch.steady }, limits);
  const admission = new ConnectionAdmission(connectionBudget(deps.descriptors ?? descriptorLimit(), limits));
  const reports = new AuthReports(bus, clock, limits);
  const operatorToken = readOrCreateOperatorToken(settings.home, random);
  const auth = new RuntimeAuth({ credentials: store.credentials, clock, age: watch.age, random, limits });
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
  const messages = createMessages({
    store,
    registry,
    clock,
    safeNow: watch.safeNow,
    random,
    limits,
    onStoreError,
  });
  const logs = createRuntimeLogs({
    registry,
    random,
    now: clock.now,
    answerWithin: limits.logAnswer,
    onError,
  });
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
    reports,
    upgrades,
    onError,
  };
  const sockets = new AgentSocket({
    admission,
    auth,
    bus,
    connection: { bus, random, now: clock.now, limits },
    limits,
    lockout,
    registry,
    reports,
    session,
    hostNames: () => [...settings.hostNames, ...hosts().map(hostName)],
    onDisconnected: (agent, connection, code) => {
      if (agent.connection === connection) engine.undelivered(agent);
      registry.disconnected(agent, connection, code);
    },
  });
  // Random, so that two runs differ whatever the clock says.
  const run = random.uuid().slice(0, 8);
  const feed = new LiveFeed(bus, run, limits);
  const metrics = createMetrics(bus, {
    agents: () => registry.counts(),
    activeTasks: () => engine.activeCount,
    queuedTasks: () => [...registry.all()].reduce((sum, agent) => sum + agent.queue.waiting, 0),
    connections: () => sockets.size,
    lateAnswers: () => engine.lateAnswers,
    deadLetters: () => store.deadLetters.count(),
    expiredMessages: () => messages.counts.expired,
    storeErrors: () => storeErrors,
    authFailures: () => reports.counts,
  });
  const requests = createTaskRequests({ engine, registry, store, limits });

  let door: AgentPort | null = null;
  const ports = [settings.agentPort].flat();
  let port = ports[0] ?? 0;
  let sweeping: NodeJS.Timeout | null = null;
  let lastPrune = Number.NEGATIVE_INFINITY;
  let pruning: Promise<unknown> | null = null;

  const interfaces = deps.interfaces ?? networkInterfaces;
  const hosts = (): readonly string[] => {
    const table = interfaces();
    const reported = advertised(settings.advertise, settings.bind, port, table);
    // Before a bridge exists an instance uses its default gateway. With TLS it needs the certificate's fingerprint,
    // which comes with an address; a server without that certificate is not spoken to.
    if (reported.length > 0 || !settings.tls) return reported;
    const other = anyAddresses(table);
    // A machine without a network may get a bridge later: the gateway's name carries the fingerprint.
    return (other.length > 0 ? other : [GATEWAY]).map((host) => join(host, port));
  };
  /** As in the settings of instances: with TLS, the certificate's fingerprint is added. */
  const addresses = (): readonly string[] => {
    const { tls } = settings;
    return tls ? hosts().map((host) => `wss://${host}/agent#sha256:${tls.fingerprint}`) : hosts();
  };

  const listening = (): readonly string[] =>
    (door?.hosts() ?? []).map((host) => join(host, door?.port ?? port));

  const sweep = () => {
    registry.sweep();
    reports.sweep();
    watch.tick();
    const now = clock.now();
    for (const task of engine.live()) {
      const agent = registry.get(task.record.agent);
      const silent = agent?.connection ? 0 : Math.max(1, now - (agent?.aliveAt ?? 0));
      const late = passed(task, silent, watch.age, limits);
      if (late) engine.end(task, late.event, late.error).catch(onError);
    }
    if (watch.steady() - lastPrune < limits.pruneInterval) return;
    lastPrune = watch.steady();
    watch.save().catch(onStoreError);
    messages.expire().catch(onStoreError);
    pruning ??= prune(store, watch.safeNow(), limits)
      .catch(onStoreError)
      .finally(() => {
        pruning = null;
      });
  };

  const operator = new OperatorAuth(operatorToken, lockout, reports, clock.now, (address) => {
    audit.record("operator", "login", address, {}).catch(onStoreError);
  });

  return {
    /** Every server of this process reports its connections here. */
    admission,
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
    /** Failed authentications that are reported as events. */
    authReports: reports,
    requests,
    settings,
    store,
    operator,
    /** Identifies this run of the hub; no secret. */
    run,
    startedAt,
    /** For the `upgrade` event of another HTTP server, so that runtimes can connect there too. */
    handleUpgrade: sockets.handleUpgrade,

    /** Opens the agent port. Errors: `port-in-use`, `address-unavailable`. */
    async start(): Promise<void> {
      const refuseRequest: RequestListener = (_, response) => {
        response.writeHead(426, { "content-type": "text/plain", connection: "close", upgrade: "websocket" });
        response.end("this port speaks WebSocket with runtimes; the API is on the HTTP port\n");
      };
      const times = {
        headersTimeout: limits.headersDeadline,
        requestTimeout: limits.headersDeadline,
        keepAliveTimeout: limits.keepAlive,
        connectionsCheckingInterval: limits.connectionsCheck,
      };
      const { tls } = settings;
      const make = () => {
        const server = tls
          ? createTlsServer(
              { ...times, cert: tls.cert, key: tls.key, handshakeTimeout: limits.tlsDeadline },
              refuseRequest,
            )
          : createServer(times, refuseRequest);
        server.on("connection", admission.accept);
        server.on("upgrade", sockets.handleUpgrade);
        return server;
      };
      const { bind, advertise } = settings;
      const changed = (problem: string | null) => {
        if (door) bus.emit("hub.listening", { addresses: listening(), problem });
        else if (problem !== null) onError(new Error(problem));
      };
      door = await firstFree(ports, (each) =>
        openAgentPort({
          make,
          bind,
          port: each,
          advertise,
          interfaces,
          every: limits.interfacesInterval,
          changed,
          onError,
        }),
      );
      port = door.port;
      sweeping = setInterval(sweep, limits.sweep);
    },

    /** Closes connections with 1012, so that runtimes reconnect; open tasks stay open in the store. */
    async stop(deadline = 5000): Promise<void> {
      if (sweeping) clearInterval(sweeping);
      sweeping = null;
      door?.close();
      await sockets.close(deadline);
      door?.cut();
      door = null;
      await engine.stop();
      await pruning;
      await watch.save().catch(onStoreError);
      for (const agent of registry.all()) registry.save(agent);
      await store.flush();
      feed.stop();
      metrics.stop();
    },

    /** The agent port that is bound. */
    get agentPort(): number {
      return port;
    },

    /** An operator accepts the loss. */
    acknowledgeLosses: async (): Promise<readonly Loss[]> => {
      await watch.trust();
      return store.acknowledge("operator", clock.now());
    },

    /** Milliseconds by which the wall clock jumped, while that makes ages uncertain; else null. */
    clockJumped: watch.distrusted,

    addresses,
    /** Addresses on which the agent port listens. */
    listening,

    /** Where first-generation clients connect. */
    clientUrl: (): string =>
      `${settings.tls ? "wss" : "ws"}://${advertised(settings.advertise, settings.bind, port, interfaces())[0] ?? `127.0.0.1:${port}`}`,

    readings(): readonly RuntimeReading[] {
      return registry.readings(tasksUntil(engine.live(), limits));
    },

    /** Refuses the old token from now on; the new one is in the state folder only. */
    async rotateOperatorToken(): Promise<void> {
      const token = rotateOperatorToken(settings.home, random);
      operator.replace(token);
      await audit.record("operator", "token.rotate", "operator", {});
    },

    ...createHubAgents({ auth, audit, bus, clock, engine, limits, messages, registry, store, upgrades }),
  };
}
