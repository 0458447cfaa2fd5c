/**
 * The row "plan of 10,000 agents from disk". All of it is work of one thread, so its processor time is compared: on a busy
 * machine the wall clock made the floor itself grow twentyfold from 1,000 to 10,000 files.
 */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { makePlan } from "../core/plan.ts";
import type { Plan } from "../core/types.ts";
import { observe } from "../observe/observe.ts";
import { openStore } from "../store/sqlite/sqlite.ts";
import { desiredOf, type FleetOf, makeFleetOf, observeDeps } from "./fleet-of.ts";
import { atMost, inTurns, median, type Row, threadTime } from "./measure.ts";

const FLOOR = "reading the same files, yaml.parse of each, JSON.parse of the same list";

export const row: Row = async (option) => {
  const large = option("agents", 10_000);
  const small = Math.round(large / 10);
  const many = await makeFleetOf(large);
  const few = await makeFleetOf(small);
  const load: number[] = [];
  const look: number[] = [];
  const wall: number[] = [];
  try {
    const plan = async (fleet: FleetOf) => {
      const took = await planOnce(fleet);
      expect(took.plan, fleet.files.length);
      if (fleet === many) {
        load.push(took.load);
        look.push(took.observe);
        wall.push(took.wall);
      }
      return took.all;
    };
    const { floor, ours, smallFloor, smallOurs } = await inTurns(option("rounds", 7), 1, {
      floor: () => parseOnly(many),
      ours: () => plan(many),
      // As much work as one round of the large fleet, so that both meet the same neighbours.
      smallFloor: () => tenTimes(() => parseOnly(few)),
      smallOurs: () => tenTimes(() => plan(few)),
    });
    const rest = median(ours) - median(load) - median(look);
    const note =
      `of it ${median(load).toFixed(0)} ms load, ${median(look).toFixed(0)} ms list and store, ` +
      `${rest.toFixed(0)} ms diff and plan; processor time, on the wall it took ${median(wall).toFixed(0)} ms here and now`;
    const unit = "ms";
    const name = (count: number) => `plan of ${count} agents from disk`;
    const growth = { name: `${large} agents against ${small}`, floorIs: `the plan of ${small}`, unit };
    return [
      atMost({ name: name(small), floorIs: FLOOR, unit }, { floor: smallFloor, ours: smallOurs }, 1.5),
      atMost({ name: name(large), floorIs: FLOOR, unit, note }, { floor, ours }, 1.5),
      atMost(growth, { floor: smallOurs, ours }, 11),
    ];
  } finally {
    many.remove();
    few.remove();
  }
};

async function tenTimes(work: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (let i = 0; i < 10; i++) sum += await work();
  return sum / 10;
}

async function parseOnly(fleet: FleetOf): Promise<number> {
  const started = threadTime();
  for (const file of fleet.files) parse(readFileSync(file, "utf8"));
  JSON.parse(fleet.list);
  return threadTime() - started;
}

/** What `vm-agent plan` does between its arguments and its output, the spawn of `multipass list` left out. */
async function planOnce(fleet: FleetOf) {
  const startedAt = performance.now();
  const started = threadTime();
  const desired = await desiredOf(fleet.folder);
  const loaded = threadTime();
  const store = openStore(fleet.database, { readOnly: true });
  const reader = { fence: null, busy: new Set<string>(), snapshotsMaxAge: 10_000 };
  const observed = await observe(observeDeps(fleet, store), desired, reader);
  const seen = threadTime();
  const plan = makePlan(
    desired,
    observed,
    { actor: "apply", targets: [], allowDelete: [], bootGrace: 1 },
    Date.now(),
  );
  await store.close();
  const ended = threadTime();
  return {
    plan,
    all: ended - started,
    load: loaded - started,
    observe: seen - loaded,
    wall: performance.now() - startedAt,
  };
}

/** A benchmark of a wrong answer is worth nothing. */
function expect(plan: Plan, count: number): void {
  const { create, change, destroy, held } = plan.counts;
  if (change !== Math.round(count / 100) || create + destroy + held > 0)
    throw new Error(`an unexpected plan: ${JSON.stringify(plan.counts)} ${JSON.stringify(plan.held[0])}`);
}
