/** The typed event bus: connects loop and hub with metrics, audit, the live stream and progress output. */

/** Every event with its payload. Payloads never hold secrets. */
export interface EventMap {
  /** The fleet folder was read: `errors` is empty when the new content is in force. */
  "fleet.read": {
    readonly hash: string;
    readonly revision: string | null;
    readonly agents: number;
    readonly errors: readonly string[];
  };
  /** One observation of the world; `reason` is set when it failed. */
  observed: { readonly instances: number; readonly durationMs: number; readonly reason: string | null };
  /** A plan with changes or holds, or the first empty one after that. */
  planned: {
    readonly create: number;
    readonly change: number;
    readonly destroy: number;
    readonly held: number;
    /** Agents with drift: they differ although the fleet was not edited. */
    readonly drifted: number;
  };
  /** One turn of the loop ended. */
  reconciled: {
    readonly durationMs: number;
    readonly outcome: "nothing" | "changed" | "held" | "failed" | "unobservable";
  };
  "step.started": { readonly agent: string; readonly step: string; readonly detail: string };
  "step.done": {
    readonly agent: string;
    readonly step: string;
    readonly durationMs: number;
    readonly skipped: boolean;
  };
  "step.failed": {
    readonly agent: string;
    readonly step: string;
    readonly message: string;
    readonly next: string;
    readonly retryInMs: number | null;
  };
  /** An agent has converged; `action`: of the change that did it. */
  "agent.converged": {
    readonly agent: string;
    readonly action?: string;
    /** Provisioning that failed; absent: none. */
    readonly failed?: string;
  };
  "agent.drifted": { readonly agent: string; readonly message: string };
  /** An owned instance that the store had lost has proven itself. */
  "agent.adopted": { readonly agent: string; readonly message: string };
  /** Its secrets have new values, which its runtime gets; names only. */
  "secret.rotated": { readonly agent: string; readonly secrets: readonly string[] };
  "agent.held": {
    readonly agent: string;
    readonly reason: string;
    readonly message: string;
    readonly release: string;
  };
  /**
   * The wall clock jumped by this many milliseconds; `jumped`: the sum of jumps that still count. Nothing expires or is
   * pruned because of them.
   */
  "clock.jumped": { readonly by: number; readonly jumped: number; readonly at: number };
  /** The agent port listens on other addresses; `problem`: one that could not be opened, with the next step. */
  "hub.listening": { readonly addresses: readonly string[]; readonly problem: string | null };
  "runtime.online": { readonly agent: string; readonly version: string };
  /** Its runtime has acknowledged the desired configuration. */
  "runtime.configured": { readonly agent: string };
  /** The provisioning of its first boot has ended, successful or not. */
  "runtime.provisioned": { readonly agent: string };
  /** `expected`: its instance is being stopped by us, or is meant to be down. */
  "runtime.suspect": { readonly agent: string; readonly expected: boolean };
  /** An upgrade of a runtime: sent, staged, done, or failed with the reason. */
  "runtime.upgrade": {
    readonly agent: string;
    readonly hash: string;
    readonly state: string;
    readonly reason: string;
  };
  "runtime.offline": { readonly agent: string; readonly reason: string; readonly expected: boolean };
  "task.changed": {
    readonly taskId: string;
    readonly agent: string;
    readonly state: string;
    readonly type: string;
  };
  /** A call of the Multipass command line. */
  command: {
    readonly argv: readonly string[];
    readonly durationMs: number;
    readonly exitCode: number | null;
    readonly failure: string | null;
  };
  message: {
    readonly type: string;
    readonly direction: "in" | "out";
    readonly agent: string;
    readonly bytes: number;
  };
  /** `agent` and `reason`: a runtime with a valid token that was refused because of its identity. */
  "auth.failed": {
    readonly surface: "operator" | "runtime";
    readonly address: string;
    readonly agent?: string;
    readonly reason?: string;
    /** The name that was presented with a wrong token; unverified. */
    readonly inNameOf?: string;
    /** No agent of this fleet has that name. */
    readonly unknownName?: boolean;
    /** Number of failures since the last event; absent: one. */
    readonly times?: number;
  };
}

export type EventName = keyof EventMap;
export type AnyEvent = {
  [K in EventName]: { readonly name: K; readonly at: number; readonly data: EventMap[K] };
}[EventName];

export interface Bus {
  emit<K extends EventName>(name: K, data: EventMap[K]): void;
  /** Returns the function that unsubscribes. */
  on<K extends EventName>(name: K, listener: (data: EventMap[K], at: number) => void): () => void;
  onAny(listener: (event: AnyEvent) => void): () => void;
  /** Open subscriptions. */
  listenerCount(): number;
}

type Listener = (event: AnyEvent) => void;

/**
 * A listener's error goes to `onError` and does not reach the emitter. The listeners of one event, including those of
 * any event, are called in the order of their subscription.
 */
export function createBus(now: () => number, onError: (error: unknown) => void = () => {}): Bus {
  const ofAny = new Set<Listener>();
  const byName = new Map<EventName, Set<Listener>>();
  const listenersOf = (name: EventName): Set<Listener> => {
    const known = byName.get(name) ?? new Set(ofAny);
    byName.set(name, known);
    return known;
  };
  return {
    emit(name, data) {
      const event = { name, at: now(), data } as AnyEvent;
      for (const listener of listenersOf(name)) {
        try {
          listener(event);
        } catch (error) {
          onError(error);
        }
      }
    },
    on(name, listener) {
      const listeners = listenersOf(name);
      const added: Listener = (event) => listener(event.data as never, event.at);
      listeners.add(added);
      return () => void listeners.delete(added);
    },
    onAny(listener) {
      const added: Listener = (event) => listener(event);
      ofAny.add(added);
      for (const listeners of byName.values()) listeners.add(added);
      return () => {
        ofAny.delete(added);
        for (const listeners of byName.values()) listeners.delete(added);
      };
    },
    listenerCount: () => new Set([ofAny, ...byName.values()].flatMap((listeners) => [...listeners])).size,
  };
}
