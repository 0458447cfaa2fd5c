/** Cleanup stack: the part of the language's `AsyncDisposableStack` that is used here, for Node 22, which lacks it. */

export interface Cleanup {
  /** Runs at the end, in reverse order of these calls. */
  defer(run: () => unknown): void;
  /** Moves all steps to a new stack; this one is empty then. */
  move(): Cleanup;
  [Symbol.asyncDispose](): Promise<void>;
}

export function createCleanup(deferred: (() => unknown)[] = []): Cleanup {
  let steps = deferred;
  return {
    defer: (run) => void steps.push(run),
    move() {
      const moved = createCleanup(steps);
      steps = [];
      return moved;
    },
    /** Runs every step, also after a failure; throws the first error, or all of them as an AggregateError. */
    async [Symbol.asyncDispose]() {
      const errors: unknown[] = [];
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
        try {
          await step();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length === 1) throw errors[0];
      if (errors.length > 1) throw new AggregateError(errors, "several steps of a cleanup failed");
    },
  };
}
