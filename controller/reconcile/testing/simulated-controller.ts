/** One controller of a simulation: the real Loop over the modelled Multipass, the memory store and the fake hub, watched by the rules. */
import { type Bus, createBus } from "../../base/events.ts";
import type { Change, Desired } from "../../core/types.ts";
import type { Store } from "../../store/store.ts";
import { Loop } from "../loop.ts";
import type { Chance } from "./chance.ts";
import { type FakeRuntimePort, type HubMemory, createFakeRuntimePort } from "./fake-runtime-port.ts";
import { Life, mortal } from "./mortal.ts";
import { wrongToBegin, wrongToCall, wrongToTouch } from "./rules.ts";
import { type Call, type Fault, createSimulatedDriver } from "./simulated-driver.ts";
import type { SimulatedMultipass } from "./simulated-multipass.ts";

export const BOOT_GRACE = 10 * 60_000;
const MINUTE = 60_000;

/** What all controllers of one simulation share. */
export interface Stage {
  readonly world: SimulatedMultipass;
  readonly store: Store;
  readonly hub: HubMemory;
  readonly chance: Chance;
  readonly trusting: boolean;
  readonly desired: () => Desired;
  readonly fault: (kind: string) => Fault;
  readonly violation: (text: string) => void;
  readonly log: (text: string) => void;
  /** The fence of the newest controller. */
  readonly epoch: { current: number };
  /** name → launches that succeeded and were not removed since. */
  readonly launched: Map<string, number>;
}

export interface SimulatedController {
  readonly id: number;
  readonly loop: Loop;
  readonly life: Life;
  readonly bus: Bus;
  readonly port: FakeRuntimePort;
  readonly approved: Map<string, Change["action"]>;
  readonly allowDelete: Set<string>;
}

const DRIVER_CALLS = [
  "list",
  "size",
  "snapshots",
  "launch",
  "start",
  "stop",
  "suspend",
  "recover",
  "resize",
  "snapshot",
  "remove",
  "exec",
] as const;

export async function startController(stage: Stage, id: number): Promise<SimulatedController> {
  const { world, store, chance, violation, log } = stage;
  const { clock } = world;
  const life = new Life();
  const fence = await store.nextFence();
  stage.epoch.current = fence;
  const bus = createBus(clock.now, (error) => violation(`a listener failed: ${String(error)}`));
  const configs = () => new Map(stage.desired().agents.map((a) => [a.name, a.configHash]));
  const port = createFakeRuntimePort({
    world,
    bus,
    memory: stage.hub,
    trusting: stage.trusting,
    reconnect: id === 1 ? 0 : chance.int(1000, 20_000),
    drainTakes: () => (chance.happens(0.7) ? 0 : chance.int(0, 3 * MINUTE)),
    config: (name) => configs().get(name) ?? null,
  });
  const approved = new Map<string, Change["action"]>();
  const allowDelete = new Set<string>();
  const isCurrent = () => fence === stage.epoch.current;
  /** Since the last call for a name: was the world seen? */
  const unseen = new Set<string>();

  const told = (what: string | null, call: Pick<Call, "kind" | "name">) => {
    if (what !== null) violation(`controller ${id}: ${call.kind} ${call.name}: ${what}`);
  };
  const driver = mortal(
    life,
    createSimulatedDriver(world, {
      fault: stage.fault,
      onList: (seen) => {
        if (seen) unseen.clear();
      },
      onCall: (call) => {
        log(`${id} ${call.kind} ${call.name}`);
        told(wrongToCall(call, loop.working.get(call.name)?.change ?? null, isCurrent()), call);
        if (call.kind !== "launch" && unseen.has(call.name)) told("called without looking first", call);
        unseen.add(call.name);
      },
      onEffect: (call) => {
        told(wrongToTouch(call), call);
        const count = (stage.launched.get(call.name) ?? 0) + 1;
        if (call.kind === "launch") stage.launched.set(call.name, count);
        if (call.kind === "launch" && count > 1) told(`launched ${count} times`, call);
      },
    }),
    DRIVER_CALLS,
  );
  const memos = {
    ...store.kv,
    put: async (key: string, value: unknown) => {
      if (key.startsWith("vanished/") && !isCurrent())
        violation(`controller ${id} notes ${key} after its time`);
      await store.kv.put(key, value);
    },
  };
  const mine: Store = {
    ...store,
    claims: mortal(life, store.claims, ["put", "remove"]),
    kv: mortal(life, memos, ["put", "remove"]),
  };
  const loop: Loop = new Loop({
    driver,
    store: mine,
    bus,
    clock,
    fence,
    desired: stage.desired,
    runtime: mortal(life, port, ["enrol", "drain", "revoke"]),
    readings: port.readings,
    host: { cpu: 8, memory: 32 * 1024 ** 3, disk: 500 * 1024 ** 3 },
    random: chance.next,
    nonce: (name) => `n-${chance.int(0, 1e9)}-${name}`,
    ownership: {
      isOurs: (name, nonce) => nonce.startsWith("n-") && nonce.slice(2).replace(/^\d+/, "") === `-${name}`,
      hubPort: () => 9090,
    },
    runtimeHash: "r1",
    userData: async (agent, nonce) => JSON.stringify({ agent: agent.name, nonce }),
    launchTimeoutSeconds: 300,
    readyTimeoutMs: 5 * MINUTE,
    drainMs: 2 * MINUTE,
    bootGrace: BOOT_GRACE,
    retryFirstMs: 1000,
  });
  const begun = new Set<unknown>();
  bus.on("step.started", ({ agent, step }) => {
    if (life.dead) return;
    log(`${id} ${agent}: ${step}`);
    const change = loop.working.get(agent)?.change;
    if (!change || !loop.last || begun.has(change)) return;
    begun.add(change);
    const wrong = wrongToBegin(change, stage.desired(), loop.last.observed, { approved, allowDelete });
    if (wrong) violation(`controller ${id}: ${change.action} ${agent}: ${wrong}`);
  });
  bus.on("step.failed", ({ agent, step, message }) => log(`${id} ${agent}: ${step} failed: ${message}`));
  bus.on("agent.converged", ({ agent }) => {
    log(`${id} ${agent}: converged`);
    approved.delete(agent);
    allowDelete.delete(agent);
  });
  bus.on("agent.drifted", ({ agent, message }) => log(`${id} ${agent}: ${message}`));
  loop.start();
  log(`controller ${id} starts`);
  return { id, loop, life, bus, port, approved, allowDelete };
}
