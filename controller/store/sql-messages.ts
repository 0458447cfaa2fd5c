/** Messages that wait for an offline recipient: bounded per recipient, oldest first, with a time to live. */
import type { Db, Write } from "./db.ts";
import { queueFull } from "./queue-full.ts";
import { MESSAGES_PER_RECIPIENT, type MessageStore } from "./store.ts";

export function sqlMessages(db: Db, write: Write): MessageStore {
  const count = db.prepare("SELECT count(*) AS n FROM messages WHERE recipient = ?");
  const insert = db.prepare(
    "INSERT INTO messages (id, recipient, json, at, expires_at) VALUES (?, ?, ?, ?, ?)",
  );
  const select = db.prepare("SELECT * FROM messages WHERE recipient = ? AND expires_at > ? ORDER BY seq");
  const remove = db.prepare("DELETE FROM messages WHERE id = ?");
  const expire = db.prepare("DELETE FROM messages WHERE expires_at <= ?");
  return {
    enqueue: (message) =>
      write(() => {
        if (Number(count.get(message.to)?.n) >= MESSAGES_PER_RECIPIENT) throw queueFull(message.to);
        insert.run(message.id, message.to, message.json, message.at, message.expiresAt);
      }),
    pending: (to, now) =>
      select.all(to, now).map((row) => ({
        id: String(row.id),
        to: String(row.recipient),
        json: String(row.json),
        at: Number(row.at),
        expiresAt: Number(row.expires_at),
      })),
    remove: (ids) =>
      ids.length === 0 ? Promise.resolve() : write(() => ids.forEach((id) => void remove.run(id))),
    async expire(now) {
      let removed = 0;
      await write(() => {
        removed = Number(expire.run(now).changes);
      });
      return removed;
    },
  };
}
