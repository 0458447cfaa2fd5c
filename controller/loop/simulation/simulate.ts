/** `node dist/controller/loop/simulation/simulate.js [--seeds N] [--from S] [--threads T]`: many lives of a fleet; those that broke a rule are printed whole. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { EXIT } from "../../base/errors.ts";
import { manyLives } from "./seeds.ts";

const OLDEST = 22;
if (Number.parseInt(process.versions.node, 10) < OLDEST) {
  console.error(
    `simulate needs Node ${OLDEST} or newer, and this is ${process.versions.node} (${process.execPath}); run it as "npm run simulate -- …", which finds the one in node_modules`,
  );
  process.exit(EXIT.usage);
}

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    threads: { type: "string", default: String(availableParallelism()) },
    /** Print the log of each. */
    log: { type: "boolean", default: false },
  },
});
const from = Number(values.from);
const seeds = Number(values.seeds);
const began = performance.now();
let turns = 0;
let lasted = 0;
const failed: number[] = [];
const all = Array.from({ length: seeds }, (_, i) => from + i);
await manyLives(
  all,
  (seed, result) => {
    turns += result.turns;
    lasted += result.lasted;
    if (values.log) console.log(result.log.join("\n"));
    if (result.violations.length === 0) return;
    failed.push(seed);
    console.log(`seed ${seed} (again: --from ${seed} --seeds 1 --log): ${result.violations.join(" | ")}`);
  },
  Math.min(seeds, Number(values.threads)),
);
const seconds = (performance.now() - began) / 1000;
console.log(
  `${seeds} seeds from ${from}: ${failed.length} failed; ${turns} turns, ${Math.round(lasted / 86_400_000)} simulated days in ${seconds.toFixed(1)} s`,
);
process.exitCode = failed.length > 0 ? 1 : 0;
