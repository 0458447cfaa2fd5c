/** Fleets made by chance, as people write them: agents, replicas, snapshots with and without a schedule. */
import { SETTINGS, type ShortAgent, type ShortSnapshot, desiredOf } from "../../core/testing/build.ts";
import type { Desired, FleetSettings } from "../../core/types.ts";
import type { Chance } from "./chance.ts";

/** What agents are called; `w` is the one that has replicas. */
export const NAMES = ["a", "b", "c", "d"] as const;
export const REPLICATED = "w";
export const INSTANCES = [...NAMES, "w-1", "w-2", "w-3"] as const;

export interface WrittenAgent extends ShortAgent {
  readonly replicas?: number;
}

/** The source documents of a `Desired`. */
export interface Written {
  readonly agents: readonly WrittenAgent[];
  readonly settings: Partial<FleetSettings>;
  /** `agent`: name of the document. */
  readonly snapshots: readonly ShortSnapshot[];
  readonly guard: "empty" | "invalid" | "unreadable" | null;
  /** Counts edits, so that each has a hash of its own. */
  readonly edit: number;
}

const instancesOf = ({ name, replicas }: WrittenAgent): readonly string[] =>
  replicas === undefined ? [name] : Array.from({ length: replicas }, (_, i) => `${name}-${i + 1}`);

export function toDesired(written: Written): Desired {
  const guard = written.guard && { reason: written.guard, message: `the folder is ${written.guard}` };
  const agents = written.guard === "empty" ? [] : written.agents;
  const instances = new Map(agents.map((a) => [a.name, instancesOf(a)]));
  const documents = new Map([...instances].flatMap(([document, all]) => all.map((name) => [name, document])));
  const known = agents.flatMap((agent) => {
    const dependsOn = agent.dependsOn?.flatMap((d) => instances.get(d) ?? []) ?? [];
    return instancesOf(agent).map((name) => ({ ...agent, name, dependsOn }));
  });
  const snapshots = written.snapshots.flatMap((s) =>
    (instances.get(s.agent) ?? []).map((agent) => ({ ...s, agent })),
  );
  const desired = desiredOf(known, snapshots, { ...SETTINGS, ...written.settings }, guard ?? undefined);
  const named = desired.agents.map((a) => ({ ...a, document: documents.get(a.name) ?? a.name }));
  return { ...desired, agents: named, hash: `edit-${written.edit}` };
}

export const LADDERS: readonly (ShortAgent["remediate"] & {})[] = [
  [],
  ["restart-runtime"],
  ["restart-runtime", "restart-instance"],
  ["restart-instance"],
  ["restart-runtime", "restart-instance", "replace"],
];

export const MOUNTS: readonly (ShortAgent["mounts"] & {})[] = [
  [],
  [{ source: "/host/work", target: "/work" }],
  [{ source: "/host/other", target: "/work" }],
  [
    { source: "/host/work", target: "/work" },
    { source: "/host/data", target: "/data" },
  ],
];

export const chanceAgent = (chance: Chance, name: string): WrittenAgent => ({
  name,
  cpu: chance.int(1, 3),
  memory: chance.pick(["1G", "2G", "1280M"]),
  disk: chance.pick(["5G", "10G", "20G"]),
  state: chance.weighted({ running: 6, stopped: 2, suspended: 1 }),
  config: chance.pick(["c1", "c2"]),
  provision: chance.weighted({ p1: 5, p2: 1 }),
  onChange: chance.weighted({ hold: 3, replace: 2, rerun: 1 }),
  dependsOn: NAMES.filter((n) => n < name && chance.happens(0.2)),
  protect: chance.happens(0.2),
  paused: chance.happens(0.05),
  drift: chance.weighted({ correct: 8, warn: 1, ignore: 1 }),
  remediate: chance.pick(LADDERS),
  mounts: chance.happens(0.25) ? chance.pick(MOUNTS) : [],
  ...(name === REPLICATED && { replicas: chance.int(1, 3) }),
});

/** `clean` exists once; the others are taken by a schedule. */
export const chanceSnapshot = (chance: Chance, agent: string): ShortSnapshot => {
  const whenRunning = chance.pick(["stop", "stop", "wait"] as const);
  const name = chance.weighted({ clean: 5, tick: 2, hourly: 1 });
  if (name === "clean") return { agent, name, whenRunning };
  const schedule = name === "tick" ? "*/10 * * * *" : "0 * * * *";
  return { agent, name, whenRunning, schedule, keep: chance.int(1, 3) };
};

export function chanceFleet(chance: Chance): Written {
  const names = [...NAMES, REPLICATED].filter((n) => chance.happens(n === REPLICATED ? 0.35 : 0.65));
  return {
    agents: names.map((name) => chanceAgent(chance, name)),
    settings: {
      parallelism: chance.int(1, 3),
      interval: chance.pick([30_000, 60_000, 120_000]),
      prune: chance.happens(0.6),
      maxDeletes: chance.int(0, 2),
      limits: chance.happens(0.1) ? { cpu: 6 } : {},
    },
    snapshots: names.filter(() => chance.happens(0.3)).map((name) => chanceSnapshot(chance, name)),
    guard: null,
    edit: 1,
  };
}
