/** Migrates a database to the newest schema, one numbered migration per transaction. */
import type { Db } from "./db.ts";
import type { Migration } from "./migration.ts";
import { start } from "./migrations/0001-start.ts";
import { deadLetters } from "./migrations/0002-dead-letters.ts";
import { messageSenders } from "./migrations/0003-message-senders.ts";
import { outputPlaces } from "./migrations/0004-output-places.ts";
import { protectedFile } from "./migrations/0005-protected.ts";

export const MIGRATIONS: readonly Migration[] = [
  start,
  deadLetters,
  messageSenders,
  outputPlaces,
  protectedFile,
];
export const LATEST: number = MIGRATIONS.length;

/** "VMAG": distinguishes our files from other programs' SQLite databases. */
export const APPLICATION_ID = 0x564d4147;

export function schemaVersion(db: Db): number {
  return Number(db.prepare("PRAGMA user_version").get()?.user_version ?? 0);
}

export function applicationId(db: Db): number {
  return Number(db.prepare("PRAGMA application_id").get()?.application_id ?? 0);
}

export function migrate(db: Db, migrations: readonly Migration[] = MIGRATIONS): void {
  for (const migration of migrations) {
    if (migration.version <= schemaVersion(db)) continue;
    db.exec("BEGIN IMMEDIATE");
    try {
      // Another process may have migrated while this one waited for the lock.
      if (migration.version > schemaVersion(db)) {
        db.exec(migration.sql);
        db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migration.version}`);
      }
      db.exec("COMMIT");
    } catch (error) {
      try {
        db.exec("ROLLBACK");
      } catch {
        // Rolled back by SQLite itself.
      }
      throw error;
    }
  }
}
