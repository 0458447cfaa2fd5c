/** Hundreds of lives of a fleet, each from a seed: in none is a rule broken, and each ends in sync. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { simulate } from "./chance-life.ts";
import { manyLives } from "./seeds.ts";
import type { SimulationResult } from "./simulation.ts";

const SEEDS = 500;
/** Short enough each for a machine that is busy with other tests. */
const PARTS = 5;

/** What the lives have not come to yet: faults, moves and steps. */
const missing = new Set([
  "kill -9 between two calls",
  "takes over; the first does not know",
  "was taken over by a newer one",
  "a stranger launches",
  "its instance is gone",
  "is being prepared",
  "already exists",
  "shutdown called while starting",
  "and nothing is inside",
  '"lie"',
  '"wedge"',
  "timed out waiting for response",
  "a person says yes to",
  "has not said hello",
  "restart-runtime, try",
  "restart-instance, try",
  "nothing can be seen",
  "a task runs in",
  "falls silent",
  "removeSnapshot",
  "rename ",
  '{"replicas"',
  "unreadable",
  ": recover\n",
  ": resize\n",
  ": snapshot\n",
  ": remove-snapshot\n",
  ": restore\n",
  ": mount\n",
  ": unmount\n",
  ": rerun\n",
  ": suspend\n",
  ": remove\n",
  ": forget\n",
]);

function check(seed: number, { violations, log }: SimulationResult): void {
  const lived = log.join("\n");
  for (const word of missing) if (lived.includes(word)) missing.delete(word);
  if (violations.length === 0) return;
  const again = `node dist/controller/loop/simulation/simulate.js --from ${seed} --seeds 1 --log`;
  assert.fail(`seed ${seed} (again: ${again}):\n${violations.join("\n")}\n\n${log.slice(-80).join("\n")}`);
}

describe("the whole controller, simulated", () => {
  for (let part = 0; part < PARTS; part++) {
    const seeds = Array.from({ length: SEEDS / PARTS }, (_, i) => (part * SEEDS) / PARTS + i + 1);
    it(`seeds ${seeds[0]} to ${seeds.at(-1)}`, () => manyLives(seeds, check));
  }

  it("plays the same life again from the same seed", async () => {
    for (const seed of [7, 8]) assert.deepEqual(await simulate(seed), await simulate(seed));
  });

  it("really went through what it is for", () => assert.deepEqual([...missing], []));
});
