/** What the loop may do: everything, some names, or exactly the changes of a saved plan. */
import type { Change } from "../core/types.ts";
import { desiredKey } from "./in-flight.ts";

export class Scope {
  #names: ReadonlySet<string> | null = null;
  /** Each is done once, as saved, and finished if it was interrupted. */
  #saved: Map<string, Change> | null = null;
  readonly #begun = new Set<string>();

  /** These names only; none: all. */
  restrict(names: readonly string[]): void {
    this.#names = names.length > 0 ? new Set(names) : null;
  }

  /** Exactly these changes, each once. */
  restrictTo(changes: readonly Change[]): void {
    this.#saved = new Map(changes.map((c) => [c.agent, c]));
  }

  /** Of `restrictTo`: agents whose change is not done, because it failed or the plan has changed. */
  get undone(): readonly string[] {
    return [...(this.#saved?.keys() ?? [])];
  }

  /** Changes outside of a plan: remediation, and runtimes for imported instances. */
  allowsName(name: string): boolean {
    return this.#saved === null && (this.#names === null || this.#names.has(name));
  }

  /** For a saved change that failed halfway: any change that leads to its result. */
  allows(change: Change): boolean {
    if (this.#names !== null && !this.#names.has(change.agent)) return false;
    if (this.#saved === null) return true;
    const saved = this.#saved.get(change.agent);
    if (!saved) return false;
    if (!this.#begun.has(change.agent)) return desiredKey(change) === desiredKey(saved);
    return change.cause === "interrupted" || JSON.stringify(change.after) === JSON.stringify(saved.after);
  }

  begun(agent: string): void {
    this.#begun.add(agent);
  }

  done(agent: string): void {
    this.#saved?.delete(agent);
  }
}
