/** The two sub-stores that are one JSON value under one key: credentials and small values. */
import type { Db, Write } from "./db.ts";
import type { CredentialRecord, CredentialStore, KeyValueStore } from "./store.ts";

export function sqlCredentials(db: Db, write: Write): CredentialStore {
  const select = db.prepare("SELECT json FROM credentials WHERE agent = ?");
  const upsert = db.prepare(
    "INSERT INTO credentials (agent, json) VALUES (?, ?) ON CONFLICT (agent) DO UPDATE SET json = excluded.json",
  );
  const remove = db.prepare("DELETE FROM credentials WHERE agent = ?");
  return {
    get(agent) {
      const row = select.get(agent);
      return row ? (JSON.parse(String(row.json)) as CredentialRecord) : null;
    },
    put: (record) => write(() => void upsert.run(record.agent, JSON.stringify(record))),
    remove: (agent) => write(() => void remove.run(agent)),
  };
}

export function sqlKeyValues(db: Db, write: Write): KeyValueStore {
  const select = db.prepare("SELECT json FROM kv WHERE key = ?");
  const range = db.prepare("SELECT key, json FROM kv WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key");
  const upsert = db.prepare(
    "INSERT INTO kv (key, json) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json",
  );
  const remove = db.prepare("DELETE FROM kv WHERE key = ?");
  return {
    get(key) {
      const row = select.get(key);
      return row ? (JSON.parse(String(row.json)) as unknown) : undefined;
    },
    all(prefix) {
      return new Map(
        range.all(prefix).map((row) => [String(row.key), JSON.parse(String(row.json)) as unknown]),
      );
    },
    put: (key, value) => {
      const json = JSON.stringify(value ?? null);
      return write(() => void upsert.run(key, json));
    },
    remove: (key) => write(() => void remove.run(key)),
  };
}
