/** What is being done to each agent now, for whoever shows it. */
import type { Change, StepKind } from "../core/types.ts";

/** What is being done to one agent now. */
export interface Working {
  readonly change: Change;
  readonly since: number;
  readonly step: StepKind | null;
  readonly stepSince: number;
  readonly detail: string;
  readonly progress: string;
}

export class Work {
  readonly #all = new Map<string, Working>();

  get all(): ReadonlyMap<string, Working> {
    return this.#all;
  }

  begin(change: Change, now: number): void {
    this.#all.set(change.agent, {
      change,
      since: now,
      step: null,
      stepSince: now,
      detail: "",
      progress: "",
    });
  }

  note(agent: string, part: Partial<Working>): void {
    const working = this.#all.get(agent);
    if (working) this.#all.set(agent, { ...working, ...part });
  }

  end(agent: string): void {
    this.#all.delete(agent);
  }
}

/** What would be done, so that a failure counts for this and not for what an edit wants next. */
export const wantedKey = ({ action, after, snapshots, restore }: Change): string =>
  JSON.stringify([action, after, snapshots.map((s) => s.name), restore?.token]);
