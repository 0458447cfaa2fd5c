/** Condition variable: callers wait for the next notification, each until its own abort signal fires. */
export class Signal {
  readonly #waiters = new Set<() => void>();

  notifyAll(): void {
    for (const resolve of [...this.#waiters]) resolve();
  }

  /** Resolves at the next notification; rejects with the reason of `signal`. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiters.delete(done);
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
      this.#waiters.add(done);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
