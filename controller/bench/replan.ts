/**
 * The row "re-plan after one of 10,000 files changed". `makePlan` took 56 ms at best (on a busy machine) before rows
 * were matched in their order (core/diff/lookup.ts), views compared without being built and the world hashed as one
 * text; 18 to 29 ms after. The rest: 40,000 new objects that lie far apart, and garbage collection of the former
 * refresh. A turn adds mostly JSON, 10,000 claims and 10,000 sizes from SQLite; rows that did not change are not parsed
 * again (store/sqlite/parsed-rows.ts): 159 ms before and 99 ms after on one busy machine, where reread and plan stayed
 * at 38 ms. The next to save: each refresh creates the rows of the list and of runtimes again, so a former diff cannot
 * be reused by identity; and 12 ms of the reread join the names and hashes of documents that did not change.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "yaml";
import { makePlan } from "../core/plan.ts";
import { createFleetReader } from "../fleet/load.ts";
import { observe } from "../observe/observe.ts";
import { openStore } from "../store/sqlite/sqlite.ts";
import { documentOf, makeFleetOf, observeDeps } from "./fleet-of.ts";
import { below, mean, median, type Row, threadTime } from "./measure.ts";

const POLICY = { actor: "loop", targets: [], allowDelete: [], bootGrace: 1 } as const;

export const row: Row = async (option) => {
  const count = option("agents", 10_000);
  const rounds = option("rounds", 40);
  const fleet = await makeFleetOf(count);
  const store = openStore(fleet.database, { readOnly: true });
  try {
    const reader = createFleetReader(fleet.folder);
    await reader.read();
    const deps = observeDeps(fleet, store);
    const options = { fence: null, busy: new Set<string>(), snapshotsMaxAge: 10_000 };
    const times = {
      floor: [] as number[],
      read: [] as number[],
      plan: [] as number[],
      look: [] as number[],
      wall: [] as number[],
    };
    for (let round = -10; round < rounds; round++) {
      const index = Math.abs(round * 37) % count;
      const file = fleet.files[index] ?? "";
      writeFileSync(file, documentOf(index, round + 1000));
      const before = threadTime();
      parse(readFileSync(file, "utf8"));
      const started = threadTime();
      const startedAt = performance.now();
      const read = await reader.reread([file]);
      const known = threadTime();
      if (!read.ok) throw new Error("the fleet is not valid any more");
      const observed = await observe(deps, read.desired, options);
      const seen = threadTime();
      const plan = makePlan(read.desired, observed, POLICY, Date.now());
      const ended = threadTime();
      if (plan.changes.length === 0) throw new Error("nothing differs");
      if (round < 0) continue;
      times.floor.push(started - before);
      times.read.push(known - started);
      times.look.push(seen - known);
      times.plan.push(ended - seen);
      times.wall.push(performance.now() - startedAt);
    }
    const both = times.read.map((ms, i) => ms + (times.plan[i] ?? 0));
    const note =
      `${mean(times.read).toFixed(1)} ms reread, ${mean(times.plan).toFixed(1)} ms diff and plan; ` +
      `a turn that refreshes adds ${mean(times.look).toFixed(1)} ms of list and store. Processor time; ` +
      `on the wall all three took ${median(times.wall).toFixed(1)} ms here and now`;
    const name = `re-plan after one of ${count} files`;
    return [
      below({ name, floorIs: "parsing that one file", unit: "ms", note }, mean(both), 20, mean(times.floor)),
    ];
  } finally {
    await store.close();
    fleet.remove();
  }
};
