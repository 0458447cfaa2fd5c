/** One small scene for tests of the loop's parts: a modelled Multipass, a memory store, a fake hub and clock, and one claimed world. */
import { type AnyEvent, type Bus, createBus } from "../../base/events.ts";
import { type ShortAgent, SETTINGS, agentOf, claimAsDeclared, desiredOf } from "../../core/testing/build.ts";
import type { Change, Claim, Desired, DesiredAgent, FleetSettings, Step } from "../../core/types.ts";
import type { Driver } from "../../drivers/driver.ts";
import { createMemoryStore } from "../../store/memory/memory.ts";
import type { Store } from "../../store/store.ts";
import type { LoopDeps } from "../loop.ts";
import { type FakeClock, createFakeClock } from "./fake-clock.ts";
import { type FakeRuntimePort, createFakeRuntimePort } from "./fake-runtime-port.ts";
import type { Call, Fault } from "./driver-options.ts";
import { createSimulatedDriver } from "./simulated-driver.ts";
import { type SimulatedInstance, SimulatedMultipass } from "./simulated-multipass.ts";

export const BOOT_GRACE = 600_000;

export interface Scene {
  readonly clock: FakeClock;
  readonly world: SimulatedMultipass;
  readonly store: Store;
  readonly bus: Bus;
  readonly port: FakeRuntimePort;
  readonly driver: Driver;
  readonly deps: LoopDeps;
  /** Calls that change something, as `kind name`. */
  readonly calls: string[];
  readonly events: AnyEvent[];
  /** How often the list was asked for. */
  lists: number;
  desired: Desired;
  /** What goes wrong with the next calls of a kind, in order. */
  readonly faults: Map<string, Fault[]>;
  /** Called when a call that changes something is made. */
  onCall: (call: Call) => void;
  write(agents: readonly ShortAgent[], settings?: Partial<FleetSettings>): void;
  claim(name: string): Claim | undefined;
  /** An instance that runs and is in sync, with its claim, its runtime online. */
  running(short: ShortAgent, more?: Partial<Claim>): Promise<SimulatedInstance>;
}

export interface SceneOptions {
  readonly trusting?: boolean;
  readonly drainTakes?: () => number;
  readonly boundary?: (agent: string, step: Step["kind"], edge: "before" | "after") => void;
}

export async function createScene(
  agents: readonly ShortAgent[] = [],
  settings: Partial<FleetSettings> = {},
  options: SceneOptions = {},
): Promise<Scene> {
  const clock = createFakeClock();
  const world = new SimulatedMultipass(clock);
  const store = createMemoryStore();
  const fence = await store.nextFence();
  const events: AnyEvent[] = [];
  const bus = createBus(clock.now, (error) => {
    throw error;
  });
  bus.onAny((event) => events.push(event));
  const port = createFakeRuntimePort({
    world,
    bus,
    trusting: options.trusting ?? false,
    drainTakes: options.drainTakes ?? (() => 0),
    config: (name) => scene.desired.agents.find((a) => a.name === name)?.configHash ?? null,
  });
  const calls: string[] = [];
  const faults = new Map<string, Fault[]>();
  const driver = createSimulatedDriver(world, {
    fault: (kind) => faults.get(kind)?.shift() ?? "none",
    onCall: (call) => {
      calls.push(`${call.kind} ${call.name}`);
      scene.onCall(call);
    },
    onList: () => {
      scene.lists++;
    },
  });
  let nonces = 0;
  const deps: LoopDeps = {
    driver,
    store,
    bus,
    clock,
    fence,
    desired: () => scene.desired,
    runtime: port,
    readings: port.readings,
    host: { cpu: 8, memory: 2 ** 35, disk: 2 ** 40 },
    random: () => 0.5,
    nonce: () => `nonce-${++nonces}`,
    runtimeHash: "r1",
    userData: async (agent, nonce) => JSON.stringify({ agent: agent.name, nonce }),
    launchTimeoutSeconds: 300,
    readyTimeoutMs: 120_000,
    drainMs: 60_000,
    bootGrace: BOOT_GRACE,
    ...(options.boundary && { boundary: options.boundary }),
  };
  let edit = 0;
  const scene: Scene = {
    clock,
    world,
    store,
    bus,
    port,
    driver,
    deps,
    calls,
    events,
    lists: 0,
    desired: desiredOf([]),
    faults,
    onCall: () => {},
    write(next, more = {}) {
      scene.desired = { ...desiredOf(next, [], { ...SETTINGS, ...more }), hash: `edit-${++edit}` };
    },
    claim: (name) => store.claims.get(name),
    async running(short, more = {}) {
      const agent = agentOf(short);
      const claim = claimAsDeclared(agent, { bootAt: clock.now() - 2 * BOOT_GRACE, ...more });
      await store.claims.put(claim, fence);
      await port.enrol(agent.name, claim.nonce);
      const { name, size } = agent;
      const release = world.releaseOf(agent.image ?? null);
      const instance = world.add({ name, maker: "fleet", nonce: claim.nonce, size, release });
      world.boot(instance);
      await clock.advance(20_000);
      return instance;
    },
  };
  scene.write(agents, settings);
  return scene;
}

/** A change as the plan would make it, from the few fields that steps look at. */
export function changeOf(
  action: Change["action"],
  agent: DesiredAgent | string,
  more: Partial<Change> = {},
): Change {
  const name = typeof agent === "string" ? agent : agent.name;
  return {
    agent: name,
    action,
    patch: [],
    before: null,
    after: typeof agent === "string" ? null : { state: agent.state },
    cause: "edited",
    why: [],
    consequences: [],
    snapshots: [],
    waitsFor: [],
    seen: null,
    source: null,
    ...more,
  };
}
