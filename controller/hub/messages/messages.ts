/**
 * Messages between agents. A message for a current runtime is on disk until the runtime confirms it (at least once, in
 * order); first-generation clients receive theirs without confirmation. Undeliverable messages become dead letters.
 */
import { createHash } from "node:crypto";
import { parseStored } from "../../base/bounded-json.ts";
import type { Clock } from "../../base/clock.ts";
import { VmAgentError } from "../../base/errors.ts";
import type { Store } from "../../store/store.ts";
import type { Agent } from "../runtimes/agent.ts";
import { createAllowance } from "../auth/allowance.ts";
import { createDeliveries } from "../tasks/deliveries.ts";
import type { Frame } from "../runtimes/frames.ts";
import type { Limits } from "../limits.ts";
import type { Random } from "../random.ts";
import type { Registry } from "../runtimes/registry.ts";
import { OPERATOR, route, type Sender } from "./router.ts";

export interface MessagesDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly clock: Clock;
  /** The wall clock without jumps, which decides expiry. */
  readonly safeNow: () => number;
  readonly random: Random;
  readonly limits: Limits;
  readonly onStoreError: (error: unknown) => void;
}

export interface Sent {
  readonly delivered: readonly string[];
  readonly queued: readonly string[];
  readonly refused: readonly { readonly to: string; readonly reason: string }[];
}

/** As stored and delivered: marked with the type of its sender, which no name can imitate. */
interface Message extends Frame {
  readonly sender: Sender["type"];
}

export type Messages = ReturnType<typeof createMessages>;

export function createMessages(deps: MessagesDeps) {
  const { store, registry, clock, safeNow, random, limits, onStoreError } = deps;
  const counts = { routed: 0, expired: 0, pushedOut: 0 };
  const allowance = createAllowance(clock.now, limits.messagesPerSecond, limits.messageBurst);
  const deliveries = createDeliveries({
    store,
    safeNow,
    onSent: () => {
      counts.routed += 1;
    },
  });

  const expireClaims = async (message: Message, to: string, reason: string): Promise<void> => {
    const letter = { id: random.uuid(), to, reason, json: JSON.stringify(message), at: clock.now() };
    await store.deadLetters.put(letter).catch(onStoreError);
  };

  /** null: delivered; `queued`; else the reason for the refusal. */
  const pass = async (message: Message, to: string, id: string): Promise<string | null> => {
    const agent = registry.get(to);
    if (agent && !agent.has("messages") && deliveries.straight(agent, message)) return null;
    const now = clock.now();
    const json = JSON.stringify(message);
    try {
      const pushedOut = await store.messages.enqueue({
        id,
        from: message.from,
        to,
        json,
        at: now,
        expiresAt: now + limits.messageLife,
      });
      counts.pushedOut += pushedOut;
    } catch (error) {
      // A repeated message while the first still waits: its sender did not receive the answer.
      if (error instanceof VmAgentError && error.code === "conflict") return "queued";
      onStoreError(error);
      return "store-error";
    }
    return agent?.ready && deliveries.offer(agent, id, message) ? null : "queued";
  };

  /** All checks but the sender's own limits: for messages, and for redelivered dead letters. */
  const dispatch = async (given: Message, sender: Sender, idFor: (to: string) => string): Promise<Sent> => {
    const message = { ...given, to: registry.named(given.to)?.id ?? given.to };
    const to = route(
      message,
      sender,
      (id) => registry.get(id) !== undefined,
      () => registry.ids(),
    );
    if (to.kind === "hub") return { delivered: ["hub"], queued: [], refused: [] };
    if (to.kind === "undeliverable") return refused(message.to, to.reason);
    const outcomes = await Promise.all(
      to.ids.map(async (id) => ({ to: id, reason: await pass(message, id, idFor(id)) })),
    );
    return {
      delivered: outcomes.filter((o) => o.reason === null).map((o) => o.to),
      queued: outcomes.filter((o) => o.reason === "queued").map((o) => o.to),
      refused: outcomes.flatMap((o) =>
        o.reason === null || o.reason === "queued" ? [] : [{ to: o.to, reason: o.reason }],
      ),
    };
  };

  return {
    counts,

    async send(frame: Frame, sender: Sender): Promise<Sent> {
      const message: Message = {
        id: frame.id || random.uuid(),
        from: sender.type === "operator" ? "hub" : sender.id,
        sender: sender.type,
        to: frame.to,
        type: frame.type,
        timestamp: frame.timestamp || clock.now(),
        payload: frame.payload,
      };
      if (sender.type === "agent") {
        if (!allowance.take(sender.id)) return refused(message.to, "rate-limited");
        if (JSON.stringify(message).length > limits.maxMessageBytes) {
          const { payload: _, ...head } = message;
          await expireClaims({ ...head, payload: {} }, message.to, "too-large");
          return refused(message.to, "too-large");
        }
      }
      const confirmed = sender.type === "agent" && registry.get(sender.id)?.has("messages") === true;
      const sent = await dispatch(message, sender, (to) =>
        confirmed ? stableId(sender.id, message.id, to) : random.uuid(),
      );
      for (const { to, reason } of sent.refused)
        if (reason !== "store-error") await expireClaims(message, to, reason);
      return sent;
    },

    /** Redelivers a dead letter. Null: unknown id; a refused one stays. */
    async requeue(id: string): Promise<Sent | null> {
      const letter = store.deadLetters.get(id);
      if (!letter) return null;
      const message = { ...(parseStored(letter.json) as Message), to: letter.to };
      // A message stored by an earlier version has no mark, and its name proves nothing.
      const sender: Sender = message.sender === "operator" ? OPERATOR : { type: "agent", id: message.from };
      const sent = await dispatch({ ...message, sender: sender.type }, sender, () => random.uuid());
      if (sent.refused.length === 0) await store.deadLetters.remove([id]);
      return sent;
    },

    /** Sends the waiting messages of an agent that has connected, in order. */
    arrived: (agent: Agent): Promise<void> => deliveries.restart(agent),

    /** The runtime has the message on its disk. */
    confirmed: (agent: Agent, id: string): Promise<void> => deliveries.confirmed(agent, id),

    /** Messages that a runtime did not confirm since its last heartbeat are sent again, unless its inbox is full. */
    heartbeat: (agent: Agent, inboxFull: boolean): Promise<void> =>
      inboxFull || !deliveries.owes(agent) ? Promise.resolve() : deliveries.restart(agent),

    async expire(): Promise<void> {
      // Added to the current count: two requests may overlap.
      const expired = await store.messages.expire(safeNow());
      counts.expired += expired;
    },

    async removed(agent: string): Promise<void> {
      deliveries.forget(agent);
      await store.messages.expireClaims(agent, "agent-removed", clock.now());
    },
  };
}

const refused = (to: string, reason: string): Sent => ({
  delivered: [],
  queued: [],
  refused: [{ to, reason }],
});

/** Deterministic, so that a sender without an answer may repeat the request. */
const stableId = (sender: string, id: string, to: string): string =>
  createHash("sha256")
    .update(JSON.stringify([sender, id, to]))
    .digest("hex")
    .slice(0, 32);
