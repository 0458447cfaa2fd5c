/**
 * The control loop. A change of the fleet, a hub event, a requeue, the end of a change or the resync interval requests
 * a turn. A turn observes, plans and begins changes: one at a time for each agent, `parallelism` at once.
 * Level-triggered: a lost or doubled request is harmless.
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
import { PlanGate } from "./plan-gate.ts";
import { type Begin, runnable, toBegin } from "./dispatch.ts";
import { noLongerDesired, stopped } from "../execute/interruptions.ts";
import type { LoopDeps } from "./deps.ts";
import { KeyQueue } from "./queue.ts";
import { revokeOrphanedCredentials } from "./unclaimed-runtimes.ts";
import { reconcile } from "./turn.ts";
import { Scope } from "./scope.ts";
import { isStillDesired } from "./revalidate.ts";
import { isSettled, isSettling, openAgents, untilNext } from "./settled.ts";
import { type TurnEvents, createTurnEvents, outcomeOf } from "./turn-events.ts";
import { Signal } from "./signal.ts";
import { Scheduler } from "./scheduler.ts";
import { InFlight, type InFlightChange, desiredKey } from "./in-flight.ts";

export type { LoopDeps } from "./deps.ts";

const SNAPSHOTS_MAX_AGE_MS = 5 * 60_000;
/** Actions after which provisioning is over, successful or not. */
const PROVISIONING: readonly Change["action"][] = ["create", "replace", "start", "update", "restart-update"];
const ENDING: readonly Change["action"][] = ["destroy", "stop", "suspend"];

export class Loop {
  readonly queue: KeyQueue;
  readonly scope = new Scope();
  readonly #deps: LoopDeps;
  readonly #abort = new AbortController();
  readonly #inFlight: InFlight;
  readonly #events: TurnEvents;
  readonly #planGate: PlanGate;
  readonly #turnEnded = new Signal();
  readonly #approvals: Approvals;
  #turn: Turn | null = null;
  #turning: Promise<Turn | null> | null = null;
  readonly #scheduler: Scheduler;
  /** Names of requests since the last refresh; an empty list: all. */
  #asked: (readonly string[])[] = [];
  /** A newer controller has taken over: nothing more is begun. */
  #fenced: VmAgentError | null = null;
  readonly #since: number;
  #turns = 0;
  /** By agent in flight: ends its waits when its change is no longer desired. */
  readonly #cuts = new Map<string, () => void>();
  /** Number of turns in a row in which an instance was in transition. */
  #settling = 0;
  /** The last turn found nothing in flight or to begin. */
  #settledTurn = false;
  #stopping = false;
  readonly #subscriptions: readonly (() => void)[];

  constructor(deps: LoopDeps) {
    this.#approvals = new Approvals(deps.store.kv);
    this.#planGate = new PlanGate(deps, () => this.wake());
    const prove: LoopDeps["prove"] = (step, state, { action, agent }) =>
      this.#planGate.before(step, state, action === "destroy" && this.#approvals.isNamed(agent));
    this.#deps = { ...deps, prove, diagnose: this.#planGate.diagnoses.look };
    this.#inFlight = new InFlight(deps.bus, deps.clock.now);
    this.#events = createTurnEvents(deps.bus, (held) => this.#approvals.releases(held) !== null);
    this.#since = deps.clock.now();
    this.queue = new KeyQueue(deps.random, deps.retryFirstMs ?? 1000);
    const isFull = () => this.queue.size >= (deps.desired()?.settings.parallelism ?? 1);
    this.#scheduler = new Scheduler(deps.clock, () => void this.turn(), isFull);
    setMaxListeners(0, this.#abort.signal);
    const { bus } = deps;
    const wake = () => this.wake();
    // These decide Ready.
    const runtimeChanged = () => this.#scheduler.runtimeChanged();
    this.#subscriptions = [
      bus.on("runtime.offline", wake),
      bus.on("fleet.read", wake),
      // The new fleet is in force once all listeners have run.
      bus.on("fleet.read", () => setImmediate(() => this.#cancelUndesired())),
      bus.on("runtime.online", runtimeChanged),
      bus.on("runtime.configured", runtimeChanged),
      bus.on("runtime.provisioned", runtimeChanged),
      bus.on("runtime.upgrade", runtimeChanged),
    ];
  }

  get last(): Turn | null {
    return this.#turn;
  }

  get turns(): number {
    return this.#turns;
  }

  get inFlight(): ReadonlyMap<string, InFlightChange> {
    return this.#inFlight.changes;
  }

  /** Holds beyond the refresh, for every plan. */
  holds(): Holds {
    return this.#planGate.holds();
  }

  /** When the last change of each agent ended: a refresh that began earlier may show it half done. */
  get endedAt(): ReadonlyMap<string, Instant> {
    return this.#inFlight.endedAt;
  }

  /** Agents in flight, or not refreshed since: their differences may be unfinished work. */
  get unjudged(): ReadonlySet<string> {
    return this.#inFlight.unjudged;
  }

  /** Delayed attempts, and until when. */
  get next(): readonly NextTry[] {
    return this.#planGate.next();
  }

  /** Diagnoses of offline runtimes, by name. */
  get diagnoses(): ReadonlyMap<string, string> {
    return this.#planGate.diagnoses.found;
  }

  start(): void {
    this.#scheduler.open();
  }

  progress(agent: string, text: string): void {
    this.#inFlight.progress(agent, text);
  }

  /** Requests a turn soon; several requests make one turn. */
  wake(): void {
    this.#scheduler.requestTurn();
  }

  /** On a person's request: forget failures of these names (all, if none is given) and refresh now. */
  requeue(names: readonly string[]): void {
    this.queue.resetBackoff(names);
    this.#asked.push(names);
    this.#settledTurn = false;
    this.wake();
  }

  /** A person approved these changes: matching holds are carried out once. Resolves when it is on disk. */
  approve(
    changes: readonly { readonly agent: string; readonly action: Change["action"] }[],
    allowDelete: readonly string[],
  ): Promise<void> {
    const saved = this.#approvals.give(changes, allowDelete, this.#subject);
    this.#cancelUndesired();
    this.requeue(changes.map((c) => c.agent));
    return saved;
  }

  /** Resolves when the removal is on disk. */
  withdrawApprovals(agents: readonly string[]): Promise<void> {
    return this.#approvals.drop(agents);
  }

  get isSettled(): boolean {
    return this.#settled() !== null;
  }

  /** Observes, plans, and begins what may begin. Turns never overlap. */
  turn(): Promise<Turn | null> {
    this.#turning ??= this.#take();
    return this.#turning;
  }

  async #take(): Promise<Turn | null> {
    this.#scheduler.turnBegins();
    this.#cancelUndesired();
    const desired = this.#deps.desired();
    const turn = desired && !this.#stopping ? await this.#look(desired) : null;
    this.#turning = null;
    this.#scheduler.turnEnds(desired ? this.#untilNext(desired) : null);
    this.#turnEnded.notifyAll();
    return turn;
  }

  #untilNext({ settings }: Desired): number {
    const { clock, random } = this.#deps;
    const retry = this.#planGate.untilNext(clock.now(), this.queue.nextRetry(clock.now()));
    this.#settling = this.#turn && isSettling(this.#turn) ? this.#settling + 1 : 0;
    return untilNext(jittered(settings.interval, random()), retry, this.#settling);
  }

  async #look(desired: Desired): Promise<Turn | null> {
    const { bus, clock, fence } = this.#deps;
    const began = clock.now();
    try {
      for (const names of this.#asked.splice(0)) await this.#planGate.resetBackoff(names);
      this.#inFlight.refreshBegins();
      const busy = new Set(this.queue.keys());
      const { given } = this.#approvals;
      this.#approvals.expireChanged(this.#subject, (name) => this.queue.has(name));
      const options = {
        fence,
        busy,
        snapshotsMaxAge: SNAPSHOTS_MAX_AGE_MS,
        signal: this.#abort.signal,
        correct: this.#correct,
        holds: this.#planGate.holds,
      };
      const turn = await reconcile(this.#deps, desired, this.#policy(), options);
      this.#turn = turn;
      this.#inFlight.refreshEnds();
      this.#turns++;
      this.#events.planned(turn);
      if (turn.observed.instances.kind === "seen") this.queue.resetOtherBackoffs(openAgents(turn.plan));
      // The fleet was edited during the refresh or while guests were asked: a plan for the former fleet is not begun.
      const isCurrent = () => this.#deps.desired()?.hash === desired.hash;
      // Changes in flight during the refresh are judged by the next one: this one saw them half done.
      if (isCurrent()) {
        await revokeOrphanedCredentials(this.#deps, turn, desired, busy);
        await this.#planGate.after(turn, desired, busy, new Set(this.queue.failures().keys()));
      }
      const current = isCurrent();
      if (current) this.#dispatch(desired, turn, busy, began);
      else this.wake();
      // An approval given during the refresh applies to the next one; until then the loop is not settled.
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

  /** A newer controller has taken over: running steps end, waiting callers are notified. */
  #giveWay(error: VmAgentError): void {
    this.#fenced ??= error;
    this.#stopping = true;
    this.#scheduler.close();
    this.#abort.abort(stopped());
    this.#turnEnded.notifyAll();
  }

  #runnable(turn: Turn): readonly Change[] {
    return runnable(turn.plan, this.#approvals, this.scope);
  }

  #dispatch(desired: Desired, turn: Turn, busy: ReadonlySet<string>, seenAt: Instant): void {
    const now = this.#deps.clock.now();
    const all = this.#runnable(turn);
    this.#planGate.diagnoses.makeWay(all.map((c) => c.agent));
    const parts = { runnable: all, planGate: this.#planGate, queue: this.queue, scope: this.scope };
    for (const begin of toBegin(turn, desired, { ...parts, busy, now })) {
      if (this.#stopping) return;
      const isFull = this.queue.size >= desired.settings.parallelism;
      // A person's request to end something does not wait for a free slot.
      if (isFull && !(ENDING.includes(begin.change.action) && this.#approvals.has(begin.change))) continue;
      this.queue.begin(begin.change.agent, now);
      this.#inFlight.begin(
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
        cut.abort(noLongerDesired(name, this.#inFlight.changes.get(name)?.step ?? change.action));
    });
    try {
      if (begin.kind === "install") await this.#planGate.installer.run(begin.install, this.#abort.signal);
      else if (begin.kind === "remedy")
        await this.#planGate.remedies.run(begin.remedy, change, signal, isWanted);
      else {
        await this.#planGate.begun(change);
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
      // The approval was for the former desired state; a newer one is for another change.
      if (known.code === "no-longer-wanted") this.#approvals.withdraw(change);
      if (known.code === "no-longer-wanted" || known.code === "stopped" || this.#planGate.isHold(known))
        return this.queue.abandon(name);
      const step = this.#inFlight.changes.get(name)?.step ?? "";
      const failure = this.queue.failed(name, desiredKey(change), known, clock.now());
      const retryInMs = Number.isFinite(failure.retryAt) ? failure.retryAt - clock.now() : null;
      bus.emit("step.failed", { agent: name, step, message: known.message, next: known.next, retryInMs });
      if (known.code === "fenced") this.#giveWay(known);
    } finally {
      this.#cuts.delete(name);
    }
  }

  /** Ends the waits of changes that are no longer desired now, not at their deadlines. */
  #cancelUndesired(): void {
    for (const cut of this.#cuts.values()) cut();
  }

  #isWanted(begin: Begin, begunFor: string, turn: Turn): boolean {
    const { desired, store } = this.#deps;
    const claim = store.claims.get(begin.change.agent);
    const said = { policy: this.#policy(), approvals: this.#approvals, correct: this.#correct };
    return isStillDesired(begin, begunFor, turn, { ...said, desired: desired(), claim });
  }

  /**
   * Resolves when nothing is in flight, nothing can begin and no instance is in transition; failures that will be
   * retried count as work. Rejects with the signal's reason; with `fenced` when a newer controller has taken over.
   */
  async settled(signal: AbortSignal): Promise<Turn> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#fenced) throw this.#fenced;
      const turn = this.#settled();
      if (turn) return turn;
      await this.#turnEnded.next(signal);
    }
  }

  /** The last turn, if it used the current fleet and left nothing to wait for. */
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
      !this.queue.ready(c.agent, desiredKey(c), now);
    return isSettled(turn, { runnable: this.#runnable(turn), hasFailed, since: this.#since, now, bootGrace });
  }

  /** Begins nothing more; resolves when running steps have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#scheduler.close();
    this.#abort.abort(stopped());
    await this.#turning?.catch(() => null);
    await this.#planGate.stop();
    await this.#inFlight.close();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#events.close();
  }
}
