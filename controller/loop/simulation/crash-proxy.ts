/** `kill -9` for what lives in this process: after it, nothing that was asked is ever answered, and nothing more is done. */

export class Life {
  /** Ends with the `count`th call from now on, before it is done or just after. */
  #left = Number.POSITIVE_INFINITY;
  #onDeath: () => void = () => {};
  #passed = 0;
  #at: { readonly edge: number; readonly action: () => void } | null = null;
  dead = false;

  end(): void {
    if (this.dead) return;
    this.dead = true;
    this.#onDeath();
  }

  endWithin(count: number, onDeath: () => void = () => {}): void {
    this.#left = count;
    this.#onDeath = onDeath;
  }

  /** Does this as the `count`th edge of a call from now on passes. */
  at(count: number, action: () => void): void {
    this.#at = { edge: this.#passed + count, action };
  }

  /** Edges of calls so far. */
  get passed(): number {
    return this.#passed;
  }

  /** One edge of a call; false when that was the last one. */
  passes(): boolean {
    this.#passed++;
    if (this.#at?.edge === this.#passed) this.#at.action();
    if (!this.dead && --this.#left <= 0) this.end();
    return !this.dead;
  }
}

const never = (): Promise<never> => new Promise(() => {});

/** The same object for as long as `life` lasts. `calls`: its methods that return promises; the others only read. */
export function crashProxy<T extends object>(life: Life, target: T, calls: readonly (keyof T)[]): T {
  const wrapped = new Map<PropertyKey, (...args: readonly unknown[]) => Promise<unknown>>();
  for (const key of calls) {
    const method = target[key] as (...args: readonly unknown[]) => Promise<unknown>;
    wrapped.set(key, (...args) => {
      if (!life.passes()) return never();
      return method.apply(target, [...args]).then(
        (value) => (life.passes() ? value : never()),
        (error: unknown) => {
          if (!life.passes()) return never();
          throw error;
        },
      );
    });
  }
  return new Proxy(target, { get: (object, key) => wrapped.get(key) ?? Reflect.get(object, key, object) });
}
