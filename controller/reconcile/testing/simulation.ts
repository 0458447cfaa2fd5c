/** A whole life of a fleet from one seed: edits, drift, faults, crashes and rivals, then peace, in which it must become as written. */
import { createMemoryStore } from "../../store/memory.ts";
import { type Chance, createChance } from "./chance.ts";
import { type Written, chanceFleet, edited, toDesired } from "./chance-fleet.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createHubMemory } from "./fake-runtime-port.ts";
import { wrongInTheEnd } from "./outcome.ts";
import { appear, meddle, tidy } from "./people.ts";
import { type SimulatedController, type Stage, startController } from "./simulated-controller.ts";
import type { Fault } from "./simulated-driver.ts";
import { SimulatedMultipass } from "./simulated-multipass.ts";

export interface SimulationResult {
  readonly seed: number;
  /** What broke a rule; empty: nothing. */
  readonly violations: readonly string[];
  readonly log: readonly string[];
  readonly turns: number;
  readonly controllers: number;
  readonly launches: number;
  /** How long it took in the world's own time. Milliseconds. */
  readonly lasted: number;
}

const MINUTE = 60_000;
/** Within this much of its own time the world is as written, once nothing goes wrong any more. */
const PEACE = 180 * MINUTE;
const LATER = 13 * MINUTE;

export async function simulate(seed: number): Promise<SimulationResult> {
  const run = new Simulation(seed);
  await run.trouble();
  await run.peace();
  return run.result();
}

class Simulation {
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #clock = createFakeClock();
  readonly #start = this.#clock.now();
  readonly #violations: string[] = [];
  readonly #log: string[] = [];
  readonly #stage: Stage;
  readonly #world: SimulatedMultipass;
  #written: Written;
  #desired;
  /** How often a call goes wrong. */
  #faults: number;
  #controllers: SimulatedController[] = [];
  #count = 0;
  #peace = false;
  #launches = 0;
  #turns = 0;

  constructor(seed: number) {
    this.#seed = seed;
    const chance = createChance(seed);
    this.#chance = chance;
    this.#world = new SimulatedMultipass(this.#clock, {
      firstBoot: () => (chance.happens(0.05) ? chance.int(280_000, 500_000) : chance.int(10_000, 60_000)),
      boot: () => chance.int(3000, 40_000),
      prepare: () => chance.int(0, 20_000),
      cloudInit: () => chance.int(2000, 10_000),
      hello: () => (chance.happens(0.03) ? Number.POSITIVE_INFINITY : chance.int(500, 15_000)),
    });
    this.#written = chanceFleet(chance);
    this.#desired = toDesired(this.#written);
    this.#faults = chance.pick([0, 0.02, 0.06]);
    this.#stage = {
      world: this.#world,
      store: createMemoryStore(),
      hub: createHubMemory(),
      chance,
      trusting: chance.happens(0.5),
      desired: () => this.#desired,
      fault: (kind) => this.#fault(kind),
      violation: (text) => {
        this.#violations.push(text);
        this.#say(`VIOLATION ${text}`);
      },
      log: (text) => this.#say(text),
      epoch: { current: 0 },
      launched: new Map(),
    };
    this.#world.onErase.add((name) => this.#stage.launched.delete(name));
    this.#world.onBoot.add((i) => {
      if (i.boot === 1) this.#launches++;
    });
    this.#say(JSON.stringify({ agents: this.#written.agents, settings: this.#written.settings }));
  }

  #say(text: string): void {
    const s = (this.#clock.now() - this.#start) / 1000;
    this.#log.push(`${s.toFixed(2).padStart(9)} ${text}`);
  }

  #fault(kind: string): Fault {
    const chance = this.#chance;
    if (this.#faults === 0 || !chance.happens(this.#faults)) return "none";
    const fault = chance.weighted({ refuse: 4, lie: 3, wedge: 2, fail: kind === "list" ? 0 : 0.5 });
    const found = fault === "wedge" ? { wedge: chance.int(1000, 6 * MINUTE) } : fault;
    this.#say(`fault: ${kind} ${JSON.stringify(found)}`);
    return found;
  }

  get #now(): SimulatedController | undefined {
    return this.#controllers[0]?.life.dead ? undefined : this.#controllers[0];
  }

  /** The former ones are dead, or live on without knowing that their time is over. */
  async #begin(): Promise<void> {
    this.#controllers.unshift(await startController(this.#stage, ++this.#count));
  }

  #edit(what: string, written: Written): void {
    this.#written = written;
    this.#desired = toDesired(written);
    this.#say(`edit: ${what}`);
    for (const c of this.#controllers)
      c.bus.emit("fleet.read", { hash: this.#desired.hash, revision: null, agents: 0, errors: [] });
  }

  /** A controller has seen, since this name was last gone, that it is. */
  #sawGone(name: string): boolean {
    const gone = this.#world.goneAt.get(name);
    if (gone === undefined) return true;
    const seen = this.#now?.loop.last?.observed;
    return seen !== undefined && seen.instances.kind === "seen" && seen.at > gone;
  }

  async trouble(): Promise<void> {
    await this.#begin();
    for (let n = this.#chance.int(5, 25); n > 0; n--) {
      await this.#clock.advance(this.#chance.int(100, this.#chance.pick([5000, 60_000, 4 * MINUTE])));
      if (this.#violations.length > 0) return;
      await this.#event();
    }
    await this.#clock.advance(this.#chance.int(100, MINUTE));
  }

  async #event(): Promise<void> {
    const chance = this.#chance;
    const kind = chance.weighted({
      usurp: 2,
      edit: 5,
      meddle: 5,
      crash: 2,
      countdown: 3,
      rival: 1,
      approve: 2,
      nudge: 1,
      calm: 1,
    });
    const current = this.#now;
    switch (kind) {
      case "edit": {
        const { written, what } = edited(chance, this.#written);
        return this.#edit(what, written);
      }
      case "meddle":
        // The daemon does one thing after the other, theirs too.
        if (!this.#world.answers) return;
        return this.#say(meddle(this.#world, chance, (name) => this.#sawGone(name)));
      case "usurp":
        if (this.#world.answers) this.#usurp();
        return;
      case "crash":
        this.#say("kill -9");
        for (const c of this.#controllers) c.life.end();
        return this.#begin();
      case "countdown": {
        // Between any two calls: it dies somewhere in its next ones, and somebody starts it again later.
        current?.life.endWithin(chance.int(1, 60), () => {
          this.#say("kill -9 between two calls");
          this.#clock.call(chance.int(0, MINUTE), () => void (this.#now ? null : this.#begin()));
        });
        return;
      }
      case "rival":
        this.#say("a second controller takes over; the first does not know");
        return this.#begin();
      case "approve": {
        const open = current?.loop.last?.plan.held.flatMap((h) => h.would ?? []) ?? [];
        if (!current || open.length === 0) return;
        const change = chance.pick(open);
        this.#say(`a person says yes to ${change.action} ${change.agent}`);
        const named = chance.happens(0.4) ? [change.agent] : [];
        current.approved.set(change.agent, change.action);
        for (const name of named) current.allowDelete.add(name);
        return current.loop.approve([change], named);
      }
      case "nudge":
        return current?.loop.nudge([]);
      case "calm":
        this.#faults = chance.pick([0, 0.03]);
        return;
      default: {
        const never: never = kind;
        return never;
      }
    }
  }

  /** Somebody purges an instance and takes its name, as soon as a controller could see that it was gone. */
  #usurp(): void {
    const ours = this.#world.all().filter((i) => i.maker === "fleet");
    if (ours.length === 0) return;
    const { name } = this.#chance.pick(ours);
    this.#say(`somebody purges ${name}, and wants the name`);
    this.#world.erase(name);
    const take = () => {
      if (this.#peace || this.#world.get(name) || this.#world.preparing.has(name)) return;
      if (!this.#sawGone(name)) {
        this.#clock.call(250, take);
        return;
      }
      appear(this.#world, this.#chance, name);
      this.#say(`a stranger takes the name ${name}`);
    };
    this.#clock.call(250, take);
  }

  /** Nothing goes wrong any more, and people have tidied up what only they can. */
  async peace(): Promise<void> {
    if (this.#violations.length > 0) return;
    this.#faults = 0;
    this.#peace = true;
    this.#say("peace");
    this.#edit("mended", { ...this.#written, guard: null, edit: this.#written.edit + 1 });
    if (!this.#now) await this.#begin();
    const current = this.#now;
    if (!current) throw new Error("nobody controls");
    current.life.endWithin(Number.POSITIVE_INFINITY);
    current.loop.nudge([]);
    const end = this.#clock.now() + PEACE;
    let quiet = 0;
    while (this.#clock.now() < end && this.#violations.length === 0) {
      // Once more after a while: sizes and snapshots are not read at every look.
      await this.#clock.advance(quiet > 0 ? LATER : 3 * MINUTE);
      const claims = new Map(this.#stage.store.claims.list().map((c) => [c.name, c]));
      const proven = (name: string) => {
        const claim = claims.get(name);
        return claim === undefined || claim.phase !== "launching" || claim.proven;
      };
      if (this.#world.isIdle) {
        const done = tidy(this.#world, (name) => !proven(name) && current.loop.isSettled);
        for (const line of done) this.#say(line);
        if (done.length > 0) continue;
      }
      const dumb = this.#world
        .all()
        .filter((i) => i.state === "Running" && i.helloAt === Number.POSITIVE_INFINITY);
      for (const instance of dumb) this.#world.boot(instance);
      if (dumb.length > 0) current.loop.nudge([]);
      else if (current.loop.isSettled && current.loop.last?.observed.instances.kind === "seen") {
        if (++quiet > 1) return this.#judge(current);
        // What was refused for good at the very end of the trouble is asked for once more.
        current.loop.nudge([]);
        continue;
      }
      quiet = 0;
      if (this.#chance.happens(0.1)) current.loop.nudge([]);
    }
    if (this.#violations.length === 0) {
      this.#judge(current);
      this.#violations.push("not settled in time");
    }
  }

  #judge({ loop, port }: SimulatedController): void {
    const claims = this.#stage.store.claims.list();
    const plan = loop.last?.plan;
    if (!plan) return void this.#violations.push("nothing was ever planned");
    this.#violations.push(...wrongInTheEnd(this.#world, claims, this.#desired, plan));
    for (const name of port.drained)
      if (!plan.held.some((h) => h.agent === name)) this.#violations.push(`${name} gets no tasks any more`);
  }

  result(): SimulationResult {
    for (const c of this.#controllers) {
      this.#turns += c.loop.turns;
      c.life.end();
    }
    return {
      seed: this.#seed,
      violations: this.#violations,
      log: this.#log,
      turns: this.#turns,
      controllers: this.#count,
      launches: this.#launches,
      lasted: this.#clock.now() - this.#start,
    };
  }
}
