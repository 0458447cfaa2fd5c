/** Health figures of a runtime, read with care: first-generation clients send other shapes. Pure. */
import type { Agent, HealthHistories } from "../../schemas/types.ts";

export interface HealthSample {
  readonly at: number;
  /** Percent; null: not said. */
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly disk: number | null;
  readonly memoryUsed: number | null;
  readonly memoryTotal: number | null;
  readonly load: number | null;
  /** Seconds since the instance's boot. */
  readonly uptime: number | null;
  /** Megabytes of the runtime itself. */
  readonly rss: number | null;
}

/** The parts of the hub's agent object that are read here. */
export type HubAgentView = Pick<Agent, "id" | "lastHealthCheck"> & {
  readonly registeredAt?: number;
  readonly health: Readonly<Record<string, unknown>> | null;
};

const figure = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

const share = (value: unknown): number | null => {
  const found = figure(value) ?? figure(record(value).percent);
  return found === null ? null : Math.min(100, Math.max(0, found));
};

/** null: it never reported. */
export function readHealth(agent: HubAgentView): HealthSample | null {
  const health = record(agent.health);
  if (!agent.lastHealthCheck || Object.keys(health).length === 0) return null;
  const memory = record(health.memory);
  return {
    at: agent.lastHealthCheck,
    cpu: share(health.cpu),
    memory: share(health.memory),
    disk: share(health.disk),
    memoryUsed: figure(memory.used),
    memoryTotal: figure(memory.total),
    load: Array.isArray(health.loadAverage) ? figure(health.loadAverage[0]) : null,
    uptime: figure(health.systemUptime),
    rss: figure(health.rss),
  };
}

/** An hour of heartbeats and some more. */
const KEPT = 180;

/** The same list when nothing new came. */
export function withSample(history: readonly HealthSample[], sample: HealthSample): readonly HealthSample[] {
  const last = history.at(-1);
  if (last && last.at >= sample.at) return history;
  return [...history, sample].slice(-KEPT);
}

/** What the hub remembers of one runtime, among what was seen here: by time, each moment once. */
export function withHistory(
  history: readonly HealthSample[],
  { at, cpu, memory, disk }: HealthHistories["agents"][number],
): readonly HealthSample[] {
  const known = new Set(history.map((s) => s.at));
  const older = at.flatMap((when, i): HealthSample[] =>
    known.has(when)
      ? []
      : [
          {
            at: when,
            cpu: cpu[i] ?? null,
            memory: memory[i] ?? null,
            disk: disk[i] ?? null,
            memoryUsed: null,
            memoryTotal: null,
            load: null,
            uptime: null,
            rss: null,
          },
        ],
  );
  if (older.length === 0) return history;
  return [...older, ...history].sort((a, b) => a.at - b.at).slice(-KEPT);
}

/** Corners of a line from left to right, y down, for values from 0 to 100; a lone sample is drawn as a level line. */
export function sparkline(values: readonly (number | null)[], width: number, height: number): string {
  const known = values.flatMap((v) => (v === null ? [] : [v]));
  const [only] = known;
  if (only === undefined) return "";
  const points = known.length === 1 ? [only, only] : known;
  const round = (n: number): number => Math.round(n * 10) / 10;
  const x = (i: number): number => round((i * width) / (points.length - 1));
  const y = (v: number): number => round(1 + (1 - v / 100) * (height - 2));
  return points.map((v, i) => `${x(i)},${y(v)}`).join(" ");
}
