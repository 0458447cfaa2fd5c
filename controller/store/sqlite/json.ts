/** The two sub-stores of one JSON value per key: credentials and small values. */
import type { Db, Write } from "./db.ts";
import { createParsedRows } from "./parsed-rows.ts";
import { storedValue } from "./errors.ts";
import type { CredentialRecord, CredentialStore, KeyValueStore } from "../store.ts";

const CREDENTIALS = { table: "credentials" };
const VALUES = { table: "kv" };

export function sqlCredentials(db: Db, write: Write): CredentialStore {
  const select = db.prepare("SELECT json FROM credentials WHERE agent = ?");
  const upsert = db.prepare(
    "INSERT INTO credentials (agent, json) VALUES (?, ?) ON CONFLICT (agent) DO UPDATE SET json = excluded.json",
  );
  const remove = db.prepare("DELETE FROM credentials WHERE agent = ?");
  return {
    get(agent) {
      const row = select.get(agent);
      return row ? storedValue<CredentialRecord>(row.json) : null;
    },
    put: (record) => write(CREDENTIALS, () => void upsert.run(record.agent, JSON.stringify(record))),
    remove: (agent) => write(CREDENTIALS, () => void remove.run(agent)),
  };
}

const LARGE = 100;

export function sqlKeyValues(db: Db, write: Write): KeyValueStore {
  const select = db.prepare("SELECT json FROM kv WHERE key = ?");
  const range = db.prepare("SELECT key, json FROM kv WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key");
  const upsert = db.prepare(
    "INSERT INTO kv (key, json) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json",
  );
  const remove = db.prepare("DELETE FROM kv WHERE key = ?");
  /** Of prefixes with many rows: there are few of those. */
  const large = new Map<string, ReturnType<typeof createParsedRows<unknown>>>();
  const parsedOf = (prefix: string, count: number) => {
    const parsed = large.get(prefix) ?? createParsedRows<unknown>();
    if (count >= LARGE) large.set(prefix, parsed);
    else large.delete(prefix);
    return parsed;
  };
  return {
    get(key) {
      const row = select.get(key);
      return row ? storedValue<unknown>(row.json) : undefined;
    },
    all(prefix) {
      const rows = range.all(prefix);
      const keys = rows.map((row) => String(row.key));
      const values = parsedOf(prefix, rows.length)(
        keys,
        rows.map((row) => String(row.json)),
      );
      return new Map(keys.map((key, i) => [key, values[i]]));
    },
    put: (key, value) => {
      const json = JSON.stringify(value ?? null);
      return write(VALUES, () => void upsert.run(key, json));
    },
    remove: (key) => write(VALUES, () => void remove.run(key)),
  };
}
