/** The store without a disk, for tests of what stands on it; keeps the same contract (contract.ts). */
import { VmAgentError } from "../../base/errors.ts";
import type { Claim } from "../../core/types.ts";
import { memoryAudit } from "./audit.ts";
import { memoryTasks } from "./tasks.ts";
import { fenced } from "../sqlite/claims.ts";
import {
  type AgentRow,
  type ClaimStore,
  type CredentialRecord,
  DEAD_LETTERS_KEPT,
  type DeadLetter,
  type DeadLetterStore,
  type KeyValueStore,
  MESSAGES_PER_RECIPIENT,
  type MessageStore,
  type QueuedMessage,
  type Store,
} from "../store.ts";

const copy = <T>(value: T): T => structuredClone(value);

/** Of what is read far more often than written: one frozen copy for all readers. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}

export function createMemoryStore(): Store {
  let fence = 0;
  const credentials = new Map<string, CredentialRecord>();
  const agents = new Map<string, AgentRow>();
  const dead = deadLetters();
  return {
    claims: claims(() => fence),
    tasks: memoryTasks(),
    credentials: {
      get: (agent) => copy(credentials.get(agent) ?? null),
      put: async (record) => void credentials.set(record.agent, copy(record)),
      remove: async (agent) => void credentials.delete(agent),
    },
    agents: {
      list: () => [...agents.values()].map(copy),
      put: async (row) => void agents.set(row.id, copy(row)),
      remove: async (id) => void agents.delete(id),
    },
    messages: messages(dead),
    deadLetters: dead,
    audit: memoryAudit(),
    kv: keyValues(),
    nextFence: async () => ++fence,
    losses: () => [],
    acknowledge: async () => [],
    usedBytes: () => 0,
    flush: async () => {},
    close: async () => {},
  };
}

function claims(current: () => number): ClaimStore {
  const all = new Map<string, Claim>();
  const guard = (fence: number) => {
    if (fence < current()) throw fenced(fence, current());
  };
  return {
    list: () => [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    get: (name) => all.get(name),
    async put(claim, fence) {
      guard(fence);
      all.set(claim.name, frozen(copy(claim)));
    },
    async remove(name, fence) {
      guard(fence);
      all.delete(name);
    },
  };
}

function messages(dead: DeadLetterStore): MessageStore {
  const all = new Map<string, QueuedMessage>();
  const of = (to: string) => [...all.values()].filter((m) => m.to === to);
  const move = (gone: readonly QueuedMessage[], reason: string, at: number) => {
    for (const { id, to, json } of gone) {
      all.delete(id);
      void dead.put({ id, to, reason, json, at });
    }
    return gone.length;
  };
  return {
    async enqueue(message) {
      if (all.has(message.id)) throw conflict(message.id);
      all.set(message.id, copy(message));
      const waiting = of(message.to);
      if (waiting.length <= MESSAGES_PER_RECIPIENT) return 0;
      const bySender = [...Map.groupBy(waiting, ({ from }) => from).values()];
      const busiest = bySender.reduce((most, next) => (next.length > most.length ? next : most));
      return move(busiest.slice(0, 1), "queue-full", message.at);
    },
    pending: (to, now, limit = MESSAGES_PER_RECIPIENT) =>
      of(to)
        .filter((m) => m.expiresAt > now)
        .slice(0, limit)
        .map(copy),
    async remove(ids) {
      for (const id of ids) all.delete(id);
    },
    expire: async (now) =>
      move(
        [...all.values()].filter((m) => m.expiresAt <= now),
        "expired",
        now,
      ),
    expireClaims: async (to, reason, now) => move(of(to), reason, now),
  };
}

function deadLetters(): DeadLetterStore {
  const all = new Map<string, DeadLetter>();
  return {
    async put(letter) {
      all.delete(letter.id);
      all.set(letter.id, copy(letter));
      for (const id of all.keys()) {
        if (all.size <= DEAD_LETTERS_KEPT) break;
        all.delete(id);
      }
    },
    get: (id) => copy(all.get(id) ?? null),
    list: () => [...all.values()].map(copy),
    count: () => all.size,
    async remove(ids) {
      for (const id of ids) all.delete(id);
    },
  };
}

function keyValues(): KeyValueStore {
  const all = new Map<string, unknown>();
  const none: ReadonlyMap<string, unknown> = new Map();
  return {
    get: (key) => all.get(key),
    all(prefix) {
      const found = [...all.keys()].filter((key) => key.startsWith(prefix));
      return found.length === 0 ? none : new Map(found.sort().map((key) => [key, all.get(key)]));
    },
    put: async (key, value) => void all.set(key, frozen(JSON.parse(JSON.stringify(value ?? null)))),
    remove: async (key) => void all.delete(key),
  };
}

function conflict(id: string): VmAgentError {
  return new VmAgentError({
    code: "conflict",
    message: `such a record exists already (${id})`,
    next: "read the existing record instead of writing it again",
  });
}
