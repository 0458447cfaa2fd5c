/**
 * Delivery of stored messages to runtimes. A window of them is sent and confirmed before the next, so that a long queue
 * cannot fill a connection's buffer, and order is kept.
 */
import { parseStored } from "../../base/bounded-json.ts";
import type { Store } from "../../store/store.ts";
import type { Agent } from "../runtimes/agent.ts";
import type { Frame } from "../runtimes/frames.ts";

export interface DeliveriesDeps {
  readonly store: Store;
  readonly safeNow: () => number;
  readonly onSent: () => void;
}

const WINDOW = 100;

interface Underway {
  readonly unconfirmed: Set<string>;
  /** Older ones wait in the store: nothing newer may be sent before them. */
  behind: boolean;
}

export function createDeliveries({ store, safeNow, onSent }: DeliveriesDeps) {
  const all = new Map<string, Underway>();

  const underway = (agent: Agent): Underway => {
    const known = all.get(agent.id) ?? { unconfirmed: new Set<string>(), behind: false };
    all.set(agent.id, known);
    return known;
  };

  const write = (agent: Agent, type: string, text: string): boolean => {
    if (!agent.ready?.sendText(type, text)) return false;
    agent.stats.messagesReceived += 1;
    onSent();
    return true;
  };

  /** In an envelope of its own, so that an agent's message cannot pass for the hub's. */
  const wrapped = (id: string, message: Frame): readonly [string, string] => {
    const payload = { deliveryId: id, ...message };
    const { to, timestamp } = message;
    return ["message", JSON.stringify({ id, from: "hub", to, type: "message", timestamp, payload })];
  };

  const fill = async (agent: Agent): Promise<void> => {
    const confirms = agent.has("messages");
    for (;;) {
      const waiting = store.messages.pending(agent.id, safeNow(), WINDOW);
      // The common case: thousands reconnect after a restart, and nothing waits for them.
      if (waiting.length === 0) return void all.delete(agent.id);
      const state = underway(agent);
      state.behind = waiting.length === WINDOW;
      const written: string[] = [];
      for (const { id, json } of waiting) {
        const message = parseStored(json) as Frame;
        if (!write(agent, ...(confirms ? wrapped(id, message) : ([message.type, json] as const)))) break;
        if (confirms) state.unconfirmed.add(id);
        else written.push(id);
      }
      if (confirms) return;
      await store.messages.remove(written);
      if (!state.behind || written.length < waiting.length) return;
    }
  };

  return {
    /** Without the store, for a client that confirms nothing. */
    straight: (agent: Agent, message: Frame): boolean => {
      if (!agent.ready || all.get(agent.id)?.behind === true) return false;
      return write(agent, message.type, JSON.stringify(message));
    },

    /** A message that is in the store now. */
    offer(agent: Agent, id: string, message: Frame): boolean {
      const state = underway(agent);
      if (state.unconfirmed.has(id)) return true;
      if (!agent.has("messages")) return false;
      if (state.behind || state.unconfirmed.size >= WINDOW) {
        state.behind = true;
        return false;
      }
      if (!write(agent, ...wrapped(id, message))) return false;
      state.unconfirmed.add(id);
      return true;
    },

    async confirmed(agent: Agent, id: string): Promise<void> {
      const state = all.get(agent.id);
      // A message that waits for another is not confirmed.
      if (!state?.unconfirmed.has(id)) return;
      await store.messages.remove([id]);
      state.unconfirmed.delete(id);
      if (state.unconfirmed.size === 0 && state.behind) await fill(agent);
    },

    owes: (agent: Agent): boolean => {
      const state = all.get(agent.id);
      return state !== undefined && (state.behind || state.unconfirmed.size > 0);
    },

    /** From the beginning: a new connection, or a runtime that did not confirm. */
    async restart(agent: Agent): Promise<void> {
      all.get(agent.id)?.unconfirmed.clear();
      await fill(agent);
    },

    forget: (agent: string): void => void all.delete(agent),
  };
}
