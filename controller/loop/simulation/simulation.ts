/**
 * A whole life of a fleet: random events, move by move, then a quiet period, in which it must converge and stay in
 * sync.
 */
import { createMemoryStore } from "../../store/memory/memory.ts";
import type { Desired } from "../../core/types.ts";
import type { Chance } from "./chance.ts";
import { type Written, toDesired } from "./chance-fleet.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createHubMemory } from "./fake-runtime-port.ts";
import { Ledger } from "./ledger.ts";
import { wrongInTheEnd } from "./outcome.ts";
import { appear, tidy } from "./outside-actors.ts";
import { type SimulatedController, type Stage, startController } from "./simulated-controller.ts";
import type { Fault } from "./driver-options.ts";
import { SimulatedMultipass, type Timing } from "./simulated-multipass.ts";

export interface SimulationResult {
  /** What broke a rule; empty: nothing. */
  readonly violations: readonly string[];
  readonly log: readonly string[];
  readonly turns: number;
  readonly controllers: number;
  readonly launches: number;
  /** How long it took in the world's own time. Milliseconds. */
  readonly lasted: number;
}

export interface SimulationOptions {
  readonly chance: Chance;
  readonly written: Written;
  readonly timing: Timing;
  /** How often a call goes wrong. */
  readonly faults: number;
  /** True: every runtime is let in, clones too. */
  readonly trusting: boolean;
}

/** For a while nothing can be seen. `gone`: no daemon; `denied`: its socket is refused; `cut`: only the list cannot be read. */
export type Blackout = "gone" | "denied" | "cut";

export const MINUTE = 60_000;
/** Within this much of its own time the world is in sync, once nothing goes wrong any more. */
const PEACE = 180 * MINUTE;
const LATER = 13 * MINUTE;

export class Simulation {
  readonly clock = createFakeClock();
  readonly world: SimulatedMultipass;
  readonly stage: Stage;
  readonly chance: Chance;
  faults: number;
  readonly #start = this.clock.now();
  readonly #violations: string[] = [];
  readonly #log: string[] = [];
  /** The fleet versions and since when. The newest is the last. */
  readonly #history: { readonly at: number; readonly desired: Desired }[] = [];
  #written: Written;
  #blackout: { readonly until: number; readonly how: Blackout } | null = null;
  #controllers: SimulatedController[] = [];
  #count = 0;
  #peace = false;
  #lost = false;
  #launches = 0;
  #turns = 0;

  constructor({ chance, written, timing, faults, trusting }: SimulationOptions) {
    this.chance = chance;
    this.world = new SimulatedMultipass(this.clock, timing);
    this.faults = faults;
    this.#written = written;
    this.#history.push({ at: this.#start, desired: toDesired(written) });
    const hub = createHubMemory();
    this.stage = {
      world: this.world,
      store: createMemoryStore(),
      hub,
      chance,
      trusting,
      desired: () => this.desired,
      fault: (kind) => this.#fault(kind),
      violation: (text) => {
        this.#violations.push(text);
        this.say(`VIOLATION ${text}`);
      },
      log: (text) => this.say(text),
      approvals: new Map(),
      epoch: { current: 0 },
      launched: new Map(),
      ledger: new Ledger(this.world, hub.tasks),
      writtenSince: (at) =>
        this.#history.filter((_, i) => (this.#history[i + 1]?.at ?? Infinity) >= at).map((h) => h.desired),
    };
    this.world.onErase.add((name) => this.stage.launched.delete(name));
    this.world.onBoot.add((i) => {
      if (i.boot === 1 && i.empty) this.say(`cloud-init of ${i.name} dies, and nothing is inside`);
      if (i.boot === 1) this.#launches++;
    });
    this.say(JSON.stringify(written));
  }

  get written(): Written {
    return this.#written;
  }

  get desired(): Desired {
    const { desired } = this.#history.at(-1) ?? {};
    if (!desired) throw new Error("nothing is written");
    return desired;
  }

  get isWrong(): boolean {
    return this.#violations.length > 0;
  }

  /** The newest controller; undefined: it is dead. */
  get current(): SimulatedController | undefined {
    return this.#controllers[0]?.life.dead ? undefined : this.#controllers[0];
  }

  say(text: string): void {
    const s = (this.clock.now() - this.#start) / 1000;
    this.#log.push(`${s.toFixed(2).padStart(9)} ${text}`);
  }

  #fault(kind: string): Fault {
    const { chance } = this;
    // The guest of a launch that dies in its first boot and stays behind, Stopped.
    if (kind === "boot" || kind === "cloud-init")
      return this.faults > 0 && chance.happens(2 * this.faults) ? "fail" : "none";
    const dark = this.#blackout;
    if (dark && this.clock.now() < dark.until) {
      if (dark.how === "gone") return "refuse";
      if (dark.how === "denied") return "fail";
      if (kind === "list") return "refuse";
    }
    if (this.faults === 0 || !chance.happens(this.faults)) return "none";
    const fault = chance.weighted({ refuse: 4, lie: 3, wedge: 2, fail: kind === "list" ? 0 : 0.5 });
    const found = fault === "wedge" ? { wedge: chance.int(1000, 6 * MINUTE) } : fault;
    this.say(`fault: ${kind} ${JSON.stringify(found)}`);
    return found;
  }

  /** Another controller. The former ones are dead, or live on without knowing that their time is over. */
  async begin(): Promise<void> {
    this.#controllers.unshift(await startController(this.stage, ++this.#count));
  }

  edit(what: string, written: Written): void {
    this.#written = written;
    this.#history.push({ at: this.clock.now(), desired: toDesired(written) });
    this.say(`edit: ${what}`);
    for (const c of this.#controllers)
      c.bus.emit("fleet.read", { hash: this.desired.hash, revision: null, agents: 0, errors: [] });
  }

  requeue(): void {
    this.stage.ledger.resetBackoff([]);
    this.current?.loop.requeue([]);
  }

  blackout(ms: number, how: Blackout): void {
    this.#blackout = { until: this.clock.now() + ms, how };
    this.say(`nothing can be seen for ${ms / 1000} s: ${how}`);
  }

  kill(): void {
    this.say("kill -9");
    for (const c of this.#controllers) c.life.end();
  }

  /** Its folder is gone with all that it knew: claims, credentials, notes. What it made goes on. */
  loseStore(): void {
    this.kill();
    this.say("the store is lost");
    this.#lost = true;
    this.stage.store = createMemoryStore();
    for (const memory of Object.values(this.stage.hub)) memory.clear();
  }

  /** A controller has seen, since this name was last gone, that it is. */
  sawGone(name: string): boolean {
    const gone = this.world.goneAt.get(name);
    if (gone === undefined) return true;
    const seen = this.current?.loop.last?.observed;
    return seen !== undefined && seen.instances.kind === "seen" && seen.at > gone;
  }

  /** An instance is purged and its name taken from outside, as soon as a controller could observe that it was gone. */
  usurp(name: string): void {
    this.say(`outside: purges ${name}, and wants the name`);
    this.world.erase(name);
    const take = () => {
      if (this.#peace || this.world.get(name) || this.world.preparing.has(name)) return;
      if (!this.sawGone(name)) {
        this.clock.call(250, take);
        return;
      }
      appear(this.world, this.chance, name);
      this.say(`a stranger takes the name ${name}`);
    };
    this.clock.call(250, take);
  }

  /** Nothing goes wrong any more, and people have tidied up what only they can. */
  async peace(): Promise<void> {
    if (this.isWrong) return;
    this.faults = 0;
    this.#blackout = null;
    this.#peace = true;
    this.say("peace");
    this.edit("mended", { ...this.#written, guard: null, edit: this.#written.edit + 1 });
    if (!this.current) await this.begin();
    const { current } = this;
    if (!current) throw new Error("no controller runs");
    current.life.endWithin(Number.POSITIVE_INFINITY);
    this.requeue();
    const end = this.clock.now() + PEACE;
    let quiet = 0;
    while (this.clock.now() < end && !this.isWrong) {
      // Once more after a while: sizes and snapshots are not read at every look.
      await this.clock.advance(quiet > 0 ? LATER : 3 * MINUTE);
      if (this.#help(current)) quiet = 0;
      else if (current.loop.isSettled && current.loop.last?.observed.instances.kind === "seen") {
        if (++quiet > 1) {
          this.#judge(current);
          return this.#stays(current);
        }
        // What was refused for good at the very end of the trouble is asked for once more.
        this.requeue();
      } else {
        quiet = 0;
        if (this.chance.happens(0.1)) this.requeue();
      }
    }
    if (this.isWrong) return;
    this.#judge(current);
    this.#violations.push("not settled in time");
  }

  /** What only people can do; true: they did something. */
  #help({ loop }: SimulatedController): boolean {
    const claims = new Map(this.stage.store.claims.list().map((c) => [c.name, c]));
    const proven = (name: string) => {
      const claim = claims.get(name);
      // An instance without a record proves itself once it runs.
      if (claim === undefined) return !this.#lost || !this.desired.agents.some((a) => a.name === name);
      return claim.phase !== "launching" || claim.proven;
    };
    if (this.world.isIdle) {
      const done = tidy(this.world, (name) => !proven(name) && loop.isSettled);
      for (const line of done) this.say(line);
      if (done.length > 0) return true;
    }
    const dumb = this.#dumb();
    for (const instance of dumb) {
      instance.empty = false;
      this.world.boot(instance);
    }
    if (dumb.length > 0) this.requeue();
    return dumb.length > 0;
  }

  #dumb() {
    return this.world.all().filter((i) => i.state === "Running" && i.helloAt === Number.POSITIVE_INFINITY);
  }

  /** Once it is in sync nothing more is done, but what a schedule asks for and what its restarts bring about. */
  async #stays(current: SimulatedController): Promise<void> {
    const before = this.stage.ledger.work;
    const from = this.#log.length;
    const boots = this.world.all().reduce((sum, i) => sum + i.boot, 0);
    await this.clock.advance(LATER);
    const after = this.world.all().reduce((sum, i) => sum + i.boot, 0);
    // A boot may leave its runtime silent: still so, or helped already.
    const helped = this.#log.slice(from).some((line) => line.includes("its runtime is silent"));
    if (this.stage.ledger.work === before || (after > boots && (helped || this.#dumb().length > 0))) return;
    if (!current.life.dead) this.#violations.push(`endless work: ${this.#log.slice(from).join("; ")}`);
  }

  #judge({ loop, port }: SimulatedController): void {
    const claims = this.stage.store.claims.list();
    const plan = loop.last?.plan;
    if (!plan) return void this.#violations.push("nothing was ever planned");
    this.#violations.push(...wrongInTheEnd(this.world, claims, this.desired, plan));
    for (const name of port.drained)
      if (!plan.held.some((h) => h.agent === name)) this.#violations.push(`${name} gets no tasks any more`);
  }

  result(): SimulationResult {
    for (const c of this.#controllers) {
      this.#turns += c.loop.turns;
      c.life.end();
    }
    return {
      violations: this.#violations,
      log: this.#log,
      turns: this.#turns,
      controllers: this.#count,
      launches: this.#launches,
      lasted: this.clock.now() - this.#start,
    };
  }
}
