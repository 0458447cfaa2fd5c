/** Many deadlines of one length on one timer: first added, first due. */

export interface Deadlines<T> {
  add(item: T): void;
  remove(item: T): void;
  /** Waiting items. */
  readonly size: number;
}

export function createDeadlines<T>(ms: number, passed: (item: T) => void): Deadlines<T> {
  // The map is ordered by age, and all items wait equally long.
  const due = new Map<T, number>();
  let timer: NodeJS.Timeout | null = null;

  const look = () => {
    timer = null;
    const now = performance.now();
    for (const [item, at] of due) {
      if (at > now) {
        timer = setTimeout(look, Math.ceil(at - now));
        return;
      }
      due.delete(item);
      passed(item);
    }
  };

  return {
    add(item) {
      due.delete(item);
      due.set(item, performance.now() + ms);
      timer ??= setTimeout(look, ms);
    },
    remove(item) {
      due.delete(item);
      if (due.size > 0 || timer === null) return;
      clearTimeout(timer);
      timer = null;
    },
    get size() {
      return due.size;
    },
  };
}
