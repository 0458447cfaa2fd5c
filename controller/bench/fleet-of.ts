/** A fleet of any size for the benchmarks: files as people write them, and a world in which 99 of 100 agents are in sync. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { createBus } from "../base/events.ts";
import { desiredView } from "../core/diff/fields.ts";
import type { Claim, Desired, DesiredAgent, RuntimeReading } from "../core/types.ts";
import type { Driver } from "../drivers/driver.ts";
import { parseList } from "../drivers/multipass/parse.ts";
import { loadFleet } from "../fleet/load.ts";
import type { ObserveDeps } from "../observe/observe.ts";
import { openStore } from "../store/sqlite/sqlite.ts";
import type { Store } from "../store/store.ts";

export interface FleetOf {
  readonly folder: string;
  /** Absolute paths, one document each. */
  readonly files: readonly string[];
  readonly database: string;
  /** What `multipass list --no-ipv4 --format json` prints. */
  readonly list: string;
  readonly readings: readonly RuntimeReading[];
  remove(): void;
}

const TYPES = ["builder", "tester", "researcher"] as const;

/** 13 lines, 250 bytes: one agent of usual size. */
export function documentOf(index: number, edit = 0): string {
  const type = TYPES[index % 3];
  return `# yaml-language-server: $schema=../../schemas/agent.schema.json
kind: Agent
name: ${nameOf(index)}
type: ${type}
capabilities: [${type}, docker, git]
labels: {team: team-${index % 40}, tier: ${index % 7 === 0 ? "gold" : "plain"}}
cpu: ${1 + (index % 4)}
memory: ${1 + (index % 8)}G
disk: 20G
env:
  NODE_ENV: test
  SHARD: "${index + edit}"
tasks: {concurrency: ${1 + (index % 3)}}
`;
}

const nameOf = (index: number): string => `agent-${String(index).padStart(5, "0")}`;

export async function makeFleetOf(count: number): Promise<FleetOf> {
  const root = mkdtempSync(join(tmpdir(), "vm-agent-bench-"));
  const folder = join(root, "fleet");
  mkdirSync(join(folder, "agents"), { recursive: true });
  const files: string[] = [];
  writeFileSync(join(folder, "fleet.yaml"), `kind: Fleet\nlimits: {agents: ${count}}\n`);
  for (let i = 0; i < count; i++) {
    const file = join(folder, "agents", `${nameOf(i)}.yaml`);
    writeFileSync(file, documentOf(i));
    files.push(file);
  }
  const desired = await desiredOf(folder);
  const database = join(root, "vm-agent.db");
  const store = openStore(database);
  const fence = await store.nextFence();
  await Promise.all(
    desired.agents.flatMap((agent) => [
      store.claims.put(claimOf(agent), fence),
      store.kv.put(`size/${agent.name}`, {
        size: agent.size,
        nonce: nonceOf(agent),
        state: "Running",
        bootId: "boot",
      }),
    ]),
  );
  await store.close();
  const rows = desired.agents.map(({ name }, i) => ({
    ipv4: [],
    name,
    release: "Ubuntu 24.04 LTS",
    state: i % 100 === 50 ? "Stopped" : "Running",
  }));
  return {
    folder,
    files,
    database,
    list: JSON.stringify({ list: rows }, null, 4),
    readings: desired.agents.map(readingOf),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export async function desiredOf(folder: string): Promise<Desired> {
  const read = await loadFleet(folder);
  if (!read.ok) throw new Error(JSON.stringify(read.errors[0]));
  return read.desired;
}

const nonceOf = (agent: DesiredAgent): string => `nonce-of-${agent.name}`;

function claimOf(agent: DesiredAgent): Claim {
  return {
    name: agent.name,
    nonce: nonceOf(agent),
    phase: "launched",
    claimedAt: 0,
    bootAt: 0,
    image: null,
    provisionHash: agent.provision.hash,
    runtimeHash: "",
    restoreToken: null,
    document: agent.document,
    converged: desiredView(agent),
    proven: true,
    protect: false,
  };
}

function readingOf(agent: DesiredAgent): RuntimeReading {
  return {
    agent: agent.name,
    status: "online",
    lastSeen: Date.now(),
    nonce: nonceOf(agent),
    instanceId: agent.name,
    version: "0.1.0",
    bundleHash: "",
    bootId: "boot",
    runningTasks: 0,
    queuedTasks: 0,
    configHash: agent.configHash,
  };
}

/** What `observe` needs, with the real store and the driver's own parser; only the spawn is left out. */
export function observeDeps(fleet: FleetOf, store: Store): ObserveDeps {
  const list: Driver["list"] = async () => {
    const parsed = parseList(fleet.list);
    if (!parsed.ok) throw new Error(parsed.reason);
    return { kind: "seen", instances: parsed.value };
  };
  const unasked = () => Promise.reject(new Error("everything is known, so nothing but the list is asked"));
  return {
    driver: { list, size: unasked, snapshots: unasked } as unknown as Driver,
    store,
    readings: () => fleet.readings,
    clock: systemClock,
    bus: createBus(systemClock.now),
    host: { cpu: 8, memory: 2 ** 35, disk: 2 ** 40 },
  };
}
