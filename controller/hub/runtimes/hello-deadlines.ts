/** Connections that have not said hello: each has its deadline, and their number per agent is bounded, newest first. */
import { createDeadlines, type Deadlines } from "./deadlines.ts";
import type { Limits } from "../limits.ts";

export interface OwesHello {
  readonly agent: { readonly id: string };
  /** The deadline has passed. */
  late(): void;
  /** Newer connections of the same agent have replaced it. */
  displaced(): void;
}

export function createHelloDeadlines<T extends OwesHello>(limits: Limits): Deadlines<T> {
  const byAgent = new Map<string, Set<T>>();
  const forget = (item: T) => {
    const own = byAgent.get(item.agent.id);
    own?.delete(item);
    if (own?.size === 0) byAgent.delete(item.agent.id);
  };
  const deadlines = createDeadlines<T>(limits.helloDeadline, (item) => {
    forget(item);
    item.late();
  });
  const remove = (item: T) => {
    forget(item);
    deadlines.remove(item);
  };
  return {
    add(item) {
      const own = byAgent.get(item.agent.id) ?? new Set();
      byAgent.set(item.agent.id, own.add(item));
      deadlines.add(item);
      const oldest = own.values().next().value;
      if (own.size <= limits.maxWaitingPerAgent || oldest === undefined) return;
      remove(oldest);
      oldest.displaced();
    },
    remove,
    get size() {
      return deadlines.size;
    },
  };
}
