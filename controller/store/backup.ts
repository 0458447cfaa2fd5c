/**
 * Backup in one file: the database as SQLite itself copies it (consistent while others write), with the key files as
 * rows of a table of its own. Restoring checks first, replaces in one rename, keeps the old database.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { VmAgentError } from "../base/errors.ts";
import { mustBePlain } from "../base/plain-file.ts";
import { APPLICATION_ID, applicationId, LATEST, schemaVersion } from "./sqlite/migrate.ts";
import { forgetSums } from "./protection/page-sums.ts";
import { corrupt, newer, storeError } from "./sqlite/errors.ts";

export interface KeyFile {
  readonly name: string;
  readonly content: Uint8Array;
}

export interface BackupAbout {
  readonly madeAt: number;
  readonly version: string;
  /** Names of the key files in it. */
  readonly keys: readonly string[];
  readonly bytes: number;
}

export interface BackupRequest {
  readonly database: string;
  readonly target: string;
  readonly keys: readonly KeyFile[];
  readonly force: boolean;
  readonly now: number;
  readonly version: string;
}

/**
 * Errors: `backup-exists`, `disk-full`, `permission-denied`, those of the database. The target appears whole or not at
 * all.
 */
export function writeBackup(request: BackupRequest): BackupAbout {
  const { database, target, keys, force, now, version } = request;
  if (existsSync(target) && !force) {
    throw new VmAgentError({
      code: "backup-exists",
      message: `${target} exists`,
      next: "choose another name, or replace it with --force",
    });
  }
  const between = `${target}.${process.pid}.tmp`;
  try {
    // Created by us first, so that it is private from its first byte on.
    closeSync(openSync(between, "wx", 0o600));
    withDb(database, { readOnly: true }, (db) => {
      refuseForeign(db, database);
      db.prepare("VACUUM INTO ?").run(between);
    });
    withDb(between, {}, (db) => {
      db.exec(`PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; BEGIN IMMEDIATE;
        DROP TABLE IF EXISTS backup_keys; DROP TABLE IF EXISTS backup_about;
        CREATE TABLE backup_about (made_at INTEGER NOT NULL, version TEXT NOT NULL) STRICT;
        CREATE TABLE backup_keys (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;`);
      db.prepare("INSERT INTO backup_about VALUES (?, ?)").run(now, version);
      const insert = db.prepare("INSERT INTO backup_keys VALUES (?, ?)");
      for (const { name, content } of keys) insert.run(name, content);
      db.exec("COMMIT");
      whole(db, between);
    });
    syncFile(between);
    chmodSync(between, 0o600);
    renameSync(between, target);
    syncFile(dirname(target));
  } catch (error) {
    for (const end of ["", "-journal"]) rmSync(`${between}${end}`, { force: true });
    throw storeError(error, target);
  }
  return { madeAt: now, version, keys: keys.map((key) => key.name), bytes: statSync(target).size };
}

/** Reads every page. Errors: `backup-missing`, `backup-invalid`, `database-corrupt`, `database-newer`. Read-only. */
export function readBackup(path: string): BackupAbout & { readonly files: readonly KeyFile[] } {
  if (!existsSync(path)) {
    throw new VmAgentError({
      code: "backup-missing",
      message: `there is no file ${path}`,
      next: "name a file that vm-agent backup wrote",
    });
  }
  try {
    refuseSpecial(path);
    return withDb(path, { readOnly: true }, (db) => {
      refuseForeign(db, path);
      whole(db, path);
      const about = hasAbout(db) ? db.prepare("SELECT * FROM backup_about").get() : undefined;
      if (!about) {
        throw new VmAgentError({
          code: "backup-invalid",
          message: `${path} is a vm-agent database, but not one that vm-agent backup wrote`,
          next: "a bare copy of a database may lack its latest writes; name a file that vm-agent backup wrote",
        });
      }
      const files = db
        .prepare("SELECT name, content FROM backup_keys ORDER BY name")
        .all()
        .map((row) => ({ name: String(row.name), content: row.content as Uint8Array }));
      return {
        madeAt: Number(about.made_at),
        version: String(about.version),
        keys: files.map((file) => file.name),
        bytes: statSync(path).size,
        files,
      };
    });
  } catch (error) {
    throw storeError(error, path);
  }
}

/**
 * Restores a backup in the place of `database`; the caller holds the controller's lock and has checked the backup.
 * Returns the path of the old database, or null when there was none.
 */
export function restoreDatabase(backup: string, database: string, now: number): string | null {
  const between = `${database}.restoring`;
  const kept = `${database}.before-restore-${new Date(now).toISOString().replaceAll(/[:.]/g, "-")}`;
  const had = existsSync(database);
  try {
    copyFileSync(backup, between);
    chmodSync(between, 0o600);
    withDb(between, {}, (db) => {
      whole(db, between);
      // Keys go into files of their own; their rows are overwritten.
      db.exec(
        "PRAGMA secure_delete = ON; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; DROP TABLE backup_keys; DROP TABLE backup_about; COMMIT",
      );
    });
    syncFile(between);
    if (had) copyOld(database, kept);
    // From here on a crash leaves the old or the new database, whose next start makes new checksums.
    forgetSums(database);
    renameSync(between, database);
    // They belong to the old file, which is kept as a copy.
    for (const end of ["-wal", "-shm", "-commits", "-loss"]) rmSync(`${database}${end}`, { force: true });
    syncFile(dirname(database));
  } catch (error) {
    for (const end of ["", "-journal"]) rmSync(`${between}${end}`, { force: true });
    throw storeError(error, database);
  }
  return had ? kept : null;
}

/**
 * The log is checkpointed before the file is replaced: a new database never lies beside the log of an old one. A file
 * that SQLite refuses is moved together with its log.
 */
function copyOld(database: string, kept: string): void {
  try {
    const busy = withDb(database, {}, (db) => db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.busy);
    if (busy === 0) {
      copyFileSync(database, kept);
      chmodSync(kept, 0o600);
      syncFile(kept);
      return;
    }
  } catch {
    // It is damaged: that may be why it is replaced.
  }
  for (const end of ["-wal", "-shm", ""]) {
    if (existsSync(`${database}${end}`)) renameSync(`${database}${end}`, `${kept}${end}`);
  }
}

function withDb<T>(path: string, options: { readonly readOnly?: boolean }, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path, { readOnly: options.readOnly === true, timeout: 5000 });
  try {
    return work(db);
  } finally {
    db.close();
  }
}

/** SQLite itself would wait for a writer of a FIFO. */
function refuseSpecial(path: string): void {
  try {
    mustBePlain(statSync(path), Number.POSITIVE_INFINITY);
  } catch (error) {
    throw new VmAgentError({
      code: "backup-invalid",
      message: `${path} ${(error as Error).message}`,
      next: "name a file that vm-agent backup wrote",
    });
  }
}

function refuseForeign(db: DatabaseSync, path: string): void {
  const version = schemaVersion(db);
  if (applicationId(db) !== APPLICATION_ID) throw corrupt(path, "it belongs to another program");
  if (version > LATEST) throw newer(path, version, LATEST);
}

function whole(db: DatabaseSync, path: string): void {
  const verdict = String(db.prepare("PRAGMA integrity_check(1)").get()?.integrity_check ?? "no answer");
  if (verdict !== "ok") throw corrupt(path, verdict);
}

const hasAbout = (db: DatabaseSync): boolean =>
  db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'backup_about'").get() !== undefined;

function syncFile(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
