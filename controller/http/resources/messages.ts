/** /agents/:id/messages and the first generation's /admin: messages, dead letters, statistics. */
import { fullId, hasPart } from "../../hub/ids.ts";
import { parseStored } from "../../base/bounded-json.ts";
import { isRecord, type Payload, word } from "../../hub/runtimes/frames.ts";
import { OPERATOR } from "../../hub/messages/router.ts";
import type { DeadLetter } from "../../store/store.ts";
import { readObject } from "../body.ts";
import type { MakeHandlers } from "../deps.ts";
import { refusal } from "../problem.ts";

/** Types reserved for the protocol. */
const RESERVED = new Set(["task", "cancel", "config", "hello", "ack"]);

export const messageHandlers: MakeHandlers = ({ hub }) => ({
  sendMessage: async (ctx) => {
    const given = ctx.params.id ?? "";
    const to = given === "*" || given === "broadcast" ? given : hub.agent(given).id;
    const body = await readObject(ctx.req, hub.limits.maxBodyBytes);
    const type = word(body.type, 64) || "log";
    if (RESERVED.has(type)) {
      throw refusal(
        "message-invalid",
        `messages of type ${type} are not sent this way`,
        "use POST /agents/:id/task",
      );
    }
    const payload = isRecord(body.payload) ? body.payload : {};
    const message = { id: word(body.id, 128), from: "", to, type, timestamp: hub.clock.now(), payload };
    const sent = await hub.messages.send(message, OPERATOR);
    await hub.audit.record("operator", "message.send", to, { type });
    ctx.body = {
      ...sent,
      status: sent.queued.length > 0 ? "queued" : sent.delivered.length > 0 ? "sent" : "refused",
    };
  },

  getStatistics: (ctx) => {
    const { total, reachable: online, suspect, offline } = hub.registry.counts();
    ctx.body = {
      router: {
        messagesRouted: hub.messages.counts.routed,
        messagesExpired: hub.messages.counts.expired,
        messagesPushedOut: hub.messages.counts.pushedOut,
        deadLetters: hub.store.deadLetters.count(),
        activeTasks: hub.engine.activeCount,
        openTasks: hub.engine.openCount,
        lateAnswers: hub.engine.lateAnswers,
      },
      agents: { total, online, suspect, offline },
    };
  },

  listDeadLetters: (ctx) => {
    const letters = hub.store.deadLetters.list();
    ctx.body = { count: letters.length, messages: letters.map(shown) };
  },

  requeueDeadLetter: async (ctx) => {
    const given = ctx.params.id ?? "";
    const ids = hub.store.deadLetters.list().map((letter) => letter.id);
    const id = ids.includes(given)
      ? given
      : (fullId(given, (part) => ids.filter((known) => hasPart(known, part))) ?? given);
    const sent = await hub.messages.requeue(id);
    if (!sent) {
      throw refusal("letter-unknown", `there is no undeliverable message "${id}"`, "see GET /admin/dlq");
    }
    const [refused] = sent.refused;
    if (refused) {
      throw refusal(
        "still-undeliverable",
        `it cannot be delivered to "${refused.to}": ${refused.reason}`,
        "it stays where it is; bring the recipient back first",
      );
    }
    await hub.audit.record("operator", "dlq.requeue", id, {});
    ctx.body = sent;
  },

  clearDeadLetters: async (ctx) => {
    const { deadLetters } = hub.store;
    const letters = deadLetters.list();
    await deadLetters.remove(letters.map((letter) => letter.id));
    const cleared = letters.length;
    await hub.audit.record("operator", "dlq.clear", "hub", { cleared });
    ctx.body = { cleared };
  },
});

/** A list of messages carries no large payloads. Characters of JSON. */
const LARGE = 4096;

function shown({ id, at, to, reason, json }: DeadLetter): Payload {
  const message = parseStored(json) as Payload;
  if (json.length <= LARGE) return { id, at, to, reason, message };
  return { id, at, to, reason, message: { ...message, payload: {}, omittedCharacters: json.length } };
}
