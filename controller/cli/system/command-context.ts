/**
 * The context of a command that observes without a hub: declared fleet, store, driver. Opened lazily, closed together.
 */
import { existsSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { statfs } from "node:fs/promises";
import { systemClock } from "../../base/clock.ts";
import { type Settings, trustOf } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { type Bus, createBus } from "../../base/events.ts";
import type { InFlightText } from "../../views/explain.ts";
import type { Holds } from "../../core/holds.ts";
import type { Desired, Host, Instant, RuntimeReading } from "../../core/types.ts";
import { type Selection, selectDriver } from "../../drivers/select.ts";
import type { FleetRead } from "../../fleet/load.ts";
import { findRepository, type FoundRepository, type GitState, shortRevision } from "../../fleet/git/git.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { type InstanceList, listInstances } from "./instance-list.ts";
import { type HubFile, databasePath, findHub } from "./home.ts";
import { shownPath } from "../output/output.ts";
import { inFlightText } from "../output/in-flight.ts";
import { type Screen, waiting } from "../output/waiting.ts";
import type { Api } from "../../../ui/client/api.ts";

/** kv key: the driver of this store's instances. */
export const DRIVER_KEY = "driver";
/** kv key: the agent port of the last hub; instances remember it, so it is used again. */
export const AGENT_PORT_KEY = "agent-port";

export interface LoopKnows {
  readonly holds: Holds;
  /** Agents with a change in flight, or since the loop's last refresh. */
  readonly inFlight: readonly string[];
  /** When the last change of each agent ended. */
  readonly endedAt: Readonly<Record<string, Instant>>;
}

export interface CommandContext extends AsyncDisposable {
  readonly settings: Settings;
  readonly bus: Bus;
  /** The running hub of this fleet, if there is one. */
  hub(): Promise<{ readonly api: Api; readonly file: HubFile | null } | null>;
  fleet(): Promise<FleetRead>;
  /** Git state of the fleet folder; null: in no repository. */
  git(): Promise<GitState | null>;
  /** Throws `fleet-invalid` with the report when the fleet is invalid. */
  desired(): Promise<Desired>;
  store(): Store;
  selection(): Promise<Selection>;
  /** Reads each time; called before the fleet is needed. */
  listInstances(): Promise<InstanceList | null>;
  host(): Promise<Host>;
  /** Last reports of the runtimes: from the running hub, else from the store. */
  readings(): Promise<readonly RuntimeReading[]>;
  /** Holds and changes in flight of the running loop, read now; null: no loop runs. */
  known(): Promise<LoopKnows | null>;
  /** The running loop's changes in flight. */
  inFlight(): Promise<readonly InFlightText[]>;
}

export interface WorldOptions {
  /** Use this store instead of the one on disk. */
  readonly store?: Store;
  /** Use this fleet instead of the current one. */
  readonly fleet?: FleetRead;
  readonly color?: boolean;
  readonly width?: number;
  /** A dashboard has the screen: nothing else is printed. */
  readonly isDrawn?: boolean;
}

/** Nothing is opened before it is used, so that a command pays only for what it needs. */
export async function openContext(settings: Settings, options: WorldOptions): Promise<CommandContext> {
  const bus = createBus(systemClock.now);
  const screen: Screen = options.isDrawn ? { write: () => {} } : process.stderr;
  const once = <T>(make: () => T): (() => T) => {
    let made: { readonly value: T } | null = null;
    return () => {
      made ??= { value: make() };
      return made.value;
    };
  };
  let opened: Store | null = null;
  const store = once(() => {
    if (options.store) return options.store;
    const path = databasePath(settings.home);
    opened = existsSync(path) ? openStore(path, { readOnly: true }) : createMemoryStore();
    return opened;
  });
  const hub = once(() => findHub(settings));
  // A running loop fetches; without one, the command fetches the current state.
  const mayFetch = async () => (await hub()) === null;
  let found: Promise<FoundRepository> | null = null;
  const loaded = once(async () => {
    if (options.fleet) return { read: options.fleet, git: null };
    // Loaded on use: the YAML parser and the checks are half of all code.
    const { readFleetInGit } = await import("../../fleet/git/reader.ts");
    return waiting(screen, "git, for the fleet as it is committed", () =>
      readFleetInGit(settings.fleet, { ...trustOf(settings), mayFetch, ...(found && { found }) }),
    );
  });
  const fleet = once(async () => (await loaded()).read);
  const heard = once(async () => {
    const running = await hub();
    return running ? await running.api.getReadings().catch(() => null) : null;
  });
  const world: CommandContext = {
    settings,
    bus,
    hub,
    fleet,
    git: once(async () => (await loaded()).git),
    async desired() {
      const { read, git } = await loaded();
      if (read.ok) return read.desired;
      const { reportErrors } = await import("../../fleet/report.ts");
      const at = git?.follows && git.tip ? `the commit ${shortRevision(git.tip)} is broken\n\n` : "";
      throw new VmAgentError({
        code: "fleet-invalid",
        message:
          at +
          reportErrors(read.errors, {
            color: options.color ?? false,
            width: options.width ?? 100,
            folder: shownPath(settings.fleet),
          }),
        next:
          `mend ${read.errors.length === 1 ? "it" : "them"}${at === "" ? "" : " and commit"}; ` +
          "vm-agent validate checks without looking at Multipass",
        exit: EXIT.invalidFleet,
      });
    },
    store,
    selection: once(async () => {
      const read = await fleet().catch(() => null);
      const wanted = read?.ok ? read.desired.settings.driver : null;
      const claimed = claimedKind(store);
      return waiting(screen, "Multipass to say whether it is there", () =>
        selectDriver(settings, wanted, { bus, env: process.env, claimed }),
      );
    }),
    async listInstances() {
      const look = await listInstances(settings, claimedKind(store), store, bus);
      // Git needs no other part either.
      if (!options.fleet) found ??= findRepository(settings.fleet);
      return look;
    },
    host: once(() => readHost(settings.home)),
    async readings() {
      const answer = await heard();
      if (answer) return answer.readings;
      return store()
        .agents.list()
        .map((row) => row.json.reading as RuntimeReading | undefined)
        .filter((r): r is RuntimeReading => r !== undefined)
        .map((r) => ({ ...r, status: "offline" as const }));
    },
    async known() {
      const answer = await (await hub())?.api.getReadings().catch(() => null);
      if (!answer) return null;
      const { held = [], known = [], inFlight = [], endedAt = {} } = answer;
      return { holds: { beside: held, known }, inFlight, endedAt };
    },
    async inFlight() {
      const fleet = await (await hub())?.api.getFleet().catch(() => null);
      return (fleet?.agents ?? []).flatMap(({ name, work }) => (work ? [inFlightText(name, work)] : []));
    },
    async [Symbol.asyncDispose]() {
      await opened?.close();
    },
  };
  return world;
}

/** The driver of the claimed instances; an unreadable store is reported when it is needed. */
function claimedKind(store: () => Store): "multipass" | "sandbox" | null {
  try {
    return store().claims.list().length > 0
      ? ((store().kv.get(DRIVER_KEY) as "multipass" | "sandbox" | undefined) ?? null)
      : null;
  } catch {
    return null;
  }
}

export async function readHost(folder: string): Promise<Host> {
  const disk = await statfs(existsSync(folder) ? folder : "/").then(
    (s) => s.blocks * s.bsize,
    () => 0,
  );
  return { cpu: cpus().length, memory: totalmem(), disk };
}
