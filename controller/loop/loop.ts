/**
 * The loop: wakes on a change of the fleet, a hub event, a nudge, the end of work, or its interval; takes a turn; works on
 * what the plan allows, each agent once at a time, `parallelism` at once. Level-triggered: a lost or doubled wake is harmless.
 */
import { setMaxListeners } from "node:events";
import { type VmAgentError, toVmAgentError } from "../base/errors.ts";
import { jittered } from "../core/backoff.ts";
import type { Holds } from "../core/holds.ts";
import { provisionFailure } from "../core/provisioning.ts";
import type { NextTry } from "../views/status.ts";
import type { Change, Desired, Held, Instant, Policy, Turn } from "../core/types.ts";
import { applyChange } from "../execute/execute.ts";
import { Approvals, subjectOf } from "./approvals.ts";
import { Care } from "./care.ts";
import { type Begin, runnable, toBegin } from "./dispatch.ts";
import { Jobs } from "./jobs.ts";
import { noLongerWanted, stopped } from "../execute/interruptions.ts";
import type { LoopDeps } from "./deps.ts";
import { KeyQueue } from "./queue.ts";
import { revokeNobodies } from "./unclaimed-runtimes.ts";
import { reconcile } from "./turn.ts";
import { Scope } from "./scope.ts";
import { isStillWanted } from "./revalidate.ts";
import { isSettled, isSettling, openAgents, untilNext } from "./settled.ts";
import { type TurnEvents, createTurnEvents, outcomeOf } from "./turn-events.ts";
import { Waiters } from "./waiters.ts";
import { Wakes } from "./scheduler.ts";
import { type Working, wantedKey } from "./in-flight.ts";

export type { LoopDeps } from "./deps.ts";

const SNAPSHOTS_MAX_AGE_MS = 5 * 60_000;
/** Actions after which provisioning is over, well or not. */
const PROVISIONING: readonly Change["action"][] = ["create", "replace", "start", "update", "restart-update"];
const ENDING: readonly Change["action"][] = ["destroy", "stop", "suspend"];

export class Loop {
  readonly queue: KeyQueue;
  readonly scope = new Scope();
  readonly #deps: LoopDeps;
  readonly #abort = new AbortController();
  readonly #jobs: Jobs;
  readonly #events: TurnEvents;
  readonly #care: Care;
  readonly #waiters = new Waiters();
  readonly #approvals: Approvals;
  #turn: Turn | null = null;
  #turning: Promise<Turn | null> | null = null;
  readonly #wakes: Wakes;
  /** Names that somebody asked about since the last look; an empty list: all. */
  #asked: (readonly string[])[] = [];
  /** A newer controller has taken over: nothing more is begun. */
  #fenced: VmAgentError | null = null;
  readonly #since: number;
  #turns = 0;
  /** For each agent in flight: ends its waits when its change is no longer wanted. */
  readonly #cuts = new Map<string, () => void>();
  /** For how many looks in a row something has been on its way. */
  #settling = 0;
  /** The last look found nothing in flight or to begin. */
  #settledTurn = false;
  #stopping = false;
  readonly #subscriptions: readonly (() => void)[];

  constructor(deps: LoopDeps) {
    this.#approvals = new Approvals(deps.store.kv);
    this.#care = new Care(deps, () => this.wake());
    const prove: LoopDeps["prove"] = (step, state, { action, agent }) =>
      this.#care.before(step, state, action === "destroy" && this.#approvals.isNamed(agent));
    this.#deps = { ...deps, prove, whySilent: this.#care.silences.look };
    this.#jobs = new Jobs(deps.bus, deps.clock.now);
    this.#events = createTurnEvents(deps.bus, (held) => this.#approvals.releases(held) !== null);
    this.#since = deps.clock.now();
    this.queue = new KeyQueue(deps.random, deps.retryFirstMs ?? 1000);
    const isFull = () => this.queue.size >= (deps.desired()?.settings.parallelism ?? 1);
    this.#wakes = new Wakes(deps.clock, () => void this.turn(), isFull);
    setMaxListeners(0, this.#abort.signal);
    const { bus } = deps;
    const wake = () => this.wake();
    // What is Ready hangs on these too.
    const news = () => this.#wakes.news();
    this.#subscriptions = [
      bus.on("runtime.offline", wake),
      bus.on("fleet.read", wake),
      // What was read is in force once all listeners have heard of it.
      bus.on("fleet.read", () => setImmediate(() => this.#cutUnwanted())),
      bus.on("runtime.online", news),
      bus.on("runtime.configured", news),
      bus.on("runtime.provisioned", news),
      bus.on("runtime.upgrade", news),
    ];
  }

  get last(): Turn | null {
    return this.#turn;
  }

  get turns(): number {
    return this.#turns;
  }

  get working(): ReadonlyMap<string, Working> {
    return this.#jobs.working;
  }

  /** What is known beyond the looks, for whoever makes a plan of one. */
  holds(): Holds {
    return this.#care.holds();
  }

  /** When the last work on each agent ended: a look that was begun before that may show half of it. */
  get endedAt(): ReadonlyMap<string, Instant> {
    return this.#jobs.endedAt;
  }

  /** In work, or not looked at since: what was seen of these is half of our own work. */
  get unjudged(): ReadonlySet<string> {
    return this.#jobs.unjudged;
  }

  /** What is put off, and until when. */
  get next(): readonly NextTry[] {
    return this.#care.next();
  }

  /** Why runtimes are silent, by name, where it was looked into. */
  get silences(): ReadonlyMap<string, string> {
    return this.#care.silences.found;
  }

  start(): void {
    this.#wakes.open();
  }

  progress(agent: string, text: string): void {
    this.#jobs.progress(agent, text);
  }

  /** Take a turn soon; many wakes make one turn. */
  wake(): void {
    this.#wakes.wake();
  }

  /** Somebody asked: forget failures of these names (all, if none is given) and look again now. */
  nudge(names: readonly string[]): void {
    this.queue.forgive(names);
    this.#asked.push(names);
    this.#settledTurn = false;
    this.wake();
  }

  /** A person approved these changes: held items of the same kind are carried out once. Resolves when it is on disk. */
  approve(
    changes: readonly { readonly agent: string; readonly action: Change["action"] }[],
    allowDelete: readonly string[],
  ): Promise<void> {
    const saved = this.#approvals.give(changes, allowDelete, this.#subject);
    this.#cutUnwanted();
    this.nudge(changes.map((c) => c.agent));
    return saved;
  }

  /** Resolves when it is on disk that none is left for these. */
  withdrawApprovals(agents: readonly string[]): Promise<void> {
    return this.#approvals.drop(agents);
  }

  get isSettled(): boolean {
    return this.#settled() !== null;
  }

  /** Looks and plans now, and begins what may be begun. Turns never overlap. */
  turn(): Promise<Turn | null> {
    this.#turning ??= this.#take();
    return this.#turning;
  }

  async #take(): Promise<Turn | null> {
    this.#wakes.turnBegins();
    this.#cutUnwanted();
    const desired = this.#deps.desired();
    const turn = desired && !this.#stopping ? await this.#look(desired) : null;
    this.#turning = null;
    this.#wakes.turnEnds(desired ? this.#untilNext(desired) : null);
    this.#waiters.tell();
    return turn;
  }

  #untilNext({ settings }: Desired): number {
    const { clock, random } = this.#deps;
    const retry = this.#care.untilNext(clock.now(), this.queue.nextRetry(clock.now()));
    this.#settling = this.#turn && isSettling(this.#turn) ? this.#settling + 1 : 0;
    return untilNext(jittered(settings.interval, random()), retry, this.#settling);
  }

  async #look(desired: Desired): Promise<Turn | null> {
    const { bus, clock, fence } = this.#deps;
    const began = clock.now();
    try {
      for (const names of this.#asked.splice(0)) await this.#care.forgive(names);
      this.#jobs.lookBegins();
      const busy = new Set(this.queue.keys());
      const { given } = this.#approvals;
      this.#approvals.expireChanged(this.#subject, (name) => this.queue.has(name));
      const options = {
        fence,
        busy,
        snapshotsMaxAge: SNAPSHOTS_MAX_AGE_MS,
        signal: this.#abort.signal,
        correct: this.#correct,
        holds: this.#care.holds,
      };
      const turn = await reconcile(this.#deps, desired, this.#policy(), options);
      this.#turn = turn;
      this.#jobs.lookEnds();
      this.#turns++;
      this.#events.planned(turn);
      if (turn.observed.instances.kind === "seen") this.queue.forgiveOthers(openAgents(turn.plan));
      // The fleet was edited while we looked, or asked guests whose they are: what was planned for the one before is not begun.
      const isCurrent = () => this.#deps.desired()?.hash === desired.hash;
      // What was in flight when we looked is judged by the next look: this one saw it half done.
      if (isCurrent()) {
        await revokeNobodies(this.#deps, turn, desired, busy);
        await this.#care.after(turn, desired, busy, new Set(this.queue.failures().keys()));
      }
      const current = isCurrent();
      if (current) this.#dispatch(desired, turn, busy, began);
      else this.wake();
      // A yes that was given while we looked is for what the next look sees; until then nothing is settled.
      const isLast = given === this.#approvals.given;
      if (current && isLast) this.#approvals.expire(turn, (name) => this.queue.has(name));
      this.#settledTurn = current && isLast && busy.size === 0 && this.#isSettled(turn);
      this.#events.ended(outcomeOf(turn, this.queue.size > 0), clock.now() - began);
      return turn;
    } catch (error) {
      const known = toVmAgentError(error);
      bus.emit("step.failed", {
        agent: "",
        step: "turn",
        message: known.message,
        next: known.next,
        retryInMs: desired.settings.interval,
      });
      this.#events.ended("failed", clock.now() - began);
      if (known.code === "fenced") this.#giveWay(known);
      return null;
    }
  }

  readonly #subject = (name: string): string =>
    subjectOf(name, this.#deps.desired(), this.#deps.store.claims.list());

  readonly #correct = (held: Held) => this.#approvals.covers(held);

  #policy(): Policy {
    const { allowDelete } = this.#approvals;
    return { actor: "loop", allowDelete, targets: [], bootGrace: this.#deps.bootGrace };
  }

  /** A newer controller works now: what runs here ends with its step, and whoever waits is told. */
  #giveWay(error: VmAgentError): void {
    this.#fenced ??= error;
    this.#stopping = true;
    this.#wakes.close();
    this.#abort.abort(stopped());
    this.#waiters.tell();
  }

  #runnable(turn: Turn): readonly Change[] {
    return runnable(turn.plan, this.#approvals, this.scope);
  }

  #dispatch(desired: Desired, turn: Turn, busy: ReadonlySet<string>, seenAt: Instant): void {
    const now = this.#deps.clock.now();
    const all = this.#runnable(turn);
    this.#care.silences.makeWay(all.map((c) => c.agent));
    const parts = { runnable: all, care: this.#care, queue: this.queue, scope: this.scope };
    for (const begin of toBegin(turn, desired, { ...parts, busy, now })) {
      if (this.#stopping) return;
      const isFull = this.queue.size >= desired.settings.parallelism;
      // A person's order to end something does not wait for what others wait for.
      if (isFull && !(ENDING.includes(begin.change.action) && this.#approvals.has(begin.change))) continue;
      this.queue.begin(begin.change.agent, now);
      this.#jobs.begin(
        begin.change,
        now,
        () => this.#carryOut(begin, desired.hash, turn, seenAt),
        () => this.wake(),
      );
    }
  }

  async #carryOut(begin: Begin, begunFor: string, turn: Turn, seenAt: Instant): Promise<void> {
    const { bus, clock } = this.#deps;
    const { change } = begin;
    const name = change.agent;
    const isWanted = () => this.#isWanted(begin, begunFor, turn);
    const cut = new AbortController();
    setMaxListeners(0, cut.signal);
    const signal = AbortSignal.any([this.#abort.signal, cut.signal]);
    this.#cuts.set(name, () => {
      if (this.#deps.desired() !== null && !cut.signal.aborted && !isWanted())
        cut.abort(noLongerWanted(name, this.#jobs.working.get(name)?.step ?? change.action));
    });
    try {
      if (begin.kind === "install") await this.#care.installs.run(begin.install, this.#abort.signal);
      else if (begin.kind === "remedy") await this.#care.remedies.run(begin.remedy, change, signal, isWanted);
      else {
        await this.#care.begun(change);
        this.scope.begun(name);
        await applyChange(this.#deps, change, begin.agent, signal, isWanted, seenAt);
      }
      this.queue.done(name);
      this.#approvals.done(name);
      this.scope.done(name);
      if (begin.kind === "change") {
        const reading = this.#deps.readings().find((r) => r.agent === name);
        const failed = PROVISIONING.includes(change.action)
          ? provisionFailure(reading, begin.agent ?? undefined)
          : null;
        bus.emit("agent.converged", {
          agent: name,
          action: change.action,
          ...(failed !== null && { failed }),
        });
      }
    } catch (error) {
      const known = toVmAgentError(cut.signal.aborted ? cut.signal.reason : error);
      // An approval was for what was wanted then; one that was given since is for something else.
      if (known.code === "no-longer-wanted") this.#approvals.withdraw(change);
      if (known.code === "no-longer-wanted" || known.code === "stopped" || this.#care.isHold(known))
        return this.queue.abandon(name);
      const step = this.#jobs.working.get(name)?.step ?? "";
      const failure = this.queue.failed(name, wantedKey(change), known, clock.now());
      const retryInMs = Number.isFinite(failure.retryAt) ? failure.retryAt - clock.now() : null;
      bus.emit("step.failed", { agent: name, step, message: known.message, next: known.next, retryInMs });
      if (known.code === "fenced") this.#giveWay(known);
    } finally {
      this.#cuts.delete(name);
    }
  }

  /** Waits of changes that nobody wants any more end now, not with their deadlines. */
  #cutUnwanted(): void {
    for (const cut of this.#cuts.values()) cut();
  }

  #isWanted(begin: Begin, begunFor: string, turn: Turn): boolean {
    const { desired, store } = this.#deps;
    const claim = store.claims.get(begin.change.agent);
    const said = { policy: this.#policy(), approvals: this.#approvals, correct: this.#correct };
    return isStillWanted(begin, begunFor, turn, { ...said, desired: desired(), claim });
  }

  /**
   * Resolves when nothing is in flight, nothing can be begun and nothing is on its way; failures that will be tried again
   * count as work. Rejects with the signal's reason; with `fenced` when a newer controller has taken over.
   */
  async settled(signal: AbortSignal): Promise<Turn> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#fenced) throw this.#fenced;
      const turn = this.#settled();
      if (turn) return turn;
      await this.#waiters.next(signal);
    }
  }

  /** The last turn, if it looked at what is written now and left nothing to wait for. */
  #settled(): Turn | null {
    const turn = this.#settledTurn ? this.#turn : null;
    return turn?.plan.desiredHash === this.#deps.desired()?.hash && turn && this.#isSettled(turn)
      ? turn
      : null;
  }

  #isSettled(turn: Turn): boolean {
    if (this.queue.size > 0) return false;
    const { clock, bootGrace } = this.#deps;
    const now = clock.now();
    const hasFailed = (c: Change) =>
      this.queue.failure(c.agent)?.retryAt === Number.POSITIVE_INFINITY &&
      !this.queue.ready(c.agent, wantedKey(c), now);
    return isSettled(turn, { runnable: this.#runnable(turn), hasFailed, since: this.#since, now, bootGrace });
  }

  /** Begins nothing more; resolves when the steps that are running are done. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wakes.close();
    this.#abort.abort(stopped());
    await this.#turning?.catch(() => null);
    await this.#care.stop();
    await this.#jobs.close();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#events.close();
  }
}
