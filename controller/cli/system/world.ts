/** What a command needs to look at the world by itself: the fleet as written, the store, the driver. Opened lazily, closed together. */
import { existsSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { statfs } from "node:fs/promises";
import { systemClock } from "../../base/clock.ts";
import { type Settings, trustOf } from "../../base/env.ts";
import { EXIT, VmAgentError } from "../../base/errors.ts";
import { type Bus, createBus } from "../../base/events.ts";
import type { Working } from "../../views/explain.ts";
import type { Holds } from "../../core/holds.ts";
import type { Desired, Host, Instant, RuntimeReading } from "../../core/types.ts";
import { type Selection, selectDriver } from "../../drivers/select.ts";
import type { FleetRead } from "../../fleet/load.ts";
import { findRepository, type FoundRepository, type GitState, shortRevision } from "../../fleet/git/git.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import { type EarlyLook, lookEarly } from "./early-look.ts";
import { type HubFile, databasePath, findHub } from "./home.ts";
import { shownPath } from "../output/output.ts";
import { workingOn } from "../output/working.ts";
import { type Screen, waiting } from "../output/waiting.ts";
import type { Api } from "../../../ui/client/api.ts";

/** kv key: the kind of driver in which this store's instances live. */
export const DRIVER_KEY = "driver";
/** kv key: the agent port of the last hub; instances remember it, so a port that was picked is picked again. */
export const AGENT_PORT_KEY = "agent-port";

export interface LoopKnows {
  readonly holds: Holds;
  /** Names that are worked on, or were after the loop's last look. */
  readonly inFlight: readonly string[];
  /** When the last work on a name ended. */
  readonly endedAt: Readonly<Record<string, Instant>>;
}

export interface World extends AsyncDisposable {
  readonly settings: Settings;
  readonly bus: Bus;
  /** The hub that runs for this fleet, if one does. */
  hub(): Promise<{ readonly api: Api; readonly file: HubFile | null } | null>;
  fleet(): Promise<FleetRead>;
  /** What git says of the fleet folder; null: it is in no repository. */
  git(): Promise<GitState | null>;
  /** Throws `fleet-invalid` with the report when the fleet cannot be used. */
  desired(): Promise<Desired>;
  store(): Store;
  selection(): Promise<Selection>;
  /** A new look each time; to be called before the fleet is asked for. */
  lookEarly(): Promise<EarlyLook | null>;
  host(): Promise<Host>;
  /** What runtimes were last heard of: from the running hub, else from the store. */
  readings(): Promise<readonly RuntimeReading[]>;
  /** What the running loop knows beyond a look, asked now; null: no loop runs. */
  known(): Promise<LoopKnows | null>;
  /** What the running loop is at work on. */
  working(): Promise<readonly Working[]>;
}

export interface WorldOptions {
  /** Use this store instead of looking at the one on disk. */
  readonly store?: Store;
  /** Use this fleet instead of the one that counts now. */
  readonly fleet?: FleetRead;
  readonly color?: boolean;
  readonly width?: number;
  /** The screen is a dashboard's: nothing is written to it beside. */
  readonly isDrawn?: boolean;
}

/** Nothing is opened before it is asked for, so that a command pays for what it uses only. */
export async function openWorld(settings: Settings, options: WorldOptions): Promise<World> {
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
  // A running loop fetches; without one, somebody who looks wants to see what is there now.
  const mayFetch = async () => (await hub()) === null;
  let found: Promise<FoundRepository> | null = null;
  const loaded = once(async () => {
    if (options.fleet) return { read: options.fleet, git: null };
    // Loaded when it is wanted: parser and checks of YAML are half of all code.
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
  const world: World = {
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
    async lookEarly() {
      const look = await lookEarly(settings, claimedKind(store), store, bus);
      // Git needs nothing of what is still to be loaded either.
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
    async working() {
      const fleet = await (await hub())?.api.getFleet().catch(() => null);
      return (fleet?.agents ?? []).flatMap(({ name, work }) => (work ? [workingOn(name, work)] : []));
    },
    async [Symbol.asyncDispose]() {
      await opened?.close();
    },
  };
  return world;
}

/** The kind of driver in which claimed instances live; a store that cannot be read tells when it is really needed. */
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
