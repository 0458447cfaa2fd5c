/** The store on SQLite: opens the file, refuses newer, damaged or foreign ones, and joins the sub-stores. */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { VmAgentError } from "../../base/errors.ts";
import type { Db, SqlValue } from "./db.ts";
import { GroupCommit } from "./group-commit.ts";
import { locate, unreadable } from "../protection/locate.ts";
import { addLoss, forgetLosses, type Loss, readLosses } from "../protection/loss.ts";
import { APPLICATION_ID, applicationId, LATEST, migrate, schemaVersion } from "./migrate.ts";
import { forgetSums } from "../protection/page-sums.ts";
import { Protection } from "../protection/protection.ts";
import { corrupt, newer, readOnly, storeError } from "./errors.ts";
import { sqlAgents } from "./agents.ts";
import { sqlAudit } from "./audit.ts";
import { sqlClaims, sqlFence } from "./claims.ts";
import { sqlCredentials, sqlKeyValues } from "./json.ts";
import { sqlDeadLetters, sqlMessages } from "./messages.ts";
import { sqlTasks } from "./tasks.ts";
import type { Store } from "../store.ts";
import { verify } from "../protection/verify.ts";

export interface OpenOptions {
  /** For read-only commands beside `up`: the file must exist, every write is rejected. */
  readonly readOnly?: boolean;
  /**
   * With `readOnly`: checks the file, and leaves nothing beside it, not even the index that SQLite makes for readers.
   */
  readonly untouched?: boolean;
  /** Maximum pages of 4 KiB; for tests of a full disk. */
  readonly maxPages?: number;
  /** Instant of a found loss; absent: this machine's clock. */
  readonly now?: () => number;
}

/** Milliseconds that a write waits for another process's transaction. */
const BUSY_TIMEOUT = 5000;
/**
 * Files up to this size are checked completely when opened for writing (about 5 ms per MiB); larger ones when they are
 * read.
 */
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
  if (!untouched) rollBack(path);
  const file = untouched ? still(path) : path;
  if (options.readOnly === true) {
    inspect(path, file, true, untouched ? "quick" : "none");
    return assemble(connect(file, true), path, null);
  }
  const now = options.now?.() ?? Date.now();
  const found = verify(path, now);
  if (found.discardWal) {
    inspect(path, file, false, "none");
    setLogAside(path);
  }
  inspect(path, file, false, found.kind === "sound" ? "none" : found.loss ? "full" : "quick");
  if (found.loss) addLoss(path, found.loss);
  // Before the schema version says that they exist.
  if (found.kind === "unprotected") forgetSums(path);
  const db = connect(file, false);
  try {
    prepareForWriting(db, path, options);
    const protection = new Protection(db, path, found.sums, found.kind === "damaged");
    if (found.loss) describe(db, path, found.loss, protection, now);
    return assemble(db, path, protection);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A crash before the file has its write-ahead log leaves a rollback journal, which a connection for reading cannot play back. */
function rollBack(path: string): void {
  if (!existsSync(`${path}-journal`) || !writable(path)) return;
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
  try {
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
  } finally {
    db.close();
  }
}

function connect(file: string | URL, readOnly: boolean): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly, timeout: BUSY_TIMEOUT });
  db.exec("PRAGMA foreign_keys = ON");
  return db;
}

/** The database file is newer than the rest of its log: SQLite would go back to that. */
function setLogAside(path: string): void {
  renameSync(`${path}-wal`, `${path}-wal.damaged`);
  rmSync(`${path}-shm`, { force: true });
}

/** Names the records on damaged pages, and makes sure that no task continues from a state that may be wrong. */
function describe(db: DatabaseSync, path: string, loss: Loss, protection: Protection, now: number): void {
  const named = withPlaces(db, loss, protection);
  const give = db.prepare(
    "UPDATE tasks SET state = 'lost', finished_at = ?, error = ? WHERE id = ? AND state IN ('queued', 'sent', 'running')",
  );
  const ids = new Set([...named.tasks.map(({ id }) => id), ...named.pages.flatMap(({ tasks }) => tasks)]);
  db.exec("BEGIN IMMEDIATE");
  for (const id of ids) give.run(now, UNCERTAIN, id);
  db.exec("COMMIT");
  addLoss(path, named);
}

function withPlaces(db: DatabaseSync, loss: Loss, protection: Protection): Loss {
  try {
    const pages = loss.pages.map(({ page }) => page);
    return { ...loss, pages: locate(db, pages, protection.readPage) };
  } catch {
    // An SQLite without its `dbstat` table; only page numbers are known.
    return { ...loss, unverified: [...loss.unverified, "it is not known what was on the damaged pages"] };
  }
}

const UNCERTAIN =
  "the database was damaged, and it is not known how far this task went; it is not run again by itself";

/** A file without a log is opened as immutable; with one, a reader needs the log and its index, which are there. */
function still(path: string): string | URL {
  if (existsSync(`${path}-wal`)) return path;
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  return url;
}

/** Checks an existing file through a read-only connection, which can neither change it nor checkpoint its WAL. */
function inspect(path: string, file: string | URL, reading: boolean, check: "none" | "quick" | "full"): void {
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
    if (check === "full" || (check === "quick" && size <= QUICK_CHECK_BYTES)) checkStructure(db, check, path);
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== SQLITE_CORRUPT) throw error;
    throw corrupt(
      path,
      `${(error as Error).message}; what cannot be read: ${unreadable(db).join("; ")}`,
      error,
    );
  } finally {
    db.close();
  }
}

const SQLITE_CORRUPT = 11;

/** The file and its folder: the log and its index are created beside it. */
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

function checkStructure(db: DatabaseSync, how: "quick" | "full", path: string): void {
  const name = how === "full" ? "integrity_check" : "quick_check";
  const verdict = String(db.prepare(`PRAGMA ${name}(1)`).get()?.[name] ?? "no answer");
  if (verdict === "ok") return;
  const gone = unreadable(db);
  const words = gone.length > 0 ? `; what cannot be read: ${gone.join("; ")}` : "";
  throw corrupt(path, verdict.replaceAll(/\s+/g, " ") + words);
}

function prepareForWriting(db: Db, path: string, options: OpenOptions): void {
  const mode = String(db.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode);
  if (mode !== "wal") throw readOnly(path);
  db.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY");
  // A read-only file is opened without an error: ask for the write lock now.
  db.exec("BEGIN IMMEDIATE; ROLLBACK");
  migrate(db);
  if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${options.maxPages}`);
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, 0o600);
}

/** `protection` null: read-only. */
function assemble(raw: DatabaseSync, path: string, protection: Protection | null): Store {
  const db = withStoreErrors(raw, path);
  const group =
    protection &&
    new GroupCommit(db, path, {
      beforeCommit: () => audit.seal(),
      committed: (touched) => protection.committed(touched),
      acknowledged: () => protection.checkpointIfDue(),
    });
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
    if (protection) protection.close();
    else raw.close();
  };
  const losses = () => readLosses(path);
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
    losses,
    async acknowledge(actor, at) {
      const known = losses();
      await audit.acknowledge();
      await audit.append({
        at,
        actor,
        action: "loss.acknowledged",
        subject: "database",
        detail: { losses: known },
      });
      forgetLosses(path);
      return known;
    },
    usedBytes: () => Number(used.get()?.n),
    async flush() {
      agents.flush();
      group?.flush();
    },
    close,
  };
}

/** Every refusal of SQLite becomes an error of ours, also while reading. */
function withStoreErrors(db: DatabaseSync, path: string): Db {
  const guarded = <A extends readonly SqlValue[], R>(call: (...values: A) => R) => {
    return (...values: A): R => {
      try {
        return call(...values);
      } catch (error) {
        throw storeError(error, path);
      }
    };
  };
  return {
    exec: (sql) => db.exec(sql),
    prepare(sql) {
      const statement = db.prepare(sql);
      return {
        // Writes run within a group commit, which converts their errors.
        run: statement.run.bind(statement),
        get: guarded((...values: SqlValue[]) => statement.get(...values)),
        all: guarded((...values: SqlValue[]) => statement.all(...values)),
      };
    },
  };
}
