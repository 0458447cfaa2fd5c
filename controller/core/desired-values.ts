/** Defaults of the documents, their sizes and durations as numbers, and the settings of a fleet. */
import type { FleetDocument } from "../../schemas/types.ts";
import type { FleetSettings } from "./types.ts";

/** The schemas hold the same numbers as `default`; a test compares them. */
export const AGENT_DEFAULTS = {
  type: "worker",
  cpu: 2,
  memory: "4G",
  disk: "20G",
  state: "running",
  onChange: "hold",
  tasks: { concurrency: 1, sudo: false, user: "ubuntu" },
  health: { offlineAfter: "90s", remediate: ["restart-runtime", "restart-instance"] },
} as const;
export const SNAPSHOT_DEFAULTS = { comment: "", keep: 7, whenRunning: "stop" } as const;
export const FLEET_DEFAULTS = {
  driver: "auto",
  parallelism: 2,
  interval: "30s",
  prune: false,
  maxDeletes: 1,
  drift: { mode: "correct" },
  limits: { agents: 1000 },
  git: { follow: false, interval: "60s" },
  hub: { advertise: "auto", agentPort: 9090, httpPort: 9091, dashboardPort: 9092 },
} as const;

const BYTES: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes of a valid size, by Multipass's rule: 1024-based, fractions of a byte cut off. */
export function parseSize(size: string | number): number {
  if (typeof size === "number") return size;
  const unit = /[kmg]/i.exec(size)?.[0].toLowerCase() ?? "";
  return Math.floor(Number.parseFloat(size) * (BYTES[unit] ?? 1));
}

/** Milliseconds of a valid duration. */
export function parseDuration(duration: string): number {
  const unit = duration.replace(/[0-9.]+/, "");
  return Math.round(Number.parseFloat(duration) * (MILLISECONDS[unit] ?? 1));
}

/** Canonical JSON: keys sorted, undefined left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const record = value as Readonly<Record<string, unknown>>;
  const parts: string[] = [];
  for (const key of Object.keys(record).sort()) {
    if (record[key] !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(record[key])}`);
  }
  return `{${parts.join(",")}}`;
}

/** The same record with sorted keys, so that results do not depend on their order in the source. */
export function sorted<T>(record: Readonly<Record<string, T>> = {}): Readonly<Record<string, T>> {
  const keys = Object.keys(record);
  if (keys.length < 2) return record;
  return Object.fromEntries(keys.sort().map((key) => [key, record[key] as T]));
}

/** The settings of a fleet; without a document, the defaults. */
export function resolveSettings(fleet: FleetDocument | undefined): FleetSettings {
  const { memory, disk } = fleet?.limits ?? {};
  const { interval = FLEET_DEFAULTS.git.interval, ...git } = fleet?.git ?? {};
  return {
    driver: fleet?.driver ?? FLEET_DEFAULTS.driver,
    parallelism: fleet?.parallelism ?? FLEET_DEFAULTS.parallelism,
    interval: parseDuration(fleet?.interval ?? FLEET_DEFAULTS.interval),
    prune: fleet?.prune ?? FLEET_DEFAULTS.prune,
    maxDeletes: fleet?.maxDeletes ?? FLEET_DEFAULTS.maxDeletes,
    drift: { mode: fleet?.drift?.mode ?? FLEET_DEFAULTS.drift.mode },
    limits: {
      ...(fleet?.limits?.cpu === undefined ? {} : { cpu: fleet.limits.cpu }),
      ...(memory === undefined ? {} : { memory: parseSize(memory) }),
      ...(disk === undefined ? {} : { disk: parseSize(disk) }),
    },
    git: { follow: FLEET_DEFAULTS.git.follow, ...git, interval: parseDuration(interval) },
    hub: {
      advertise: fleet?.hub?.advertise ?? FLEET_DEFAULTS.hub.advertise,
      agentPort: fleet?.hub?.agentPort ?? null,
      httpPort: fleet?.hub?.httpPort ?? null,
      dashboardPort: fleet?.hub?.dashboardPort ?? null,
    },
    notify: fleet?.notify ?? [],
  };
}
