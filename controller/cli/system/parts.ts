/** Parts of the composition root: fleet source, hub with its ports, driver. */
import type { WatchLimit } from "../../fleet/watch-files.ts";
import { systemClock } from "../../base/clock.ts";
import { positiveNumber, type Settings, trustOf } from "../../base/env.ts";
import { toVmAgentError } from "../../base/errors.ts";
import type { Bus } from "../../base/events.ts";
import type { Tls } from "../../base/tls.ts";
import type { Desired } from "../../core/types.ts";
import type { DriverInfo } from "../../drivers/driver.ts";
import type { Selection } from "../../drivers/select.ts";
import { BIND_BRIDGES } from "../../hub/runtimes/addresses.ts";
import { createHub, type Hub } from "../../hub/hub.ts";
import type { Limits } from "../../hub/limits.ts";
import type { RuntimeBundle } from "../../hub/runtimes/upgrades.ts";
import { readFleetInGit } from "../../fleet/git/reader.ts";
import { createFleetSource, type FleetSource } from "../../fleet/source.ts";
import type { Store } from "../../store/store.ts";
import { agentPortsToTry, knownPortTaken, portChoice, rememberPort } from "./hub-ports.ts";

const LAST_GOOD_KEY = "fleet/last-good";

/** The selected driver. One that does not answer is used all the same: nothing is done until it answers. */
export async function aboutDriver(
  selection: Selection,
  claimed: Selection["kind"] | null,
  onError: (error: unknown) => void,
): Promise<DriverInfo> {
  try {
    return await selection.driver.info();
  } catch (error) {
    const known = toVmAgentError(error);
    if (known.code === "driver-missing") throw error;
    onError(new Error(`${known.message}; ${known.next}`));
    const kind = claimed ?? selection.kind;
    return { name: kind, version: "that does not answer", daemonAnswers: false, sandbox: kind === "sandbox" };
  }
}

export async function openFleet(
  settings: Settings,
  watch: boolean,
  store: Store,
  bus: Bus,
  polling: (code: WatchLimit) => void,
): Promise<FleetSource> {
  if (watch) {
    const lastGood = {
      load: () => store.kv.get(LAST_GOOD_KEY),
      save: (value: unknown) => store.kv.put(LAST_GOOD_KEY, value),
    };
    return createFleetSource({
      ...trustOf(settings),
      folder: settings.fleet,
      bus,
      lastGood,
      git: true,
      polling,
    });
  }
  // The calling command has shown a plan of the fetched revision; no newer one is used.
  const { read, git } = await readFleetInGit(settings.fleet, trustOf(settings));
  const state = read.ok
    ? { desired: read.desired, errors: [], warnings: read.warnings, stale: false, git }
    : { desired: null, errors: read.errors, warnings: read.warnings, stale: false, git };
  return { current: () => state, refresh: async () => state, close: async () => {} };
}

export interface HubParts {
  readonly runtime: RuntimeBundle;
  readonly store: Store;
  readonly bus: Bus;
  readonly sandbox: boolean;
  readonly limits: Partial<Limits>;
  readonly tls: Tls | null;
  readonly onError: (error: unknown) => void;
}

export async function startHub(settings: Settings, desired: Desired | null, parts: HubParts): Promise<Hub> {
  const choice = portChoice("agents", settings, desired?.settings.hub, parts.store.kv);
  const hasInstances = parts.store.claims.list().length > 0;
  // The sandbox is on this machine; virtual machines use a bridge that need not exist before the first launch.
  const bind = parts.sandbox || process.env.VM_AGENT_BIND ? settings.bind : BIND_BRIDGES;
  const hub = createHub({
    store: parts.store,
    bus: parts.bus,
    clock: systemClock,
    settings: {
      home: settings.home,
      bind,
      agentPort: agentPortsToTry(choice, hasInstances),
      advertise: desired?.settings.hub.advertise ?? "auto",
      hostNames: [],
      tls: parts.tls,
    },
    limits: {
      reconnectShortest: positiveNumber(process.env, "VM_AGENT_RECONNECT_SHORTEST", 1) * 1000,
      reconnectLongest: positiveNumber(process.env, "VM_AGENT_RECONNECT_LONGEST", 30) * 1000,
      ...parts.limits,
    },
    runtime: parts.runtime,
    onError: parts.onError,
  });
  await hub.start().catch((error: unknown) => {
    throw knownPortTaken(error, choice, hasInstances);
  });
  await rememberPort(parts.store, "agents", hub.agentPort);
  return hub;
}
