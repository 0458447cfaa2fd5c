/** What of the stored data is gone or cannot be trusted: how it is described, and where that is kept until a person acknowledges it. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Instant } from "../../core/types.ts";

/** A range of sequence numbers, both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Loss {
  /** When it was found. */
  readonly at: Instant;
  /** Transactions that were acknowledged and are gone. */
  readonly commits: number;
  /** Tasks that these wrote, with the state that they had then: a task or its result is missing. */
  readonly tasks: readonly { readonly id: string; readonly state: string }[];
  /** Audit entries that these wrote. */
  readonly audit: Range | null;
  /** Other tables that these wrote. */
  readonly tables: readonly string[];
  /** Damaged pages. */
  readonly pages: readonly DamagedPage[];
  /** The database itself is gone. Instances are then recognised by their nonces, as for any store without claims. */
  readonly isGone: boolean;
  /** Why it is not known whether anything is missing. */
  readonly unverified: readonly string[];
}

export interface DamagedPage {
  readonly page: number;
  /** The table or index that it belongs to; null: it was not in use. */
  readonly of: string | null;
  /** Sequence numbers of the rows on it, where the table has such. */
  readonly rows: Range | null;
  /** Ids of the tasks whose record or output is on it, as far as that can be known. */
  readonly tasks: readonly string[];
}

export const lossPath = (database: string): string => `${database}-loss`;

/** Not acknowledged yet, oldest first. A record that cannot be read is itself one. */
export function readLosses(database: string): readonly Loss[] {
  const path = lossPath(database);
  if (!existsSync(path)) return [];
  try {
    const found = JSON.parse(readFileSync(path, "utf8")) as { readonly losses: readonly Loss[] };
    if (Array.isArray(found.losses)) return found.losses;
  } catch {
    // Said below.
  }
  return [{ ...NOTHING_LOST, unverified: [`${path}, which describes a loss, cannot be read`] }];
}

export const NOTHING_LOST: Loss = {
  at: 0,
  commits: 0,
  tasks: [],
  audit: null,
  tables: [],
  pages: [],
  isGone: false,
  unverified: [],
};

/** Adds a loss, or puts it in the place of the one found at the same instant. On disk when it returns. */
export function addLoss(database: string, loss: Loss): void {
  const path = lossPath(database);
  const between = `${path}.tmp`;
  const losses = [...readLosses(database).filter(({ at }) => at !== loss.at), loss];
  writeFileSync(between, JSON.stringify({ losses }), { mode: 0o600, flush: true });
  renameSync(between, path);
  const folder = openSync(dirname(path), "r");
  fsyncSync(folder);
  closeSync(folder);
}

export const forgetLosses = (database: string): void => rmSync(lossPath(database), { force: true });

/** Tables without which nothing is lost but the tasks and entries that are named. */
const HARMLESS = new Set(["tasks", "output", "audit", "agents", "messages", "dead_letters"]);
const tableOf = (name: string): string =>
  name
    .replace(/^sqlite_autoindex_(.*)_\d+$/, "$1")
    .replace(/^(tasks|messages)_by_.*$|^(tasks)_open$/, "$1$2");

/** Whether the record of which instances are owned, or what is known of them, may be wrong: then none is touched. */
export function holdsInstances(losses: readonly Loss[]): boolean {
  return losses.some(
    ({ tables, pages, unverified }) =>
      unverified.length > 0 ||
      tables.some((table) => !HARMLESS.has(table)) ||
      pages.some(({ of }) => of !== null && !HARMLESS.has(tableOf(of))),
  );
}

/** How many names are listed in words; the record has all. */
const NAMED = 20;

/** What is missing, one sentence each, without a final period. */
export function lossWords(loss: Loss): readonly string[] {
  const { commits, tasks, audit, tables, pages, isGone, unverified } = loss;
  const found: string[] = [...unverified];
  if (isGone) found.push("the database file is missing, with every task and audit entry that was in it");
  if (commits > 0) {
    const finished = tasks.filter(({ state }) => !OPEN.has(state));
    const open = tasks.filter(({ state }) => OPEN.has(state));
    const parts = [
      open.length > 0 && `the latest state of ${counted(open.length, "task")} (${named(open)})`,
      finished.length > 0 && `the results of ${counted(finished.length, "task")} (${named(finished)})`,
      audit && `audit entries ${rangeWords(audit)}`,
      tables.length > 0 && `writes to ${tables.join(", ")}`,
    ].filter((part) => typeof part === "string");
    found.push(
      `the database lost its last ${counted(commits, "transaction")}: ${parts.length > 0 ? parts.join("; ") : "nothing that has a name"}`,
    );
  }
  for (const { of, rows, tasks: ids, page } of pages) {
    const where = of === null ? "is not in use" : `belongs to ${of}`;
    const what = [
      rows && `${of?.startsWith("audit") ? "audit entries" : "rows"} ${rangeWords(rows)}`,
      ids.length > 0 && `${counted(ids.length, "task")}: ${named(ids.map((id) => ({ id })))}`,
    ].filter((part) => typeof part === "string");
    found.push(
      `page ${page} of the database is damaged; it ${where}${what.length > 0 ? ` (${what.join("; ")})` : ""}`,
    );
  }
  return found;
}

const OPEN = new Set(["queued", "sent", "running"]);

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
const rangeWords = ({ from, to }: Range): string => (from === to ? String(from) : `${from} to ${to}`);

function named(tasks: readonly { readonly id: string }[]): string {
  const ids = tasks.slice(0, NAMED).map(({ id }) => id);
  const rest = tasks.length - ids.length;
  return ids.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

export interface Alert {
  readonly level: "bad" | "warn";
  /** Without a final period. */
  readonly message: string;
  readonly next: string;
}

/** One sentence for a banner; everything is in `audit verify`. */
export function lossAlerts(losses: readonly Loss[]): readonly Alert[] {
  const words = losses.flatMap(lossWords);
  const [first] = words;
  if (first === undefined) return [];
  const more = words.length > 1 ? `, and ${words.length - 1} more` : "";
  const held = holdsInstances(losses) ? "; no instance is touched until this is acknowledged" : "";
  return [
    { level: "bad", message: `Stored data is lost or damaged: ${first}${more}${held}`, next: LOSS_NEXT },
  ];
}

export const LOSS_NEXT =
  "vm-agent audit verify lists all of it; put back a backup (vm-agent backup FILE --restore), or go on without what is missing: vm-agent audit acknowledge";
