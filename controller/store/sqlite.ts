/** The store on SQLite: opens the file, refuses what is newer, damaged or not ours, and joins the sub-stores. */
import { accessSync, chmodSync, closeSync, constants, existsSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { VmAgentError } from "../base/errors.ts";
import type { Db } from "./db.ts";
import { GroupCommit } from "./group-commit.ts";
import { APPLICATION_ID, applicationId, LATEST, migrate, schemaVersion } from "./migrate.ts";
import { corrupt, newer, readOnly, storeError } from "./sql-errors.ts";
import { sqlAgents } from "./sql-agents.ts";
import { sqlAudit } from "./sql-audit.ts";
import { sqlClaims, sqlFence } from "./sql-claims.ts";
import { sqlCredentials, sqlKeyValues } from "./sql-json.ts";
import { sqlDeadLetters, sqlMessages } from "./sql-messages.ts";
import { sqlTasks } from "./sql-tasks.ts";
import type { Store } from "./store.ts";

export interface OpenOptions {
  /** For commands that look while `up` writes: the file must exist, every write is rejected. */
  readonly readOnly?: boolean;
  /** With `readOnly`: checks the file, and leaves nothing beside it, not even the index that SQLite makes for readers. */
  readonly untouched?: boolean;
  /** Pages of 4 KiB that the file may have; for tests of a full disk. */
  readonly maxPages?: number;
}

/** Milliseconds that a write waits for another process's transaction. */
const BUSY_TIMEOUT = 5000;
/** Files up to this size are checked whole when opened for writing (about 5 ms per MiB); larger ones where they are read. */
const QUICK_CHECK_BYTES = 32 * 1024 * 1024;

/**
 * Errors: `database-newer`, `database-corrupt`, `database-read-only`, `database-missing`, `database-unreachable`,
 * `disk-full` (transient), `database-busy` (transient). The file is untouched when it is refused.
 */
export function openStore(path: string, options: OpenOptions = {}): Store {
  try {
    return open(path, options);
  } catch (error) {
    throw storeError(error, path);
  }
}

function open(path: string, options: OpenOptions): Store {
  const untouched = options.readOnly === true && options.untouched === true;
  const file = untouched ? still(path) : path;
  inspect(path, file, options.readOnly === true, untouched);
  const db = new DatabaseSync(file, { readOnly: options.readOnly === true, timeout: BUSY_TIMEOUT });
  try {
    if (options.readOnly !== true) prepareForWriting(db, path, options);
    db.exec("PRAGMA foreign_keys = ON");
    return assemble(db, path, options.readOnly === true);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A file without a log is read as one that nobody changes; with one, a reader needs the log and its index, which are there. */
function still(path: string): string | URL {
  if (existsSync(`${path}-wal`)) return path;
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  return url;
}

/** Looks at an existing file through a read-only connection, which can neither change it nor fold its WAL in. */
function inspect(path: string, file: string | URL, reading: boolean, check: boolean): void {
  if (!existsSync(path)) {
    if (reading) throw missing(path);
    closeSync(openSync(path, "a", 0o600));
    return;
  }
  const { size } = statSync(path);
  if (size === 0) {
    if (reading) throw missing(path);
    if (existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0)
      throw corrupt(path, "it is empty, but its log is not");
    return;
  }
  if (!reading && !writable(path)) throw readOnly(path);
  const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT });
  try {
    const version = schemaVersion(db);
    const tables = Number(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n);
    const ours = applicationId(db) === APPLICATION_ID;
    if (!ours && tables > 0) throw corrupt(path, "it belongs to another program");
    if (version > LATEST) throw newer(path, version, LATEST);
    if ((check || !reading) && size <= QUICK_CHECK_BYTES) quickCheck(db, path);
  } finally {
    db.close();
  }
}

/** The file and its folder: the log and the index of the log are made beside it. */
function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(path: string): VmAgentError {
  return new VmAgentError({
    code: "database-missing",
    message: `there is no database at ${path} yet`,
    next: "run `vm-agent up` or `vm-agent apply` first, or point VM_AGENT_HOME at the right state folder",
  });
}

function quickCheck(db: Db, path: string): void {
  const row = db.prepare("PRAGMA quick_check(1)").get();
  const verdict = String(row?.quick_check ?? "no answer");
  if (verdict !== "ok") throw corrupt(path, verdict);
}

function prepareForWriting(db: Db, path: string, options: OpenOptions): void {
  const mode = String(db.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode);
  if (mode !== "wal") throw readOnly(path);
  db.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000; PRAGMA temp_store = MEMORY");
  // A file that cannot be written is opened for reading without a word: ask for the write lock now.
  db.exec("BEGIN IMMEDIATE; ROLLBACK");
  migrate(db);
  if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${options.maxPages}`);
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, 0o600);
}

function assemble(db: DatabaseSync, path: string, reading: boolean): Store {
  const group: GroupCommit | null = reading ? null : new GroupCommit(db, path, () => audit.seal());
  const write = group?.write ?? (() => Promise.reject(readOnly(path)));
  const audit = sqlAudit(db, write, group?.transaction ?? (() => -1));
  const used = db.prepare(
    "SELECT (c.page_count - f.freelist_count) * s.page_size AS n FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s",
  );
  const agents = sqlAgents(db, write);
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    agents.flush();
    group?.close();
    db.close();
  };
  return {
    claims: sqlClaims(db, write),
    tasks: sqlTasks(db, write),
    credentials: sqlCredentials(db, write),
    agents,
    messages: sqlMessages(db, write),
    deadLetters: sqlDeadLetters(db, write),
    audit,
    kv: sqlKeyValues(db, write),
    nextFence: sqlFence(db, write),
    usedBytes: () => Number(used.get()?.n),
    async flush() {
      agents.flush();
      group?.flush();
    },
    close,
  };
}
