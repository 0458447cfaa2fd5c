/** A life that is written down: one fleet, then another, and a blow at one edge of a call on the way. */
import { createChance } from "./chance.ts";
import type { Written } from "./chance-fleet.ts";
import { MINUTE, Simulation, type SimulationResult } from "./simulation.ts";
import { TIMING } from "./simulated-multipass.ts";

/**
 * `crash`: kill -9, and a start. `rival`: a newer controller takes over. `usurp`: a stranger takes the name. `loss`: kill -9, the
 * store is gone, and a start.
 */
export type Blow = "crash" | "rival" | "usurp" | "loss";

export interface Script {
  readonly what: string;
  readonly written: Written;
  readonly edited: Written;
  /** The runtime of `a` falls silent as the second fleet is written. */
  readonly hush?: boolean;
  /** Minutes until peace; default 4. */
  readonly waits?: number;
}

/** More edges than any of the scripts has. */
export const EDGES = 70;

export async function play(
  { written, edited, hush, waits = 4 }: Script,
  blow: Blow,
  edge: number,
): Promise<SimulationResult & { readonly hit: boolean }> {
  const life = new Simulation({
    chance: createChance(1),
    written,
    timing: TIMING,
    faults: 0,
    trusting: false,
  });
  await life.begin();
  await life.clock.advance(2 * MINUTE);
  let hit = false;
  // The daemon does one thing after the other, theirs too.
  const usurp = (): void => {
    if (!life.world.answers) life.clock.call(1, usurp);
    else if (life.world.get("a")) life.usurp("a");
  };
  let armed = true;
  const strike = () => {
    if (!armed) return;
    hit = true;
    life.say(`${blow} at edge ${edge}`);
    if (blow === "crash") {
      life.kill();
      void life.begin();
      // Between what a writer reaffirms and what it does then there is no time.
    } else if (blow === "loss") {
      life.loseStore();
      void life.begin();
    } else if (blow === "rival") life.clock.call(1, () => void life.begin());
    else usurp();
  };
  life.current?.life.at(edge, strike);
  if (hush) {
    const instance = life.world.get("a");
    if (instance) instance.helloAt = Number.POSITIVE_INFINITY;
  }
  life.edit("edited", edited);
  await life.clock.advance(waits * MINUTE);
  armed = false;
  await life.peace();
  return { ...life.result(), hit };
}
