/** Those who wait for the next time that something happens, each until its own signal says stop. */
export class Waiters {
  readonly #all = new Set<() => void>();

  /** It happened. */
  tell(): void {
    for (const waiter of [...this.#all]) waiter();
  }

  /** Resolves when it happens next; rejects with the signal's reason. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#all.delete(done);
        signal.removeEventListener("abort", onAbort);
      };
      const done = () => {
        end();
        resolve();
      };
      const onAbort = () => {
        end();
        reject(signal.reason as Error);
      };
      this.#all.add(done);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
