/** Schema 1: claims, tasks with their output, credentials, agents, waiting messages, the audit chain, small values. */
import type { Migration } from "../migration.ts";

export const start: Migration = {
  version: 1,
  name: "start",
  sql: `
    CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL) STRICT;
    INSERT INTO fence (id, epoch) VALUES (1, 0);

    CREATE TABLE claims (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE tasks (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      agent TEXT NOT NULL,
      type TEXT NOT NULL,
      spec TEXT NOT NULL,
      state TEXT NOT NULL,
      epoch INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      sent_at INTEGER,
      accepted_at INTEGER,
      started_at INTEGER,
      finished_at INTEGER,
      exit_code INTEGER,
      result TEXT,
      error TEXT,
      cancel_reason TEXT,
      dropped_bytes INTEGER NOT NULL,
      idempotency_key TEXT,
      body_hash TEXT NOT NULL
    ) STRICT;
    CREATE INDEX tasks_by_agent ON tasks (agent, seq);
    CREATE INDEX tasks_open ON tasks (seq) WHERE state IN ('queued', 'sent', 'running');
    CREATE UNIQUE INDEX tasks_by_key ON tasks (idempotency_key, agent) WHERE idempotency_key IS NOT NULL;

    CREATE TABLE output (
      task_id TEXT NOT NULL,
      seq INTEGER NOT NULL,
      stream TEXT NOT NULL,
      data TEXT NOT NULL,
      encoding TEXT,
      at INTEGER NOT NULL,
      PRIMARY KEY (task_id, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE credentials (agent TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE agents (
      id TEXT PRIMARY KEY,
      registered_at INTEGER NOT NULL,
      last_seen INTEGER NOT NULL,
      json TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE messages (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      recipient TEXT NOT NULL,
      json TEXT NOT NULL,
      at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX messages_by_recipient ON messages (recipient, seq);
    CREATE INDEX messages_by_expiry ON messages (expires_at);

    CREATE TABLE audit (
      seq INTEGER PRIMARY KEY,
      at INTEGER NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      subject TEXT NOT NULL,
      detail TEXT NOT NULL,
      hash TEXT NOT NULL
    ) STRICT;

    CREATE TABLE kv (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
};
