/** Hundreds of lives of a fleet, each from a seed: in none is a rule broken, and each ends as written. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { simulate } from "./testing/simulation.ts";

const SEEDS = 500;
const PARTS = 10;

/** Seeds that break a rule as soon as what mends it is taken away; each is named by what was wrong. */
const FOUND: readonly (readonly [seed: number, what: string])[] = [
  [22, "a controller whose time was over noted that an instance had vanished"],
  [46, "a controller whose time was over stopped an instance"],
  [16, "an instance was purged while it was worked on, and a stranger of its name was resized"],
  [36, "an instance was purged during its launch, and a stranger of its name was taken for it"],
];

async function check(seed: number): Promise<void> {
  const { violations, log } = await simulate(seed);
  if (violations.length === 0) return;
  const again = `node dist/controller/reconcile/testing/simulate.js --from ${seed} --seeds 1 --log`;
  assert.fail(`seed ${seed} (again: ${again}):\n${violations.join("\n")}\n\n${log.slice(-80).join("\n")}`);
}

const WORDS = [
  "kill -9 between two calls",
  "takes over; the first does not know",
  "was taken over by a newer one",
  "a stranger launches",
  "its instance is gone",
  "is being prepared",
  "already exists",
  '"lie"',
  '"wedge"',
  "timed out waiting for response",
  "a person says yes to",
  "has not said hello",
];

describe("the whole controller, simulated", () => {
  for (const [seed, what] of FOUND) it(`seed ${seed}: ${what}`, () => check(seed));

  for (let part = 0; part < PARTS; part++) {
    const first = 1 + (part * SEEDS) / PARTS;
    const last = (part + 1) * (SEEDS / PARTS);
    it(`seeds ${first} to ${last}`, async () => {
      for (let seed = first; seed <= last; seed++) await check(seed);
    });
  }

  it("plays the same life again from the same seed", async () => {
    for (const seed of [7, 8]) assert.deepEqual(await simulate(seed), await simulate(seed));
  });

  it("really goes through what it is for", async () => {
    // As many lives as it takes, and a bound: a change of the controller moves what happens in which.
    let text = "";
    const missing = () => WORDS.filter((word) => !text.includes(word));
    for (let seed = 1; seed <= 500 && missing().length > 0; seed++)
      text += (await simulate(seed)).log.join("\n");
    assert.deepEqual(missing(), [], "it never came to these");
    for (const step of ["recover", "resize", "snapshot", "suspend", "remove", "forget"])
      assert.match(text, new RegExp(`: ${step}$`, "m"));
  });
});
