/** One controller of a simulation: the real Loop over the modelled Multipass, the memory store and the fake hub, watched by the rules. */
import { type Bus, createBus } from "../../base/events.ts";
import type { Change, Desired, Turn } from "../../core/types.ts";
import type { Store } from "../../store/store.ts";
import { Loop } from "../loop.ts";
import type { Chance } from "./chance.ts";
import { type FakeRuntimePort, type HubMemory, createFakeRuntimePort } from "./fake-runtime-port.ts";
import { Life, crashProxy } from "./crash-proxy.ts";
import type { CallContext, Ledger } from "./ledger.ts";
import { isRemedy, wrongToBegin } from "./rules.ts";
import type { Call, Fault } from "./driver-options.ts";
import { createSimulatedDriver } from "./simulated-driver.ts";
import type { SimulatedMultipass } from "./simulated-multipass.ts";

export const BOOT_GRACE = 10 * 60_000;
const MINUTE = 60_000;
export const DRAIN_MS = 2 * MINUTE;
/** More than there are while a guest is asked before the first step of a change. */
const TURNS_KEPT = 100;

/** What all controllers of one simulation share. */
export interface Stage {
  readonly world: SimulatedMultipass;
  /** Another one, empty, after it was lost. */
  store: Store;
  readonly hub: HubMemory;
  readonly chance: Chance;
  readonly trusting: boolean;
  readonly desired: () => Desired;
  readonly fault: (kind: string) => Fault;
  readonly violation: (text: string) => void;
  readonly log: (text: string) => void;
  /** Approvals of a person, for the instance with this nonce; they outlive the controller that received them. */
  readonly approvals: Map<string, Approved>;
  /** The fence of the newest controller. */
  readonly epoch: { current: number };
  /** name → launches that succeeded and were not removed since. */
  readonly launched: Map<string, number>;
  readonly ledger: Ledger;
  /** All fleets in force at some time since then. */
  readonly writtenSince: (at: number) => readonly Desired[];
}

export interface Approved {
  readonly action: Change["action"];
  readonly named: boolean;
  readonly nonce: string | null;
}

export interface SimulatedController {
  readonly id: number;
  readonly loop: Loop;
  readonly life: Life;
  readonly bus: Bus;
  readonly port: FakeRuntimePort;
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
  "removeSnapshot",
  "restore",
  "mounts",
  "mount",
  "unmount",
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
    onRevoke: (name) => {
      if (life.dead) return;
      const wrong = stage.ledger.revoke(name, contextOf(name));
      if (wrong) violation(`controller ${id}: revoke ${name}: ${wrong}`);
    },
    config: (name) => configs().get(name) ?? null,
  });
  const isCurrent = () => fence === stage.epoch.current;
  /** Called for since the world was last seen. */
  const unseen = new Set<string>();
  const inFlight = new Set<string>();
  let sawAt = Number.NEGATIVE_INFINITY;
  let readSnapshotsAt = Number.NEGATIVE_INFINITY;
  const contextOf = (name: string): CallContext => {
    const inFlight = loop.inFlight.get(name);
    const since = inFlight?.since ?? clock.now();
    return {
      change: inFlight?.change ?? null,
      since,
      written: stage.writtenSince(since),
      isCurrent: isCurrent(),
      sawAt,
      readSnapshotsAt,
      drainedSince: port.drainedSince(name),
      drainMs: DRAIN_MS,
    };
  };

  const reported = (what: string | null, call: Pick<Call, "kind" | "name">) => {
    if (what !== null) violation(`controller ${id}: ${call.kind} ${call.name}: ${what}`);
  };
  const driver = crashProxy(
    life,
    createSimulatedDriver(world, {
      fault: stage.fault,
      onList: (seen) => {
        if (!seen) return;
        unseen.clear();
        sawAt = clock.now();
      },
      onSnapshots: (at) => {
        readSnapshotsAt = at;
      },
      onCall: (call) => {
        const { kind, name, detail = "" } = call;
        log(`${id} ${kind} ${name}${detail === "" ? "" : ` ${detail}`}`);
        const context = contextOf(name);
        reported(stage.ledger.call(call, context), call);
        if (kind !== "launch" && kind !== "exec" && unseen.has(name))
          reported("called without looking first", call);
        if (inFlight.has(name)) reported("called while another call for it is in flight", call);
        unseen.add(name);
        inFlight.add(name);
        return { since: context.since, token: context.change?.restore?.token ?? "" };
      },
      onAnswer: (name) => inFlight.delete(name),
      onEffect: (call) => {
        reported(stage.ledger.effect(call), call);
        const count = (stage.launched.get(call.name) ?? 0) + 1;
        if (call.kind === "launch") stage.launched.set(call.name, count);
        if (call.kind === "launch" && count > 1) reported(`launched ${count} times`, call);
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
  const claims = {
    ...store.claims,
    remove: async (name: string, epoch: number) => {
      const claim = store.claims.get(name);
      const instance = world.get(name);
      const isOwned = instance?.maker === "fleet" && instance.nonce === claim?.nonce;
      await store.claims.remove(name, epoch);
      if (isOwned) violation(`controller ${id}: forgets ${name}, which is there and ours`);
    },
  };
  const mine: Store = {
    ...store,
    claims: crashProxy(life, claims, ["put", "remove"]),
    kv: crashProxy(life, memos, ["put", "remove"]),
  };
  const loop: Loop = new Loop({
    driver,
    store: mine,
    bus,
    clock,
    fence,
    desired: stage.desired,
    runtime: crashProxy(life, port, ["enrol", "drain", "revoke"]),
    readings: port.readings,
    host: { cpu: 8, memory: 32 * 1024 ** 3, disk: 500 * 1024 ** 3 },
    random: chance.next,
    nonce: (name) => `n-${chance.int(0, 1e9)}-${name}`,
    ownership: {
      isOwned: (name, nonce) => nonce.startsWith("n-") && nonce.slice(2).replace(/^\d+/, "") === `-${name}`,
      hubPort: () => 9090,
    },
    runtimeHash: "r1",
    userData: async (agent, nonce) => JSON.stringify({ agent: agent.name, nonce }),
    launchTimeoutSeconds: 300,
    readyTimeoutMs: 5 * MINUTE,
    drainMs: DRAIN_MS,
    timeZone: "UTC",
    bootGrace: BOOT_GRACE,
    retryFirstMs: 1000,
  });
  const begun = new WeakSet<Change>();
  const turns: Turn[] = [];
  bus.onAny(() => {
    if (loop.last && loop.last !== turns.at(-1)) turns.push(loop.last);
    if (turns.length > TURNS_KEPT) turns.shift();
  });
  bus.on("step.started", ({ agent, step }) => {
    if (life.dead) return;
    log(`${id} ${agent}: ${step}`);
    const inFlight = loop.inFlight.get(agent);
    // That on which it was decided; there may have been others since.
    const last = turns.findLast((t) => inFlight !== undefined && t.observed.at <= inFlight.since);
    if (!inFlight || !last || begun.has(inFlight.change)) return;
    const { change, since } = inFlight;
    begun.add(change);
    stage.ledger.begun(change);
    // The decision was based on the fleet of that time; an edit since does not make it wrong, and an edit before does
    // not make it right.
    const nonces = new Map(last.observed.claims.map((c) => [c.name, c.nonce]));
    const valid = [...stage.approvals].filter(([name, { nonce }]) => nonce === (nonces.get(name) ?? null));
    const yes = {
      approved: new Map(valid.map(([name, { action }]) => [name, action])),
      allowDelete: new Set(valid.flatMap(([name, { named }]) => (named ? name : []))),
    };
    const wrong = stage
      .writtenSince(since)
      .map((written) => wrongToBegin(change, written, last.observed, yes, world));
    if (wrong.every((w) => w !== null)) violation(`controller ${id}: ${change.action} ${agent}: ${wrong[0]}`);
    if (isRemedy(change)) log(`${id} ${agent}: ${change.why.join("; ")}`);
  });
  bus.on("runtime.online", ({ agent }) => stage.ledger.heard(agent));
  bus.on("step.failed", ({ agent, step, message }) => log(`${id} ${agent}: ${step} failed: ${message}`));
  bus.on("agent.converged", ({ agent }) => {
    log(`${id} ${agent}: converged`);
    stage.approvals.delete(agent);
  });
  bus.on("agent.drifted", ({ agent, message }) => log(`${id} ${agent}: ${message}`));
  loop.start();
  log(`controller ${id} starts`);
  return { id, loop, life, bus, port };
}
