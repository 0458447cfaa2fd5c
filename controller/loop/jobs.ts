/** Work in flight: each agent once at a time, with what is being done to it, until all of it has ended. */
import type { Bus } from "../base/events.ts";
import type { Change, Instant, StepKind } from "../core/types.ts";
import { Work, type Working } from "./in-flight.ts";

export class Jobs {
  readonly #work = new Work();
  readonly #endedAt = new Map<string, Instant>();
  readonly #now: () => Instant;
  readonly #unsubscribe: () => void;
  readonly #running = new Map<string, Promise<void>>();
  /** Work that ended since the look began that is under way, or was the last. */
  #ended = new Set<string>();
  /** Work that ended before it began, and after the look before it. */
  #endedBefore = new Set<string>();

  constructor(bus: Bus, now: () => Instant) {
    this.#now = now;
    this.#unsubscribe = bus.on("step.started", (e, stepSince) =>
      this.#work.note(e.agent, { step: e.step as StepKind, detail: e.detail, stepSince, progress: "" }),
    );
  }

  get working(): ReadonlyMap<string, Working> {
    return this.#work.all;
  }

  /** When the last work on each name ended. */
  get endedAt(): ReadonlyMap<string, Instant> {
    return this.#endedAt;
  }

  /** In work, or not looked at since: what was seen of these is half of our own work. */
  get unjudged(): ReadonlySet<string> {
    return new Set([...this.#running.keys(), ...this.#ended, ...this.#endedBefore]);
  }

  lookBegins(): void {
    for (const name of this.#ended) this.#endedBefore.add(name);
    this.#ended = new Set();
  }

  /** What it found is known from now on. */
  lookEnds(): void {
    this.#endedBefore = new Set();
  }

  progress(agent: string, text: string): void {
    this.#work.note(agent, { progress: text });
  }

  /** `work` never rejects; `ended` is called when it is over. */
  begin(change: Change, now: number, work: () => Promise<void>, ended: () => void): void {
    const name = change.agent;
    this.#work.begin(change, now);
    this.#running.set(
      name,
      work().finally(() => {
        this.#running.delete(name);
        this.#work.end(name);
        this.#ended.add(name);
        this.#endedAt.set(name, this.#now());
        ended();
      }),
    );
  }

  /** Resolves when the work in flight has ended. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running.values());
    this.#unsubscribe();
  }
}
