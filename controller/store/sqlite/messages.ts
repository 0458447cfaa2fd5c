/**
 * Messages that wait for their recipient (bounded per recipient: the busiest sender loses first; with a time to live),
 * and dead letters.
 */
import type { Db, Write } from "./db.ts";
import {
  DEAD_LETTERS_KEPT,
  type DeadLetterStore,
  MESSAGES_PER_RECIPIENT,
  type MessageStore,
  type QueuedMessage,
} from "../store.ts";

const TOUCHED = { table: "messages" };

export function sqlMessages(db: Db, write: Write): MessageStore {
  const count = db.prepare("SELECT count(*) AS n FROM messages WHERE recipient = ?");
  const insert = db.prepare(
    "INSERT INTO messages (id, recipient, json, at, expires_at, sender) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const select = db.prepare(
    "SELECT * FROM messages WHERE recipient = ? AND expires_at > ? ORDER BY seq LIMIT ?",
  );
  const remove = db.prepare("DELETE FROM messages WHERE id = ?");
  const busiest = db.prepare(
    "SELECT min(seq) AS seq FROM messages WHERE recipient = ? GROUP BY sender ORDER BY count(*) DESC, seq LIMIT 1",
  );
  const pushedOut = mover(db, "seq = ?");
  const expired = mover(db, "expires_at <= ?");
  const orphaned = mover(db, "recipient = ?");
  return {
    async enqueue(message) {
      let over = 0;
      await write(TOUCHED, () => {
        insert.run(message.id, message.to, message.json, message.at, message.expiresAt, message.from);
        const excess = Number(count.get(message.to)?.n) - MESSAGES_PER_RECIPIENT;
        for (over = 0; over < excess; ) {
          over += pushedOut("queue-full", message.at, Number(busiest.get(message.to)?.seq));
        }
      });
      return over;
    },
    pending: (to, now, limit = MESSAGES_PER_RECIPIENT) => select.all(to, now, limit).map(asMessage),
    remove: (ids) =>
      ids.length === 0 ? Promise.resolve() : write(TOUCHED, () => ids.forEach((id) => void remove.run(id))),
    async expire(now) {
      let moved = 0;
      await write(TOUCHED, () => {
        moved = expired("expired", now, now);
      });
      return moved;
    },
    async expireClaims(to, reason, now) {
      let moved = 0;
      await write(TOUCHED, () => {
        moved = orphaned(reason, now, to);
      });
      return moved;
    },
  };
}

const INSERT = "INSERT OR REPLACE INTO dead_letters (id, recipient, reason, json, at)";
const TRIM =
  "DELETE FROM dead_letters WHERE seq <= (SELECT seq FROM dead_letters ORDER BY seq DESC LIMIT 1 OFFSET ?)";

/** Moves the messages that match `where` to the dead letters, within the caller's transaction. */
function mover(db: Db, where: string) {
  const copy = db.prepare(
    `${INSERT} SELECT id, recipient, ?, json, ? FROM messages WHERE ${where} ORDER BY seq`,
  );
  const drop = db.prepare(`DELETE FROM messages WHERE ${where}`);
  const trim = db.prepare(TRIM);
  return (reason: string, at: number, ...given: readonly (string | number)[]): number => {
    const moved = Number(copy.run(reason, at, ...given).changes);
    if (moved === 0) return 0;
    drop.run(...given);
    trim.run(DEAD_LETTERS_KEPT);
    return moved;
  };
}

function asMessage(row: Record<string, unknown>): QueuedMessage {
  return {
    id: String(row.id),
    from: String(row.sender),
    to: String(row.recipient),
    json: String(row.json),
    at: Number(row.at),
    expiresAt: Number(row.expires_at),
  };
}

export function sqlDeadLetters(db: Db, write: Write): DeadLetterStore {
  const insert = db.prepare(`${INSERT} VALUES (?, ?, ?, ?, ?)`);
  const trim = db.prepare(TRIM);
  const byId = db.prepare("SELECT * FROM dead_letters WHERE id = ?");
  const all = db.prepare("SELECT * FROM dead_letters ORDER BY seq");
  const count = db.prepare("SELECT count(*) AS n FROM dead_letters");
  const remove = db.prepare("DELETE FROM dead_letters WHERE id = ?");
  const asLetter = (row: Record<string, unknown>) => ({
    id: String(row.id),
    to: String(row.recipient),
    reason: String(row.reason),
    json: String(row.json),
    at: Number(row.at),
  });
  return {
    put: ({ id, to, reason, json, at }) =>
      write(TOUCHED, () => {
        insert.run(id, to, reason, json, at);
        trim.run(DEAD_LETTERS_KEPT);
      }),
    get(id) {
      const row = byId.get(id);
      return row ? asLetter(row) : null;
    },
    list: () => all.all().map(asLetter),
    count: () => Number(count.get()?.n),
    remove: (ids) =>
      ids.length === 0 ? Promise.resolve() : write(TOUCHED, () => ids.forEach((id) => void remove.run(id))),
  };
}
