/** A short run of every fuzz target, on a new seed each time; the long one is npm run fuzz. */
import { test } from "node:test";
import { fuzz, type TargetName } from "./fuzz.ts";

const COUNTS: Readonly<Record<TargetName, number>> = {
  frames: 700,
  bodies: 500,
  screens: 3,
  redactor: 1000,
  yaml: 200,
  multipass: 300,
};
const seed = Number(process.env.VM_AGENT_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

for (const [name, count] of Object.entries(COUNTS))
  test(`${name}: ${count} inputs of seed ${seed}`, async (t) => {
    const { seconds } = await fuzz(name as TargetName, seed, count);
    t.diagnostic(`${seconds.toFixed(1)} s`);
  });
