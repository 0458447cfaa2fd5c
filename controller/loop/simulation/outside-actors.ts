/** Others who use the same Multipass: they stop, purge, delete, re-create and clone behind the controller's back. */
import type { Chance } from "./chance.ts";
import { INSTANCES } from "./chance-fleet.ts";
import type { SimulatedInstance, SimulatedMultipass } from "./simulated-multipass.ts";

const SIZE = { cpu: 1, memory: 1024 ** 3, disk: 5 * 1024 ** 3 };
const MINUTE = 60_000;

/**
 * `mayAppear`: a controller has observed since that this name was gone, so an unowned instance of the name can be
 * distinguished from ours.
 */
export function meddle(
  world: SimulatedMultipass,
  chance: Chance,
  mayAppear: (name: string) => boolean,
): string {
  const all = world.all();
  const deed = chance.weighted({
    stop: 3,
    kill: 1,
    purge: 3,
    delete: 1,
    suspend: 1,
    start: 2,
    later: 1,
    shrink: 1,
    appear: 3,
    clone: 1,
    leave: 2,
    unsnapshot: 0.5,
    drop: 1,
    snap: 2,
    hush: 2,
    mount: 1,
    reboot: 0.5,
  });
  const free = INSTANCES.filter((n) => !world.get(n) && !world.preparing.has(n) && mayAppear(n));
  if (deed === "appear") {
    if (free.length === 0) return "no outside action";
    const name = chance.pick(free);
    appear(world, chance, name);
    return `a stranger launches ${name}`;
  }
  if (deed === "reboot") {
    // CONTRACT section 13: what ran is started again.
    for (const i of all)
      if (i.state === "Running" || i.state === "Starting" || i.state === "Unknown") world.boot(i);
    return "the daemon restarts";
  }
  if (all.length === 0) return "no outside action";
  const one = chance.pick(all);
  return act(world, chance, deed, one, free);
}

export function appear(world: SimulatedMultipass, chance: Chance, name: string): void {
  const instance = world.add({ name, maker: "stranger", nonce: "none", size: SIZE });
  if (chance.happens(0.6)) world.boot(instance, true);
}

type Deed =
  | "stop"
  | "kill"
  | "purge"
  | "delete"
  | "suspend"
  | "start"
  | "later"
  | "shrink"
  | "clone"
  | "leave"
  | "unsnapshot"
  | "drop"
  | "snap"
  | "hush"
  | "mount";

function act(
  world: SimulatedMultipass,
  chance: Chance,
  deed: Deed,
  one: SimulatedInstance,
  free: readonly string[],
): string {
  const { name, state } = one;
  const done = `outside: ${deed} ${name} (${state})`;
  switch (deed) {
    case "stop":
      if (state === "Running") world.put(one, "Stopped");
      return done;
    case "kill":
      if (state !== "Deleted") world.put(one, "Stopped");
      return done;
    case "purge":
      world.erase(name);
      return done;
    case "leave":
      if (one.maker === "stranger") world.erase(name);
      return done;
    case "delete":
      world.put(one, "Deleted");
      return done;
    case "suspend":
      if (state === "Running") world.put(one, "Suspended");
      return done;
    case "start":
      if (state === "Stopped" || state === "Suspended") world.boot(one);
      return done;
    case "later":
      if (state !== "Running") return done;
      one.state = "Delayed Shutdown";
      one.coming = [{ at: world.clock.now() + MINUTE, state: "Stopped" }];
      return done;
    case "shrink":
      if (state === "Stopped") one.size = { ...one.size, cpu: chance.int(1, 3), memory: SIZE.memory };
      return done;
    case "unsnapshot":
      one.snapshots = [];
      one.unsnapshotAt = world.clock.now();
      return done;
    case "drop": {
      if (one.snapshots.length === 0) return done;
      const gone = chance.pick(one.snapshots).name;
      one.snapshots = one.snapshots.filter((s) => s.name !== gone);
      one.unsnapshotAt = world.clock.now();
      return `${done}: ${gone}`;
    }
    case "snap": {
      if (state !== "Stopped") return done;
      const snapshot = chance.pick(["clean", "mine", "tick-19990101-0000"]);
      world.snapshot(one, snapshot, "", "person");
      return `${done}: ${snapshot}`;
    }
    case "hush":
      if (state === "Running" && one.maker === "fleet") one.helloAt = Number.POSITIVE_INFINITY;
      return `the runtime of ${name} falls silent`;
    case "mount":
      // Mounts are not listed where an instance has none and should have none.
      one.mounts = one.mounts.slice(1).map((m) => ({ ...m, source: "/somewhere/else" }));
      return done;
    case "clone": {
      if (state !== "Stopped" || free.length === 0) return done;
      const copy = world.add({
        name: chance.pick(free),
        maker: "stranger",
        nonce: one.nonce,
        size: one.size,
      });
      if (chance.happens(0.5)) world.boot(copy, true);
      return `outside: clones ${name} to ${copy.name}`;
    }
    default: {
      const never: never = deed;
      return never;
    }
  }
}

/**
 * What a person does in the end about what the controller rightly holds: strangers leave, what Multipass lost sight of is
 * stopped by force, and what could not prove itself because it is down is started.
 */
export function tidy(world: SimulatedMultipass, unproven: (name: string) => boolean): readonly string[] {
  const done: string[] = [];
  for (const instance of world.all()) {
    const { name, state, maker } = instance;
    if (maker === "stranger") world.erase(name);
    else if (state === "Unknown" && instance.coming.length === 0) world.put(instance, "Stopped");
    else if (state === "Deleted" && unproven(name)) world.erase(name);
    else continue;
    done.push(`${name} (${state}, ${maker}) tidied`);
  }
  for (const instance of world.all())
    if ((instance.state === "Stopped" || instance.state === "Suspended") && unproven(instance.name)) {
      world.boot(instance);
      done.push(`${instance.name} started by a person`);
    }
  return done;
}
