/** Tasks of modelled runtimes: what runs in each guest, and what the hub knows of it. */
import type { SimulatedInstance, SimulatedMultipass } from "./simulated-multipass.ts";

export interface SimulatedTask {
  readonly instance: SimulatedInstance;
  readonly boot: number;
  readonly endsAt: number;
  /** By its own timeout. */
  readonly until: number;
}

/** name → tasks that the hub gave out and has not heard the end of. */
export type TaskMemory = Map<string, readonly SimulatedTask[]>;

/** It runs in the guest now, whether or not anybody hears of it. */
export const runs = (world: SimulatedMultipass, task: SimulatedTask): boolean => {
  const { instance, boot, endsAt, until } = task;
  const now = world.clock.now();
  const there = world.get(instance.name) === instance && instance.boot === boot;
  const up = ["Running", "Unknown", "Delayed Shutdown"].includes(instance.state);
  return there && up && now < Math.min(endsAt, until);
};

/** What the hub still counts as running: of a runtime that answers, what runs; else what its own timeout allows. */
export function known(
  world: SimulatedMultipass,
  memory: TaskMemory,
  name: string,
  isOnline: boolean,
): readonly SimulatedTask[] {
  const all = memory.get(name);
  if (!all) return [];
  const left = all.filter((t) => (isOnline ? runs(world, t) : world.clock.now() < t.until));
  if (left.length > 0) memory.set(name, left);
  else memory.delete(name);
  return left;
}
