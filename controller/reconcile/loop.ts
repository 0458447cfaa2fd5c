/**
 * The loop: wakes on a change of the fleet, a hub event, a nudge, the end of work, or its interval; takes a turn; works on
 * what the plan allows, each agent once at a time, `parallelism` at once. Level-triggered: a lost or doubled wake is harmless.
 */
import { setMaxListeners } from "node:events";
import { toVmAgentError } from "../base/errors.ts";
import { jittered } from "../core/backoff.ts";
import type { Change, Desired, DesiredAgent, Policy, StepKind } from "../core/types.ts";
import { type ApplyDeps, applyChange, detail, stopped } from "./apply.ts";
import type { ObserveDeps } from "./observe.ts";
import { KeyQueue } from "./queue.ts";
import { type Turn, reconcile } from "./reconcile.ts";

export interface LoopDeps extends ObserveDeps, ApplyDeps {
  /** What is wanted now; null: nothing is known yet, so nothing is done. */
  readonly desired: () => Desired | null;
  readonly random: () => number;
  /** How long `Unknown` and an unlisted launch are normal after a boot began. Milliseconds. */
  readonly bootGrace: number;
  /** First delay after a failure, milliseconds. */
  readonly retryFirstMs?: number;
}

/** What is being done to one agent now. */
export interface Working {
  readonly change: Change;
  readonly since: number;
  readonly step: StepKind | null;
  readonly stepSince: number;
  readonly detail: string;
  readonly progress: string;
}

const SNAPSHOTS_MAX_AGE_MS = 5 * 60_000;
/** Turns follow each other at least this far apart, so that a storm of events costs one look. */
const TURN_GAP_MS = 50;

export class Loop {
  readonly queue: KeyQueue;
  readonly #deps: LoopDeps;
  readonly #abort = new AbortController();
  readonly #jobs = new Map<string, Promise<void>>();
  readonly #working = new Map<string, Working>();
  readonly #waiters = new Set<() => void>();
  /** Agents for which a person has said yes to a change of this action. */
  readonly #approved = new Map<string, Change["action"]>();
  readonly #allowDelete = new Set<string>();
  #only: ReadonlySet<string> | null = null;
  #turn: Turn | null = null;
  #turning: Promise<Turn | null> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastTurn = 0;
  #turns = 0;
  /** The last look found nothing in flight, and nothing that could be begun. */
  #settledTurn = false;
  #stopping = false;
  #started = false;

  constructor(deps: LoopDeps) {
    this.#deps = deps;
    this.queue = new KeyQueue(deps.random, deps.retryFirstMs ?? 1000);
    setMaxListeners(0, this.#abort.signal);
    deps.bus.on("step.started", (e) =>
      this.#note(e.agent, {
        step: e.step as StepKind,
        detail: e.detail,
        stepSince: deps.clock.now(),
        progress: "",
      }),
    );
    deps.bus.on("runtime.online", () => this.wake());
    deps.bus.on("runtime.offline", () => this.wake());
    deps.bus.on("fleet.read", () => this.wake());
  }

  get last(): Turn | null {
    return this.#turn;
  }

  get turns(): number {
    return this.#turns;
  }

  get working(): ReadonlyMap<string, Working> {
    return this.#working;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  progress(agent: string, text: string): void {
    this.#note(agent, { progress: text });
  }

  /** Take a turn soon; many wakes make one turn. */
  wake(delay = 0): void {
    if (this.#stopping || !this.#started) return;
    if (this.#timer) clearTimeout(this.#timer);
    const gap = Math.max(delay, this.#lastTurn + TURN_GAP_MS - this.#deps.clock.now(), 0);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.turn();
    }, gap);
  }

  /** Somebody asked: forget failures of these names (all, if none is given) and look again now. */
  nudge(names: readonly string[]): void {
    this.queue.forgive(names);
    this.wake();
  }

  /** A person saw these changes and said yes; held items of the same kind are carried out once. */
  approve(
    changes: readonly { readonly agent: string; readonly action: Change["action"] }[],
    allowDelete: readonly string[],
  ): void {
    for (const { agent, action } of changes) this.#approved.set(agent, action);
    for (const name of allowDelete) this.#allowDelete.add(name);
    this.#settledTurn = false;
    this.nudge(changes.map((c) => c.agent));
  }

  /** Work on these names only; none: on all. */
  restrict(names: readonly string[]): void {
    this.#only = names.length > 0 ? new Set(names) : null;
  }

  /** True when there is nothing to do, or nothing that can be done. */
  get isSettled(): boolean {
    return this.#turn !== null && this.#settledTurn && this.#isSettled(this.#turn);
  }

  /** Looks and plans now, and begins what may be begun. Turns never overlap. */
  turn(): Promise<Turn | null> {
    this.#turning ??= this.#take().finally(() => {
      this.#turning = null;
    });
    return this.#turning;
  }

  async #take(): Promise<Turn | null> {
    const desired = this.#deps.desired();
    if (!desired || this.#stopping) return null;
    const { clock, bus, fence } = this.#deps;
    try {
      const busy = new Set(this.queue.keys());
      const options = { fence, busy, snapshotsMaxAge: SNAPSHOTS_MAX_AGE_MS, signal: this.#abort.signal };
      const turn = await reconcile(this.#deps, desired, this.#policy(), options);
      this.#turn = turn;
      this.#turns++;
      const { create, change, destroy, held } = turn.plan.counts;
      bus.emit("planned", { create, change, destroy, held });
      // What was in flight when we looked is judged by the next look: this one saw it half done.
      this.#dispatch(desired, turn, busy);
      this.#settledTurn = busy.size === 0 && this.#isSettled(turn);
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
      if (known.code === "fenced") this.#stopping = true;
      return null;
    } finally {
      this.#lastTurn = clock.now();
      if (!this.#timer) this.wake(this.#untilNext(desired));
      for (const waiter of [...this.#waiters]) waiter();
    }
  }

  #policy(): Policy {
    return {
      actor: "loop",
      allowDelete: [...this.#allowDelete],
      targets: [],
      bootGrace: this.#deps.bootGrace,
    };
  }

  #untilNext(desired: Desired): number {
    const { clock, random } = this.#deps;
    const interval = jittered(desired.settings.interval, random());
    const retry = this.queue.nextRetry();
    // What is on its way is looked at again soon; nobody tells us when a boot or a shutdown is over.
    const settling = this.#turn?.plan.held.some((h) => h.reason === "waiting") ? 1000 : interval;
    return Math.max(0, Math.min(interval, settling, retry === null ? interval : retry - clock.now()));
  }

  /** Changes of the plan, and those held only for want of a yes that was given. */
  #runnable(turn: Turn): readonly Change[] {
    const released = turn.plan.held.filter(
      (h) =>
        h.would &&
        this.#approved.get(h.agent) === h.would.action &&
        (h.reason === "prune-off" || h.reason === "data-loss" || h.reason === "drift-mode"),
    );
    const all = [...turn.plan.changes, ...released.map((h) => h.would as Change)].filter(
      (c) => this.#only === null || this.#only.has(c.agent),
    );
    // Removals first: they make room.
    return all.sort((a, b) => Number(b.action === "destroy") - Number(a.action === "destroy"));
  }

  #dispatch(desired: Desired, turn: Turn, busy: ReadonlySet<string>): void {
    const agents = new Map(desired.agents.map((a) => [a.name, a]));
    for (const change of this.#runnable(turn)) {
      if (this.#stopping || this.queue.size >= desired.settings.parallelism) return;
      if (change.waitsFor.length > 0 || busy.has(change.agent)) continue;
      if (!this.queue.ready(change.agent, wantedKey(change), this.#deps.clock.now())) continue;
      this.#begin(change, agents.get(change.agent) ?? null);
    }
  }

  #begin(change: Change, agent: DesiredAgent | null): void {
    const { clock } = this.#deps;
    const name = change.agent;
    this.queue.begin(name, clock.now());
    this.#working.set(name, {
      change,
      since: clock.now(),
      step: null,
      stepSince: clock.now(),
      detail: "",
      progress: "",
    });
    this.#jobs.set(
      name,
      this.#work(change, agent).finally(() => {
        this.#jobs.delete(name);
        this.#working.delete(name);
        this.wake();
      }),
    );
  }

  async #work(change: Change, agent: DesiredAgent | null): Promise<void> {
    const { bus, clock } = this.#deps;
    const name = change.agent;
    try {
      await applyChange(this.#deps, change, agent, this.#abort.signal);
      this.queue.done(name);
      this.#approved.delete(name);
      this.#allowDelete.delete(name);
      bus.emit("agent.converged", { agent: name });
    } catch (error) {
      const known = toVmAgentError(error);
      if (known.code === "stopped") return this.queue.abandon(name);
      const step = this.#working.get(name)?.step ?? "";
      const failure = this.queue.failed(name, wantedKey(change), known, clock.now());
      const retryInMs = Number.isFinite(failure.retryAt) ? failure.retryAt - clock.now() : null;
      bus.emit("step.failed", { agent: name, step, message: known.message, next: known.next, retryInMs });
    }
  }

  /**
   * Resolves when nothing is in flight, nothing can be begun and nothing is on its way; failures that will be tried again
   * count as work. Rejects with the signal's reason.
   */
  async settled(signal: AbortSignal): Promise<Turn> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#turn && this.#settledTurn && this.#isSettled(this.#turn)) return this.#turn;
      await this.#nextTurn(signal);
    }
  }

  #isSettled(turn: Turn): boolean {
    if (this.queue.size > 0) return false;
    const now = this.#deps.clock.now();
    const failing = (c: Change) =>
      this.queue.failure(c.agent)?.retryAt === Number.POSITIVE_INFINITY &&
      !this.queue.ready(c.agent, wantedKey(c), now);
    const stuck = new Set(turn.plan.held.map((h) => h.agent));
    for (const c of this.#runnable(turn)) if (failing(c)) stuck.add(c.agent);
    const open = this.#runnable(turn).filter(
      (c) => !stuck.has(c.agent) && !c.waitsFor.some((d) => stuck.has(d)),
    );
    return open.length === 0 && !turn.plan.held.some((h) => h.reason === "waiting");
  }

  #nextTurn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiters.delete(done);
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiters.delete(done);
        reject(signal.reason as Error);
      };
      this.#waiters.add(done);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  #note(agent: string, part: Partial<Working>): void {
    const working = this.#working.get(agent);
    if (working) this.#working.set(agent, { ...working, ...part });
  }

  /** Begins nothing more; resolves when the steps that are running are done. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#abort.abort(stopped());
    await this.#turning?.catch(() => null);
    await Promise.allSettled(this.#jobs.values());
  }
}

/** What would be done, so that a failure counts for this and not for what an edit wants next. */
const wantedKey = (change: Change): string => JSON.stringify([change.action, change.after]);

export { detail };
