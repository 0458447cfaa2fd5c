/** Edits of a fleet made by chance: sensible ones, others, and files that are not in order. */
import type { Chance } from "./chance.ts";
import {
  LADDERS,
  MOUNTS,
  NAMES,
  REPLICATED,
  type Written,
  type WrittenAgent,
  chanceAgent,
  chanceSnapshot,
} from "./chance-fleet.ts";

export interface Edit {
  readonly written: Written;
  /** A word for it. */
  readonly what: string;
}

/** `snapshots`: what there is to go back to, by the name of the instance. */
export function edited(
  chance: Chance,
  written: Written,
  snapshots: (instance: string) => readonly string[],
): Edit {
  const next: Written = { ...written, guard: null, edit: written.edit + 1 };
  const one = written.agents.length > 0 ? chance.pick(written.agents).name : null;
  const used = new Set(written.agents.flatMap((a) => [a.name, a.previousName]));
  const absent = [...NAMES, REPLICATED].filter((n) => !used.has(n));
  const what = chance.weighted({
    add: 4,
    remove: 4,
    change: 7,
    scale: 1,
    rename: 1,
    snapshot: 2,
    restore: 2.5,
    settings: 1,
    empty: 0.4,
    invalid: 0.8,
    unreadable: 0.4,
    mend: 1,
  });
  const change = (name: string | null, part: Partial<WrittenAgent>): Edit => ({
    what: `${name} ${JSON.stringify(part)}`,
    written: { ...next, agents: written.agents.map((a) => (a.name === name ? { ...a, ...part } : a)) },
  });
  const nothing: Edit = { written: next, what: "saved" };
  switch (what) {
    case "add": {
      if (absent.length === 0) return nothing;
      const added = chanceAgent(chance, chance.pick(absent));
      return { written: { ...next, agents: [...written.agents, added] }, what: `add ${added.name}` };
    }
    case "remove": {
      const agents = written.agents.filter((a) => a.name !== one);
      return { written: { ...next, agents }, what: `remove ${one}` };
    }
    case "change":
      return change(one, part(chance));
    case "scale":
      if (!written.agents.some((a) => a.name === REPLICATED)) return nothing;
      return change(REPLICATED, { replicas: chance.int(1, 3) });
    case "rename": {
      const agent = written.agents.find((a) => a.name === one);
      const free = absent.filter((n) => n !== REPLICATED);
      if (!agent || agent.name === REPLICATED) return nothing;
      if (agent.previousName && chance.happens(0.4)) {
        const { previousName: _read, ...rest } = agent;
        return {
          what: `${one} without previousName`,
          written: { ...next, agents: written.agents.map((a) => (a === agent ? rest : a)) },
        };
      }
      if (free.length === 0) return nothing;
      const name = chance.pick(free);
      const onNew = (dependsOn: readonly string[] = []) => dependsOn.map((d) => (d === one ? name : d));
      return {
        what: `rename ${one} to ${name}`,
        written: {
          ...next,
          // It depends on no agent from now on, so that no cycle arises.
          agents: written.agents.map((a) =>
            a.name === one
              ? { ...a, name, previousName: a.name, dependsOn: [] }
              : { ...a, dependsOn: onNew(a.dependsOn) },
          ),
          snapshots: written.snapshots.map((s) => (s.agent === one ? { ...s, agent: name } : s)),
        },
      };
    }
    case "snapshot": {
      if (one === null) return nothing;
      const others = written.snapshots.filter((s) => s.agent !== one);
      const wanted = chance.happens(0.3) ? [] : [chanceSnapshot(chance, one)];
      return {
        what: `snapshots of ${one}: ${JSON.stringify(wanted)}`,
        written: { ...next, snapshots: [...others, ...wanted] },
      };
    }
    case "restore": {
      const agent = written.agents.find((a) => a.name === one);
      if (!agent || agent.name === REPLICATED) return nothing;
      const there = snapshots(agent.previousName ?? agent.name);
      const snapshot = there.length > 0 && chance.happens(0.9) ? chance.pick(there) : "clean";
      // Sometimes an earlier text again, as by a commit that is reverted.
      const edit = chance.happens(0.2) ? chance.int(1, next.edit) : next.edit;
      return change(one, { restore: { snapshot, token: `t${edit}` } });
    }
    case "settings": {
      const settings = { ...written.settings, prune: chance.happens(0.5), maxDeletes: chance.int(0, 2) };
      return { written: { ...next, settings }, what: "settings" };
    }
    case "empty":
      return { written: { ...next, guard: what }, what };
    case "invalid":
    case "unreadable": {
      // What cannot be read any more may be the very document of an agent, or of a snapshot.
      const lost = chance.happens(0.6) ? one : null;
      const agents = written.agents.filter((a) => a.name !== lost);
      const snapshots = chance.happens(0.3)
        ? written.snapshots.filter((s) => s.agent !== one)
        : written.snapshots;
      return {
        written: { ...next, agents, snapshots, guard: what },
        what: lost === null ? what : `${what}, and without ${lost}`,
      };
    }
    case "mend":
      return { written: next, what };
    default: {
      const never: never = what;
      return never;
    }
  }
}

const part = (chance: Chance): Partial<WrittenAgent> =>
  chance.pick<Partial<WrittenAgent>>([
    { cpu: chance.int(1, 3) },
    { memory: chance.pick(["1G", "2G", "1280M"]) },
    { disk: chance.pick(["10G", "20G"]) },
    { state: chance.pick(["running", "stopped", "suspended"]) },
    { provision: chance.pick(["p1", "p2", "p3"]) },
    { provision: chance.pick(["p4", "p5"]), onChange: "rerun" },
    { onChange: chance.pick(["hold", "rerun", "replace"]) },
    { config: chance.pick(["c1", "c2", "c3"]) },
    { protect: chance.happens(0.5) },
    { paused: chance.happens(0.3) },
    { image: chance.pick(["24.04", "noble", "release:noble", "26.04", "22.04"]) },
    { mounts: chance.pick(MOUNTS) },
    { remediate: chance.pick(LADDERS) },
  ]);
