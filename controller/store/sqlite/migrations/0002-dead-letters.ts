/** Schema 2: messages that could not be delivered outlive a restart. */
import type { Migration } from "../migration.ts";

export const deadLetters: Migration = {
  version: 2,
  name: "dead-letters",
  sql: `
    CREATE TABLE dead_letters (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      recipient TEXT NOT NULL,
      reason TEXT NOT NULL,
      json TEXT NOT NULL,
      at INTEGER NOT NULL
    ) STRICT;
  `,
};
