/** A life from one seed: edits, drift, faults, blackouts, tasks, crashes and rivals, drawn one after the other. */
import { type Chance, createChance } from "./chance.ts";
import { edited } from "./chance-edits.ts";
import { chanceFleet } from "./chance-fleet.ts";
import { meddle } from "./outside-actors.ts";
import { MINUTE, Simulation, type SimulationResult } from "./simulation.ts";

export async function simulate(seed: number): Promise<SimulationResult> {
  const chance = createChance(seed);
  const life = new Simulation({
    chance,
    timing: {
      firstBoot: () => (chance.happens(0.05) ? chance.int(280_000, 500_000) : chance.int(10_000, 60_000)),
      boot: () => chance.int(3000, 40_000),
      prepare: () => chance.int(0, 20_000),
      cloudInit: () => chance.int(2000, 10_000),
      hello: () => (chance.happens(0.03) ? Number.POSITIVE_INFINITY : chance.int(500, 15_000)),
    },
    written: chanceFleet(chance),
    faults: chance.pick([0, 0.02, 0.06]),
    trusting: chance.happens(0.5),
  });
  await life.begin();
  for (let n = chance.int(5, 30); n > 0 && !life.isWrong; n--) {
    await life.clock.advance(chance.int(100, chance.pick([5000, 60_000, 4 * MINUTE])));
    if (!life.isWrong) await move(life, chance);
  }
  await life.clock.advance(chance.int(100, MINUTE));
  await life.peace();
  return life.result();
}

async function move(life: Simulation, chance: Chance): Promise<void> {
  const { current, world } = life;
  const kind = chance.weighted({
    usurp: 2,
    edit: 7,
    meddle: 6,
    task: 4,
    crash: 2,
    countdown: 3,
    rival: 1,
    approve: 2,
    requeue: 1,
    blackout: 1.5,
    calm: 1,
    long: 0.5,
  });
  switch (kind) {
    case "edit": {
      const there = (name: string) => world.get(name)?.snapshots.map((s) => s.name) ?? [];
      const { written, what } = edited(chance, life.written, there);
      life.edit(what, written);
      // Long enough, now and then, for schedules to be due while the files are not in order.
      if (written.guard && chance.happens(0.4)) await life.clock.advance(chance.int(10, 40) * MINUTE);
      return;
    }
    case "meddle":
      // The daemon does one thing after the other, theirs too.
      if (world.answers) life.say(meddle(world, chance, (name) => life.sawGone(name)));
      return;
    case "usurp": {
      const ours = world.answers ? world.all().filter((i) => i.maker === "fleet") : [];
      if (ours.length > 0) life.usurp(chance.pick(ours).name);
      return;
    }
    case "task": {
      const ours = world.all().filter((i) => i.maker === "fleet");
      if (!current || ours.length === 0) return;
      const { name } = chance.pick(ours);
      const timeout = chance.int(1000, 15 * MINUTE);
      const ms = chance.happens(0.3) ? 2 * timeout : chance.int(500, timeout);
      if (current.port.submit(name, ms, timeout)) life.say(`a task runs in ${name} for ${ms / 1000} s`);
      return;
    }
    case "crash":
      life.kill();
      return life.begin();
    case "countdown": {
      // Between any two calls: it dies during one of the next calls, and is started again later.
      current?.life.endWithin(chance.int(1, 60), () => {
        life.say("kill -9 between two calls");
        life.clock.call(chance.int(0, MINUTE), () => void (life.current ? null : life.begin()));
      });
      return;
    }
    case "rival":
      life.say("a second controller takes over; the first does not know");
      return life.begin();
    case "approve": {
      const open = current?.loop.last?.plan.held.flatMap((h) => h.would ?? []) ?? [];
      if (!current || open.length === 0) return;
      const change = chance.pick(open);
      life.say(`a person says yes to ${change.action} ${change.agent}`);
      const { agent, action } = change;
      const named = chance.happens(0.4);
      const nonce = life.stage.store.claims.get(agent)?.nonce ?? null;
      life.stage.approvals.set(agent, { action, named, nonce });
      life.stage.ledger.resetBackoff([agent]);
      // It counts at once; that it is on disk is not waited for, so that a crash may come before.
      void current.loop.approve([change], named ? [agent] : []);
      return;
    }
    case "requeue":
      return life.requeue();
    case "blackout":
      return life.blackout(chance.int(1000, 8 * MINUTE), chance.pick(["gone", "denied", "cut"]));
    case "calm":
      life.faults = chance.pick([0, 0.03]);
      return;
    case "long":
      return life.clock.advance(chance.int(20, 60) * MINUTE);
    default: {
      const never: never = kind;
      return never;
    }
  }
}
