/** The data of the checks: each part is read once, on first use, and shared. Read-only. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { type EnvRecord, type Settings, trustOf } from "../../base/env.ts";
import { toVmAgentError, type VmAgentError } from "../../base/errors.ts";
import { createBus } from "../../base/events.ts";
import { type Run, run as realRun } from "../../base/process/exec.ts";
import type { Claim } from "../../core/types.ts";
import type { DriverInfo, Observation } from "../../drivers/driver.ts";
import { DEADLINES, readDeadlines } from "../../drivers/multipass/call.ts";
import { type Selection, selectDriver } from "../../drivers/select.ts";
import type { FleetRead } from "../../fleet/load.ts";
import { createClockWatch } from "../../hub/observability/clock-watch.ts";
import { findLosses } from "../../store/protection/find-losses.ts";
import type { Loss } from "../../store/protection/loss.ts";
import { openStore } from "../../store/sqlite/sqlite.ts";
import { type HubFile, databasePath, findHub, readHubFile } from "../system/home.ts";
import { reachedKey } from "../../store/keys.ts";
import type { Store } from "../../store/store.ts";
import { PORT_KEYS } from "../system/hub-ports.ts";
import { AGENT_PORT_KEY, DRIVER_KEY } from "../system/command-context.ts";

export interface DriverLook {
  readonly selection: Selection;
  readonly info: DriverInfo;
  /** Milliseconds that `version` took. */
  readonly tookMs: number;
  readonly seen: Observation;
}

export type Stored =
  | { readonly kind: "none" }
  | {
      readonly kind: "open";
      readonly losses: readonly Loss[];
      readonly claims: readonly Claim[];
      readonly driver: Selection["kind"] | null;
      /** The agent port of the last hub; null: none was started. */
      readonly agentPort: number | null;
      /** Name to the agent port of its runtime's last connection. */
      readonly reached: ReadonlyMap<string, number>;
      /** Milliseconds by which the clock jumped, where that makes ages uncertain; null: it is trusted. */
      readonly clockJumped: number | null;
      /** Of the last run. */
      readonly ports: Pick<Store["kv"], "get">;
    }
  | { readonly kind: "refused"; readonly losses: readonly Loss[]; readonly error: VmAgentError };

export interface RunningHub {
  readonly file: HubFile;
  /** Its health endpoint answers. */
  readonly answers: boolean;
}

export interface DoctorContext {
  readonly settings: Settings;
  readonly env: EnvRecord;
  readonly platform: NodeJS.Platform;
  readonly now: () => number;
  readonly run: Run;
  /** Deadline of one call of Multipass, in milliseconds. */
  readonly lookMs: number;
  fleet(): Promise<FleetRead>;
  stored(): Stored;
  /** Rejects with the reason when no Multipass can be used. */
  driver(): Promise<DriverLook>;
  /** null: none was started for this fleet, or it ended in order. */
  hub(): Promise<RunningHub | null>;
}

/** A person waits; a slower daemon counts as one that does not answer. */
const LONGEST_LOOK = 15_000;

export interface DoctorOptions {
  readonly platform?: NodeJS.Platform;
  readonly run?: Run;
  readonly usualPlaces?: readonly string[];
}

export function createDoctorContext(
  settings: Settings,
  env: EnvRecord,
  options: DoctorOptions = {},
): DoctorContext {
  const lookMs = Math.min(readDeadlines(env).look, LONGEST_LOOK);
  const run = options.run ?? realRun;
  const once = <T>(make: () => T): (() => T) => {
    let made: { readonly value: T } | null = null;
    return () => {
      made ??= { value: make() };
      return made.value;
    };
  };
  const fleet = once(async () => {
    const { readFleetInGit } = await import("../../fleet/git/reader.ts");
    return (await readFleetInGit(settings.fleet, { ...trustOf(settings), mayFetch: async () => false })).read;
  });
  const stored = once(() => lookAtStore(settings.home));
  return {
    settings,
    env,
    platform: options.platform ?? process.platform,
    now: systemClock.now,
    run,
    lookMs,
    fleet,
    stored,
    driver: once(async () => {
      const read = await fleet().catch(() => null);
      const store = stored();
      return lookAtDriver(settings, read?.ok ? read.desired.settings.driver : null, {
        env,
        run,
        lookMs,
        claimed: store.kind === "open" && store.claims.length > 0 ? store.driver : null,
        ...(options.usualPlaces && { usualPlaces: options.usualPlaces }),
      });
    }),
    hub: once(async () => {
      const file = readHubFile(settings.home);
      if (file === null) return null;
      const answers = (await findHub({ ...settings, url: null, token: settings.token ?? "-" })) !== null;
      return { file, answers };
    }),
  };
}

function lookAtStore(home: string): Stored {
  const path = databasePath(home);
  if (!existsSync(path)) return { kind: "none" };
  let losses: readonly Loss[] = [];
  try {
    losses = findLosses(home, path, systemClock.now());
    const store = openStore(path, { readOnly: true, untouched: true });
    try {
      const driver = (store.kv.get(DRIVER_KEY) as Selection["kind"] | undefined) ?? null;
      const clockJumped = createClockWatch({
        store,
        clock: systemClock,
        bus: createBus(systemClock.now),
      }).distrusted();
      const claims = store.claims.list();
      const agentPort = (store.kv.get(AGENT_PORT_KEY) as number | undefined) ?? null;
      const reached = new Map(
        claims.flatMap(({ name }) => {
          const port = store.kv.get(reachedKey(name));
          return typeof port === "number" ? [[name, port] as const] : [];
        }),
      );
      const ports = new Map(PORT_KEYS.map((key) => [key, store.kv.get(key)]));
      return {
        kind: "open",
        losses,
        claims,
        driver,
        agentPort,
        reached,
        clockJumped,
        ports: { get: (key) => ports.get(key) ?? null },
      };
    } finally {
      // A read-only store has nothing to wait for.
      void store.close();
    }
  } catch (error) {
    return { kind: "refused", losses, error: toVmAgentError(error) };
  }
}

interface LookParts {
  readonly env: EnvRecord;
  readonly run: Run;
  readonly lookMs: number;
  readonly claimed: Selection["kind"] | null;
  readonly usualPlaces?: readonly string[];
}

async function lookAtDriver(
  settings: Settings,
  wanted: "auto" | "multipass" | "sandbox" | null,
  { env, run, lookMs, claimed, usualPlaces }: LookParts,
): Promise<DriverLook> {
  // Its first call would create the sandbox's folders. Without them there is no instance, and a temporary folder shows
  // the same.
  const own = env.VM_AGENT_SANDBOX_DIR || join(settings.home, "sandbox");
  const passing = existsSync(own) ? null : mkdtempSync(join(tmpdir(), "vm-agent-doctor-"));
  try {
    const selection = await selectDriver(settings, wanted, {
      bus: createBus(systemClock.now),
      env: { ...env, ...(passing !== null && { VM_AGENT_SANDBOX_DIR: passing }) },
      run,
      deadlines: { ...DEADLINES, look: lookMs },
      claimed,
      ...(usualPlaces && { usualPlaces }),
    });
    const begun = performance.now();
    const info = await selection.driver.info();
    const tookMs = performance.now() - begun;
    return { selection, info, tookMs, seen: await selection.driver.list() };
  } finally {
    if (passing !== null) rmSync(passing, { recursive: true, force: true });
  }
}
