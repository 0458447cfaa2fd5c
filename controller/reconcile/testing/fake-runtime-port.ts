/** The hub as the loop sees it: runtimes of modelled guests say hello some time after their boot, and are believed if they can prove it. */
import type { Bus } from "../../base/events.ts";
import type { RuntimeReading } from "../../core/types.ts";
import type { RuntimePort } from "../ports.ts";
import type { SimulatedInstance, SimulatedMultipass } from "./simulated-multipass.ts";

/** What the store keeps for the hub: it outlives one controller. */
export interface HubMemory {
  /** name → the nonce that may come in. */
  readonly credentials: Map<string, string>;
  readonly readings: Map<string, RuntimeReading>;
}

export const createHubMemory = (): HubMemory => ({ credentials: new Map(), readings: new Map() });

export interface FakeRuntimePortOptions {
  readonly world: SimulatedMultipass;
  readonly bus: Bus;
  readonly memory?: HubMemory;
  /** True: every runtime is let in, so that only the loop's own look at nonce and name is between it and a stranger. */
  readonly trusting?: boolean;
  /** Milliseconds until runtimes that were up find this hub. */
  readonly reconnect?: number;
  /** How long tasks take to end. Milliseconds. */
  readonly drainTakes?: () => number;
  /** Hash that the runtime acknowledges. */
  readonly config?: (name: string) => string | null;
}

export interface FakeRuntimePort extends RuntimePort {
  /** Agents that get no new task now. */
  readonly drained: ReadonlySet<string>;
  readonly memory: HubMemory;
}

export function createFakeRuntimePort(options: FakeRuntimePortOptions): FakeRuntimePort {
  const { world, bus } = options;
  const { clock } = world;
  const memory = options.memory ?? createHubMemory();
  const born = clock.now();
  const reconnect = options.reconnect ?? 0;
  const drained = new Set<string>();

  const believed = ({ name, nonce }: SimulatedInstance): boolean =>
    options.trusting ? memory.credentials.has(name) : memory.credentials.get(name) === nonce;

  const read = (instance: SimulatedInstance): RuntimeReading => ({
    agent: instance.name,
    status: "online",
    lastSeen: clock.now(),
    nonce: instance.nonce,
    instanceId: instance.name,
    version: "0.1.0",
    bundleHash: "r1",
    bootId: `boot-${instance.boot}`,
    runningTasks: 0,
    queuedTasks: 0,
    configHash: options.config?.(instance.name) ?? null,
  });

  const isOnline = (instance: SimulatedInstance): boolean =>
    clock.now() >= born + reconnect && world.speaks(instance) && believed(instance);

  const announce = (instance: SimulatedInstance) => {
    const at = Math.max(instance.helloAt, born + reconnect);
    if (!Number.isFinite(at)) return;
    clock.call(at - clock.now(), () => {
      const now = world.get(instance.name);
      if (now === instance && isOnline(instance))
        bus.emit("runtime.online", { agent: instance.name, version: "0.1.0" });
    });
  };
  world.onBoot.add(announce);
  for (const instance of world.all()) announce(instance);

  return {
    drained,
    memory,
    readings() {
      for (const [name, known] of memory.readings) memory.readings.set(name, { ...known, status: "offline" });
      for (const instance of world.all())
        if (isOnline(instance)) memory.readings.set(instance.name, read(instance));
      return [...memory.readings.values()];
    },
    addresses: () => ["10.0.0.1:9090"],
    async enrol(agent, nonce) {
      memory.credentials.set(agent, nonce);
      return `join-${agent}`;
    },
    configure() {},
    enrolled: () => [...memory.credentials.keys()],
    async drain(agent, ms, signal) {
      drained.add(agent);
      const takes = Math.min(ms, options.drainTakes?.() ?? 0);
      await clock.sleep(takes, signal).catch(() => {});
    },
    undrain(agent) {
      drained.delete(agent);
    },
    async revoke(agent) {
      drained.delete(agent);
      memory.credentials.delete(agent);
      memory.readings.delete(agent);
      bus.emit("runtime.offline", { agent, reason: "removed" });
    },
  };
}
