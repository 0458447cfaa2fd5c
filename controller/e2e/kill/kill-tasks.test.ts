/**
 * `kill -9` of the hub, of a runtime, of both, at every point of a task's life: no acknowledged task is lost, no task is
 * executed twice, and what the hub says of each is true. Real processes: hub on SQLite, the runtime's bundle.
 *
 * VM_AGENT_TEST_KILLS: rounds (default 16; `npm run kills` does 100). VM_AGENT_TEST_SEED: which points come first.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { killAndCheck, type Tally } from "./round.ts";
import { POINTS, type Point, VICTIMS, type Victim } from "./points.ts";
import { seeded, shuffled } from "./seeded.ts";
import { createKillWorld } from "./world.ts";

const ROUNDS = Number(process.env.VM_AGENT_TEST_KILLS ?? 16);
const SEED = Number(process.env.VM_AGENT_TEST_SEED ?? 1);
/** Worlds at once, each with its own hub. */
const WORLDS = 2;

const random = seeded(SEED);
const all = VICTIMS.flatMap((victim) => POINTS.map((point): readonly [Victim, Point] => [victim, point]));
// Every point with every victim once, before any comes again.
const rounds: (readonly [Victim, Point])[] = [];
while (rounds.length < ROUNDS) rounds.push(...shuffled(all, random));
rounds.length = ROUNDS;

describe(`kill -9 around tasks, ${ROUNDS} rounds, seed ${SEED}`, { concurrency: WORLDS }, () => {
  for (let world = 0; world < WORLDS; world++) {
    it(`world ${world + 1} of ${WORLDS}`, { timeout: 900_000 }, async (t) => {
      const began = Date.now();
      const home = mkdtempSync(join(tmpdir(), "vm-agent-kill-"));
      mkdirSync(join(home, "hub"));
      const w = await createKillWorld(join(home, "hub"));
      const tally: Tally = { tasks: 0, succeeded: 0, lost: 0, executions: 0 };
      let done = 0;
      try {
        for (let n = world; n < rounds.length; n += WORLDS) {
          const [victim, point] = rounds[n] as readonly [Victim, Point];
          await killAndCheck(w, { name: `agent-${n}`, victim, point, random }, tally).catch(
            (error: unknown) => {
              const where = `round ${n} of seed ${SEED}: ${victim} killed when/${point.name}`;
              throw new Error(`${where}\n${String((error as Error).stack)}\n${w.output()}`, { cause: error });
            },
          );
          done++;
        }
        const seconds = ((Date.now() - began) / 1000).toFixed(1);
        t.diagnostic(`${done} rounds in ${seconds} s: ${JSON.stringify(tally)}`);
        assert.equal(tally.tasks, tally.succeeded + tally.lost);
      } finally {
        await w.close();
        rmSync(home, { recursive: true, force: true, maxRetries: 5 });
      }
    });
  }
});
