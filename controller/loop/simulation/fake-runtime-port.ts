/** The hub as the loop sees it: runtimes of modelled guests say hello some time after their boot, and are believed if they can prove it. */
import type { Bus } from "../../base/events.ts";
import type { RuntimeReading } from "../../core/types.ts";
import type { RuntimePort } from "../../execute/ports.ts";
import { type TaskMemory, known as knownTasks } from "./simulated-tasks.ts";
import type { SimulatedInstance, SimulatedMultipass } from "./simulated-multipass.ts";

/** What the store keeps for the hub: it outlives one controller. */
export interface HubMemory {
  /** name → the nonce that may come in. */
  readonly credentials: Map<string, string>;
  readonly readings: Map<string, RuntimeReading>;
  readonly tasks: TaskMemory;
}

export const createHubMemory = (): HubMemory => ({
  credentials: new Map(),
  readings: new Map(),
  tasks: new Map(),
});

export interface FakeRuntimePortOptions {
  readonly world: SimulatedMultipass;
  readonly bus: Bus;
  readonly memory?: HubMemory;
  /** True: every runtime is let in, so that only the loop's own look at nonce and name is between it and a stranger. */
  readonly trusting?: boolean;
  /** Milliseconds until runtimes that were up find this hub. */
  readonly reconnect?: number;
  /** Called before an agent is cut off. */
  readonly onRevoke?: (agent: string) => void;
  /** How long tasks take to end, beside those that are modelled. Milliseconds. */
  readonly drainTakes?: () => number;
  /** Hash that the runtime acknowledges. */
  readonly config?: (name: string) => string | null;
}

export interface FakeRuntimePort extends RuntimePort {
  /** Agents that get no new task now. */
  readonly drained: ReadonlySet<string>;
  /** Since when it gets none; undefined: it does. */
  drainedSince(agent: string): number | undefined;
  /** Starts a task that takes `ms`, and is cut off after `timeout`; false where no runtime takes it. */
  submit(agent: string, ms: number, timeout: number): boolean;
  readonly memory: HubMemory;
}

export function createFakeRuntimePort(options: FakeRuntimePortOptions): FakeRuntimePort {
  const { world, bus } = options;
  const { clock } = world;
  const memory = options.memory ?? createHubMemory();
  const born = clock.now();
  const reconnect = options.reconnect ?? 0;
  const drained = new Set<string>();
  const since = new Map<string, number>();

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
    runningTasks: knownTasks(world, memory.tasks, instance.name, true).length,
    queuedTasks: 0,
    configHash: options.config?.(instance.name) ?? null,
  });

  const tasksUntil = (name: string, online: boolean): { readonly tasksUntil?: number } => {
    const left = knownTasks(world, memory.tasks, name, online);
    return left.length > 0 ? { tasksUntil: Math.max(...left.map((t) => t.until)) } : {};
  };

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
      return [...memory.readings.values()].map((r) => ({
        ...r,
        ...tasksUntil(r.agent, r.status === "online"),
      }));
    },
    drainedSince: (agent) => since.get(agent),
    submit(agent, ms, timeout) {
      const instance = world.get(agent);
      if (!instance || drained.has(agent) || !isOnline(instance)) return false;
      const now = clock.now();
      const task = { instance, boot: instance.boot, endsAt: now + ms, until: now + timeout };
      memory.tasks.set(agent, [...(memory.tasks.get(agent) ?? []), task]);
      return true;
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
      since.set(agent, clock.now());
      const instance = world.get(agent);
      const left = knownTasks(world, memory.tasks, agent, instance !== undefined && isOnline(instance));
      const ends = left.map((t) => Math.min(t.endsAt, t.until) - clock.now());
      const takes = Math.min(ms, Math.max(options.drainTakes?.() ?? 0, ...ends));
      await clock.sleep(takes, signal).catch(() => {});
    },
    undrain(agent) {
      drained.delete(agent);
      since.delete(agent);
    },
    async revoke(agent) {
      options.onRevoke?.(agent);
      drained.delete(agent);
      since.delete(agent);
      memory.tasks.delete(agent);
      const nonce = memory.credentials.get(agent);
      memory.credentials.delete(agent);
      memory.readings.delete(agent);
      bus.emit("runtime.offline", { agent, reason: "removed", expected: true });
      if (nonce === undefined) return null;
      return async () => void memory.credentials.set(agent, nonce);
    },
  };
}
