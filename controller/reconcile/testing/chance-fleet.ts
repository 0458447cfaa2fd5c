/** Fleets made by chance, and edits of them: what people write, now sensible, now not. */
import { SETTINGS, type ShortAgent, desiredOf } from "../../core/testdata/build.ts";
import type { Desired, FleetSettings } from "../../core/types.ts";
import type { Chance } from "./chance.ts";

export const NAMES = ["a", "b", "c", "d", "e"] as const;

/** As written: what a `Desired` is made from. */
export interface Written {
  readonly agents: readonly ShortAgent[];
  readonly settings: Partial<FleetSettings>;
  readonly snapshots: readonly { readonly agent: string; readonly name: string }[];
  readonly guard: "empty" | "invalid" | null;
  /** Counts edits, so that each has a hash of its own. */
  readonly edit: number;
}

export function toDesired(written: Written): Desired {
  const guard = written.guard && { reason: written.guard, message: `the folder is ${written.guard}` };
  const agents = written.guard === "empty" ? [] : written.agents;
  const names = new Set(agents.map((a) => a.name));
  const known = agents.map((a) => ({ ...a, dependsOn: a.dependsOn?.filter((d) => names.has(d)) ?? [] }));
  const snapshots = written.snapshots.filter((s) => names.has(s.agent));
  const desired = desiredOf(known, snapshots, { ...SETTINGS, ...written.settings }, guard ?? undefined);
  return { ...desired, hash: `edit-${written.edit}` };
}

const agent = (chance: Chance, name: string): ShortAgent => ({
  name,
  cpu: chance.int(1, 3),
  memory: chance.pick(["1G", "2G", "1280M"]),
  disk: chance.pick(["5G", "10G", "20G"]),
  state: chance.weighted({ running: 6, stopped: 2, suspended: 1 }),
  config: chance.pick(["c1", "c2"]),
  provision: chance.weighted({ p1: 5, p2: 1 }),
  onChange: chance.weighted({ hold: 3, replace: 2 }),
  dependsOn: NAMES.filter((n) => n < name && chance.happens(0.2)),
  protect: chance.happens(0.2),
  paused: chance.happens(0.05),
  drift: chance.weighted({ correct: 8, warn: 1, ignore: 1 }),
});

export function chanceFleet(chance: Chance): Written {
  const names = NAMES.filter(() => chance.happens(0.7));
  return {
    agents: names.map((name) => agent(chance, name)),
    settings: {
      parallelism: chance.int(1, 3),
      prune: chance.happens(0.6),
      maxDeletes: chance.int(0, 2),
      limits: chance.happens(0.1) ? { cpu: 6 } : {},
    },
    snapshots: names.filter(() => chance.happens(0.2)).map((name) => ({ agent: name, name: "clean" })),
    guard: null,
    edit: 1,
  };
}

/** One edit, and a word for it. */
export function edited(
  chance: Chance,
  written: Written,
): { readonly written: Written; readonly what: string } {
  const next = { ...written, guard: null, edit: written.edit + 1 };
  const one = written.agents.length > 0 ? chance.pick(written.agents).name : null;
  const absent = NAMES.filter((n) => !written.agents.some((a) => a.name === n));
  const what = chance.weighted({
    add: 4,
    remove: 4,
    change: 6,
    settings: 1,
    empty: 0.5,
    invalid: 0.5,
    mend: 1,
  });
  const change = (part: Partial<ShortAgent>) => ({
    what: `${one} ${JSON.stringify(part)}`,
    written: { ...next, agents: written.agents.map((a) => (a.name === one ? { ...a, ...part } : a)) },
  });
  switch (what) {
    case "add": {
      if (absent.length === 0) return { written: next, what: "saved" };
      const added = agent(chance, chance.pick(absent));
      return { written: { ...next, agents: [...written.agents, added] }, what: `add ${added.name}` };
    }
    case "remove":
      return {
        written: { ...next, agents: written.agents.filter((a) => a.name !== one) },
        what: `remove ${one}`,
      };
    case "change":
      return change(
        chance.pick<Partial<ShortAgent>>([
          { cpu: chance.int(1, 3) },
          { memory: chance.pick(["1G", "2G", "1280M"]) },
          { disk: chance.pick(["10G", "20G"]) },
          { state: chance.pick(["running", "stopped", "suspended"]) },
          { provision: chance.pick(["p1", "p2"]) },
          { config: chance.pick(["c1", "c2", "c3"]) },
          { protect: chance.happens(0.5) },
          { paused: chance.happens(0.3) },
          { image: "24.04" },
        ]),
      );
    case "settings":
      return {
        written: {
          ...next,
          settings: { ...written.settings, prune: chance.happens(0.5), maxDeletes: chance.int(0, 2) },
        },
        what: "settings",
      };
    case "empty":
    case "invalid":
      return { written: { ...next, guard: what }, what };
    case "mend":
      return { written: next, what };
    default: {
      const never: never = what;
      return never;
    }
  }
}
