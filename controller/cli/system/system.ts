/** The composition root: store, lock, driver, hub, fleet source and loop; started in order, stopped in reverse. */
import { inBackground } from "../../base/background.ts";
import { readFileSync } from "node:fs";
import { renderUserData } from "../../../provisioning/cloud-init/render.ts";
import { loadRuntime } from "../../../provisioning/runtime.ts";
import { createCleanup } from "../../base/cleanup.ts";
import { systemClock } from "../../base/clock.ts";
import { bootGraceOf, positiveNumber, type EnvRecord, type Settings, trustOf } from "../../base/env.ts";
import { makeHome } from "../../base/home.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { type Bus, createBus } from "../../base/events.ts";
import { loadTls } from "../../base/tls.ts";
import type { DesiredAgent } from "../../core/types.ts";
import type { DriverInfo } from "../../drivers/driver.ts";
import { refuseTooOld } from "../../drivers/multipass/version.ts";
import { type Selection, selectDriver } from "../../drivers/select.ts";
import { keepAuditTrail } from "../../hub/observability/audit-trail.ts";
import type { Hub } from "../../hub/hub.ts";
import { joinTokenLife } from "../../hub/limits.ts";
import { retentionLimits } from "../../hub/observability/retention-settings.ts";
import { adopt } from "../../loop/adopt.ts";
import type { FleetSource } from "../../fleet/source.ts";
import { type Applied, recordHistory } from "../../loop/report/history.ts";
import { keepJournal } from "../../loop/report/journal.ts";
import { reachedKey } from "../../store/keys.ts";
import { Loop } from "../../loop/loop.ts";
import { createSender } from "../../loop/notify/send.ts";
import { watchForNotices } from "../../loop/notify/watch.ts";
import { isNonceOf, makeNonce, readOrCreateFleetKey } from "../../runtimes/ownership/nonce.ts";
import { type LiveConfig, createLiveConfig } from "../../runtimes/live-config.ts";
import { createRuntimeConfigs } from "../../runtimes/config.ts";
import { watchSecretFiles } from "../../fleet/secret-files.ts";
import { acquireLock } from "../../store/lock.ts";
import { type Alert, lossAlerts } from "../../store/protection/loss.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store } from "../../store/store.ts";
import { databasePath } from "./home.ts";
import { heldBy } from "./loss-hold.ts";
import { clockAlerts } from "./clock-alerts.ts";
import { watchAlerts } from "./watch-alerts.ts";
import type { WatchLimit } from "../../fleet/watch-files.ts";
import { stopAt } from "./stop-at.ts";
import { aboutDriver, openFleet, startHub } from "./parts.ts";
import { DRIVER_KEY, readHost } from "./command-context.ts";

export interface System {
  readonly bus: Bus;
  readonly store: Store;
  readonly hub: Hub;
  readonly loop: Loop;
  readonly source: FleetSource;
  readonly selection: Selection;
  readonly driver: DriverInfo;
  readonly settings: Settings;
  /** Milliseconds after the begin of a boot during which silence is normal. */
  readonly bootGrace: number;
  readonly onError: (error: unknown) => void;
  /** Warnings about the hub itself. */
  readonly alerts: () => readonly Alert[];
  /** The revision of each agent's last change. */
  readonly applied: () => ReadonlyMap<string, Applied>;
  /** The runtimes' configuration, and unreadable secrets. */
  readonly config: LiveConfig;
  /** A person's claim of an unowned instance; its document must be in force. */
  readonly adopt: (agent: DesiredAgent) => Promise<void>;
  /** Begins nothing more, lets running steps end, closes everything. Instances are not touched. */
  stop(): Promise<void>;
}

export interface SystemOptions {
  readonly command: string;
  readonly env: EnvRecord;
  /** False: the folder is read once and not watched. */
  readonly watch: boolean;
  readonly onError: (error: unknown) => void;
}

export async function createSystem(settings: Settings, options: SystemOptions): Promise<System> {
  const clock = systemClock;
  const { env } = options;
  await using undo = createCleanup();
  const bus = createBus(clock.now, options.onError);

  // First of all: with an unusable certificate no port is opened without TLS.
  const tls = settings.tls && loadTls(settings.tls, clock.now());
  makeHome(settings.home);
  const lock = acquireLock(settings.home, { pid: process.pid, command: options.command, since: clock.now() });
  undo.defer(() => lock.release());
  const store = openStore(databasePath(settings.home));
  undo.defer(() => store.close());
  const fence = await store.nextFence();

  let watchLimit: WatchLimit | null = null;
  const polling = (code: WatchLimit) => {
    watchLimit ??= code;
  };
  const source = await openFleet(settings, options.watch, store, bus, polling);
  undo.defer(() => source.close());
  const desired = () => source.current().desired;

  const claimed =
    store.claims.list().length > 0
      ? ((store.kv.get(DRIVER_KEY) as Selection["kind"] | undefined) ?? null)
      : null;
  const selected = await selectDriver(
    // With instances in it, Multipass is waited for.
    claimed === "multipass" && settings.driver === null ? { ...settings, driver: "multipass" } : settings,
    desired()?.settings.driver ?? null,
    { bus, env, claimed },
  );
  const selection = { ...selected, driver: heldBy(selected.driver, store.losses) };
  const driver = await aboutDriver(selection, claimed, options.onError);
  if (claimed !== null && claimed !== (driver.sandbox ? "sandbox" : "multipass")) {
    throw new VmAgentError({
      code: "driver-mismatch",
      message: `this fleet's instances live in ${claimed}, and ${driver.name} is chosen`,
      next: `choose --driver ${claimed}, or another state folder with --home`,
      exit: EXIT.unreachable,
    });
  }
  if (/^\d/.test(driver.version)) refuseTooOld(driver.version);
  await store.kv.put(DRIVER_KEY, driver.sandbox ? "sandbox" : "multipass");

  const artifact = loadRuntime();
  const launchTimeoutSeconds = positiveNumber(env, "VM_AGENT_LAUNCH_TIMEOUT", 600);
  const hub = await startHub(settings, desired(), {
    runtime: { version: artifact.version, hash: artifact.hash, contents: readFileSync(artifact.file) },
    store,
    bus,
    onError: options.onError,
    sandbox: driver.sandbox,
    limits: { ...retentionLimits(env), joinTokenLife: joinTokenLife(launchTimeoutSeconds) },
    tls,
  });
  undo.defer(() => hub.stop());

  const fleetKey = readOrCreateFleetKey(settings.home);
  const nonce = (name: string) => makeNonce(fleetKey, name);
  const bootGrace = bootGraceOf(env);
  const loop: Loop = new Loop({
    driver: selection.driver,
    store,
    bus,
    clock,
    fence,
    desired,
    runtime: {
      ...hub,
      enrol: async (name, presented) => {
        const token = await hub.enrol(name, presented);
        // Revoked earlier, it would have lost its declared state.
        await config.readOne(name);
        return token;
      },
    },
    readings: hub.readings,
    heldBeside: () => config.held(),
    host: await readHost(settings.home),
    random: Math.random,
    nonce,
    ownership: {
      isOwned: (name, presented) => isNonceOf(fleetKey, name, presented),
      hubPort: () => hub.agentPort,
    },
    runtimeHash: artifact.hash,
    runtimeBundle: artifact.gzipBase64,
    userData: async (agent, nonce, joinToken) =>
      renderUserData({
        agent,
        nonce,
        joinToken,
        hubAddresses: hub.addresses(),
        hubPort: hub.agentPort,
        runtime: artifact,
      }),
    launchTimeoutSeconds,
    insideDeadlineMs: positiveNumber(env, "VM_AGENT_DEADLINE_INSIDE", 20) * 1000,
    readyTimeoutMs: positiveNumber(env, "VM_AGENT_READY_TIMEOUT", 600) * 1000,
    drainMs: positiveNumber(env, "VM_AGENT_DRAIN_TIMEOUT", 600) * 1000,
    bootGrace,
    retryFirstMs: 1000,
    onProgress: (agent, text) => loop.progress(agent, text),
    ...(env.VM_AGENT_TEST_BOUNDARY !== undefined && { boundary: stopAt(env.VM_AGENT_TEST_BOUNDARY) }),
  });
  const { onError } = options;
  const trail = keepAuditTrail({ bus, audit: hub.audit, onError });
  undo.defer(() => {
    hub.authReports.close();
    return trail.close();
  });
  await hub.audit.record("operator", "begin", options.command, { driver: driver.name, pid: process.pid });
  undo.defer(
    bus.on("runtime.online", ({ agent }) => {
      if (store.kv.get(reachedKey(agent)) === hub.agentPort) return;
      inBackground(store.kv.put(reachedKey(agent), hub.agentPort), onError);
    }),
  );
  const journal = keepJournal({ bus, kv: store.kv, changeOf: (name) => loop.inFlight.get(name), onError });
  undo.defer(() => journal.close());
  const fleet = () => source.current();
  const history = recordHistory({ store, loop, bus, fleet, folder: settings.fleet, clock, onError });
  undo.defer(() => history.close());
  undo.defer(() => loop.stop());
  const trust = () => ({ ...trustOf(settings), restricted: desired()?.restricted === true });
  const sender = createSender({ clock, onError: options.onError, trust });
  undo.defer(() => sender.close());
  undo.defer(
    watchForNotices({
      bus,
      clock,
      kv: store.kv,
      sender,
      fleet: settings.fleet,
      desired,
      turn: () => loop.last,
      failures: () =>
        [...loop.queue.failures()].map(([agent, f]) => ({
          agent,
          message: f.message,
          terminal: !Number.isFinite(f.retryAt),
        })),
      onError: options.onError,
    }),
  );

  const files = options.watch
    ? watchSecretFiles(() => inBackground(config.readSecrets(), onError), onError, polling)
    : null;
  const config: LiveConfig = createLiveConfig({
    desired,
    claims: () => store.claims.list(),
    configs: createRuntimeConfigs({ env, key: fleetKey, trust }),
    runtime: hub,
    files,
    onRotated: (agent, secrets) => {
      inBackground(hub.audit.record("loop", "secret.rotated", agent, { secrets }), onError);
      bus.emit("secret.rotated", { agent, secrets });
    },
    onMissing: () => loop.wake(),
  });
  await config.readAll();
  undo.defer(() => config.idle());
  undo.defer(() => files?.close());
  undo.defer(bus.on("fleet.read", () => inBackground(config.readAll(), onError)));
  undo.defer(bus.on("reconciled", () => inBackground(config.readSecrets(), onError)));

  const owned = undo.move();
  return {
    bus,
    store,
    hub,
    loop,
    source,
    selection,
    driver,
    settings,
    bootGrace,
    onError: options.onError,
    alerts: () => [
      ...lossAlerts(store.losses()),
      ...clockAlerts(hub.clockJumped()),
      ...watchAlerts(watchLimit),
    ],
    applied: history.applied,
    config,
    adopt: async (agent) => {
      await adopt({ driver: selection.driver, store, clock, fence, nonce: () => nonce(agent.name) }, agent);
      loop.wake();
    },
    stop: () => owned[Symbol.asyncDispose](),
  };
}
