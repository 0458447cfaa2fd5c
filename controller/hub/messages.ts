/** Messages between agents: passed on at once, or kept for an offline recipient; what cannot be delivered is kept to look at. */
import type { Clock } from "../base/clock.ts";
import { VmAgentError } from "../base/errors.ts";
import type { Store } from "../store/store.ts";
import type { Frame, Payload } from "./frames.ts";
import type { Limits } from "./limits.ts";
import type { Random } from "./random.ts";
import type { Registry } from "./registry.ts";
import type { Agent } from "./agent.ts";
import { route } from "./router.ts";

export interface DeadLetter {
  readonly at: number;
  readonly reason: string;
  readonly message: Payload;
}

export interface MessagesDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly onStoreError: (error: unknown) => void;
}

export interface Sent {
  readonly delivered: readonly string[];
  readonly queued: readonly string[];
  readonly refused: readonly { readonly to: string; readonly reason: string }[];
}

export class Messages {
  routed = 0;
  expired = 0;
  #dead: DeadLetter[] = [];
  readonly #deps: MessagesDeps;

  constructor(deps: MessagesDeps) {
    this.#deps = deps;
  }

  get dead(): readonly DeadLetter[] {
    return this.#dead;
  }

  clearDead(): number {
    const { length } = this.#dead;
    this.#dead = [];
    return length;
  }

  /** `sender`: an agent's name (whatever the frame claims), or `hub` for the operator. */
  async send(frame: Frame, sender: string): Promise<Sent> {
    const { registry, random, clock } = this.#deps;
    const message: Frame = {
      ...frame,
      from: sender,
      id: frame.id || random.uuid(),
      timestamp: frame.timestamp || clock.now(),
    };
    const to = route(
      message,
      sender,
      (id) => registry.get(id) !== undefined,
      () => registry.ids(),
    );
    switch (to.kind) {
      case "hub":
        return { delivered: ["hub"], queued: [], refused: [] };
      case "undeliverable":
        this.#bury(message, to.reason);
        return { delivered: [], queued: [], refused: [{ to: message.to, reason: to.reason }] };
      case "agents": {
        const sent = {
          delivered: [] as string[],
          queued: [] as string[],
          refused: [] as Sent["refused"][number][],
        };
        for (const id of to.ids) {
          const reason = await this.#pass(message, id);
          if (reason === null) sent.delivered.push(id);
          else if (reason === "queued") sent.queued.push(id);
          else sent.refused.push({ to: id, reason });
        }
        return sent;
      }
      default: {
        const never: never = to;
        return never;
      }
    }
  }

  /** What waited for an agent, in order, now that it is here. */
  async deliverPending(agent: Agent): Promise<void> {
    const { store, clock } = this.#deps;
    const done: string[] = [];
    for (const message of store.messages.pending(agent.id, clock.now())) {
      const { type } = JSON.parse(message.json) as { type: string };
      if (!agent.ready?.sendText(type, message.json)) break;
      agent.stats.messagesReceived += 1;
      done.push(message.id);
    }
    await store.messages.remove(done);
  }

  async expire(): Promise<void> {
    this.expired += await this.#deps.store.messages.expire(this.#deps.clock.now());
  }

  /** null: delivered; `queued`; else why not. */
  async #pass(message: Frame, to: string): Promise<string | null> {
    const { registry, store, clock, limits, random } = this.#deps;
    const agent = registry.get(to);
    const json = JSON.stringify(message);
    if (agent?.ready?.sendText(message.type, json)) {
      agent.stats.messagesReceived += 1;
      this.routed += 1;
      return null;
    }
    const now = clock.now();
    try {
      await store.messages.enqueue({
        id: random.uuid(),
        to,
        json,
        at: now,
        expiresAt: now + limits.messageLife,
      });
      return "queued";
    } catch (error) {
      const reason = error instanceof VmAgentError ? error.code : "store-error";
      this.#bury(message, reason);
      if (reason !== "queue-full") this.#deps.onStoreError(error);
      return reason;
    }
  }

  #bury(message: Frame, reason: string): void {
    this.#dead.push({ at: this.#deps.clock.now(), reason, message: { ...message } });
    if (this.#dead.length > this.#deps.limits.deadLetters) this.#dead.shift();
  }
}
