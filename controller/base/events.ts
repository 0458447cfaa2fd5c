/** The typed event bus that joins the loop and the hub with metrics, audit, the live stream and the progress lines. */

/** Every event that the product emits, with its payload. Payloads never hold secrets. */
export interface EventMap {
  /** The fleet folder was read: `errors` is empty when the new content is in force. */
  "fleet.read": {
    readonly hash: string;
    readonly revision: string | null;
    readonly agents: number;
    readonly errors: readonly string[];
  };
  /** One look at the world; `reason` is set when nothing could be seen. */
  observed: { readonly instances: number; readonly durationMs: number; readonly reason: string | null };
  /** A plan with anything in it, or the first empty one after that. */
  planned: {
    readonly create: number;
    readonly change: number;
    readonly destroy: number;
    readonly held: number;
    /** Agents that differ although nobody edited the fleet. */
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
  /** An agent reached its desired state after having differed; `action`: of the change that led to it. */
  "agent.converged": {
    readonly agent: string;
    readonly action?: string;
    /** What failed of its provisioning; absent: nothing did. */
    readonly failed?: string;
  };
  "agent.drifted": { readonly agent: string; readonly message: string };
  /** An instance of ours that the store had forgotten has proven itself. */
  "agent.adopted": { readonly agent: string; readonly message: string };
  /** Secrets of it have other values now, which its runtime gets; names only. */
  "secret.rotated": { readonly agent: string; readonly secrets: readonly string[] };
  "agent.held": {
    readonly agent: string;
    readonly reason: string;
    readonly message: string;
    readonly release: string;
  };
  /** The wall clock jumped by so many milliseconds; `jumped`: all jumps that still count. Nothing expires or is pruned by them. */
  "clock.jumped": { readonly by: number; readonly jumped: number; readonly at: number };
  /** The agent port is open at other addresses than before; `problem`: one that could not be opened, and what to do. */
  "hub.listening": { readonly addresses: readonly string[]; readonly problem: string | null };
  "runtime.online": { readonly agent: string; readonly version: string };
  /** Its runtime has taken the configuration that it should have. */
  "runtime.configured": { readonly agent: string };
  /** The provisioning of its first boot has ended, failed or not. */
  "runtime.provisioned": { readonly agent: string };
  /** `expected`: its instance is being stopped by us, or is meant to be down. */
  "runtime.suspect": { readonly agent: string; readonly expected: boolean };
  /** A newer runtime on its way into an instance: sent, staged, done, or why not. */
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
  /** `agent` and `reason`: a runtime whose token is valid and that was then refused for what it said of itself. */
  "auth.failed": {
    readonly surface: "operator" | "runtime";
    readonly address: string;
    readonly agent?: string;
    readonly reason?: string;
    /** In whose name a wrong token was presented; nothing says that it is that agent's runtime. */
    readonly inNameOf?: string;
    /** This fleet has no agent of that name. */
    readonly unknownName?: boolean;
    /** How many failures it reports beside those of earlier events; absent: one. */
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
  /** Subscriptions that are not released. */
  listenerCount(): number;
}

type Listener = (event: AnyEvent) => void;

/**
 * A bus whose listeners cannot break the emitter: a listener's error goes to `onError`. The listeners of one event, those of
 * any event among them, are called in the order of their subscription.
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
