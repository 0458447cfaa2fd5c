/** The changes in flight: at most one for each agent, with the step that runs now. */
import type { Bus } from "../base/events.ts";
import type { Change, Instant, StepKind } from "../core/types.ts";

/** The change in flight for one agent. */
export interface InFlightChange {
  readonly change: Change;
  readonly since: number;
  readonly step: StepKind | null;
  readonly stepSince: number;
  readonly detail: string;
  readonly progress: string;
}

export class InFlight {
  readonly #changes = new Map<string, InFlightChange>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #endedAt = new Map<string, Instant>();
  readonly #now: () => Instant;
  readonly #unsubscribe: () => void;
  /** Changes that ended since the current or last refresh began. */
  #ended = new Set<string>();
  /** Changes that ended between the two last refreshes. */
  #endedBefore = new Set<string>();

  constructor(bus: Bus, now: () => Instant) {
    this.#now = now;
    this.#unsubscribe = bus.on("step.started", (e, stepSince) =>
      this.#note(e.agent, { step: e.step as StepKind, detail: e.detail, stepSince, progress: "" }),
    );
  }

  /** By agent name. */
  get changes(): ReadonlyMap<string, InFlightChange> {
    return this.#changes;
  }

  /** When the last change of each agent ended. */
  get endedAt(): ReadonlyMap<string, Instant> {
    return this.#endedAt;
  }

  /** Agents whose last observation may show a change half done: in flight, or not refreshed since it ended. */
  get unjudged(): ReadonlySet<string> {
    return new Set([...this.#running.keys(), ...this.#ended, ...this.#endedBefore]);
  }

  refreshBegins(): void {
    for (const name of this.#ended) this.#endedBefore.add(name);
    this.#ended = new Set();
  }

  refreshEnds(): void {
    this.#endedBefore = new Set();
  }

  progress(agent: string, text: string): void {
    this.#note(agent, { progress: text });
  }

  /** `run` never rejects; `onEnd` is called when it has ended. */
  begin(change: Change, now: number, run: () => Promise<void>, onEnd: () => void): void {
    const name = change.agent;
    this.#changes.set(name, { change, since: now, step: null, stepSince: now, detail: "", progress: "" });
    this.#running.set(
      name,
      run().finally(() => {
        this.#running.delete(name);
        this.#changes.delete(name);
        this.#ended.add(name);
        this.#endedAt.set(name, this.#now());
        onEnd();
      }),
    );
  }

  /** Resolves when no change is in flight. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running.values());
    this.#unsubscribe();
  }

  #note(agent: string, part: Partial<InFlightChange>): void {
    const known = this.#changes.get(agent);
    if (known) this.#changes.set(agent, { ...known, ...part });
  }
}

/** Identifies the content of a change, so that a failure counts for this change and not for the next edit. */
export const desiredKey = ({ action, after, snapshots, restore }: Change): string =>
  JSON.stringify([action, after, snapshots.map((s) => s.name), restore?.token]);
