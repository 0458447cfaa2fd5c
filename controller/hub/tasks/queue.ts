/** The task queue of one agent: first in, first out, with a concurrency limit. */

export class AgentQueue {
  /** Accepted by the runtime, or sent to it. */
  readonly inFlight = new Set<string>();
  /** Draining: no new task starts. */
  draining = false;
  concurrency: number;
  /** Being stored, and not queued yet. */
  arriving = 0;
  readonly #waiting = new Set<string>();
  readonly #idle = new Set<() => void>();

  constructor(concurrency: number) {
    this.concurrency = concurrency;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get hasRoom(): boolean {
    return !this.draining && this.inFlight.size < this.concurrency;
  }

  push(id: string): void {
    this.#waiting.add(id);
  }

  /** The next task, which is in flight from now on; null: none, or no room. */
  take(): string | null {
    if (!this.hasRoom) return null;
    for (const id of this.#waiting) {
      this.reserve(id);
      return id;
    }
    return null;
  }

  /** Marks a task as in flight without queueing: the runtime reports that it has it. */
  reserve(id: string): void {
    this.#waiting.delete(id);
    this.inFlight.add(id);
  }

  release(id: string): void {
    this.#waiting.delete(id);
    this.inFlight.delete(id);
    if (this.inFlight.size === 0) for (const wake of [...this.#idle]) wake();
  }

  /** Calls back once, when nothing is in flight; returns the function that unsubscribes. */
  onIdle(listener: () => void): () => void {
    const wake = () => {
      this.#idle.delete(wake);
      listener();
    };
    if (this.inFlight.size === 0) wake();
    else this.#idle.add(wake);
    return () => void this.#idle.delete(wake);
  }
}
