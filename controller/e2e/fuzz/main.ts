/** `npm run fuzz -- [--seed N] [--only TARGET] [--count N] [--from N]`: a long run; prints the seed, counts and seconds. */
import { parseArgs } from "node:util";
import { fuzz, TARGETS, type TargetName } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    only: { type: "string" },
    count: { type: "string" },
    from: { type: "string" },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const names = Object.keys(TARGETS) as TargetName[];
const chosen = names.filter((name) => values.only === undefined || values.only === name);
if (chosen.length === 0 || !Number.isSafeInteger(seed)) {
  process.stderr.write(`targets: ${names.join(", ")}; the seed is a whole number\n`);
  process.exit(64);
}
process.stdout.write(`seed ${seed}\n`);
let sum = 0;
for (const name of chosen) {
  const { inputs, seconds, heapGrowth } = await fuzz(
    name,
    seed,
    Number(values.count ?? TARGETS[name][1]),
    Number(values.from ?? 0),
  );
  sum += inputs;
  process.stdout.write(
    `${name.padEnd(10)} ${inputs} inputs in ${seconds.toFixed(1)} s, heap grew by ${(heapGrowth / 2 ** 20).toFixed(1)} MiB\n`,
  );
}
process.stdout.write(`${sum} inputs, nothing found\n`);
process.exit(0);
