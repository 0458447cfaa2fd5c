/** Which rows are on a damaged page, as far as the pages around it tell; and what cannot be read at all. */
import type { DatabaseSync } from "node:sqlite";
import type { DamagedPage, Range } from "./loss.ts";

/** More pages than this are not located one by one. */
const MOST = 1000;
/** https://sqlite.org/fileformat2.html#b_tree_pages */
const TABLE_LEAF = 0x0d;
const TABLE_INNER = 0x05;
const INDEX_LEAF = 0x0a;
/** Inner pages of an index, and of a table without row numbers, hold rows too. */
const INDEX_INNER = 0x02;

type Key = number | string;
interface Node {
  readonly name: string;
  readonly path: string;
  readonly page: number;
  readonly type: string;
}

/** Errors: those of SQLite where the structure itself is damaged; look at that first (`PRAGMA integrity_check`). */
export function locate(
  db: DatabaseSync,
  pages: readonly number[],
  readPage: (page: number) => Buffer,
): readonly DamagedPage[] {
  if (pages.length === 0) return [];
  const nodes = db
    .prepare("SELECT name, path, pageno, pagetype FROM dbstat ORDER BY name, path")
    .all()
    .map(
      (row): Node => ({
        name: String(row.name),
        path: String(row.path),
        page: Number(row.pageno),
        type: String(row.pagetype),
      }),
    );
  const byPage = new Map(nodes.map((node) => [node.page, node]));
  const damaged = new Set(pages);
  return pages.slice(0, MOST).map((page) => {
    const node = byPage.get(page);
    if (!node) return { page, of: null, rows: null, tasks: [] };
    const keys = keysOn(node, nodes, damaged, readPage);
    return { page, of: node.name, ...rowsOf(db, node.name, keys) };
  });
}

/** The first and the last key that may be on a page; null at an end where there is no page to tell. */
type Keys = readonly [first: Key | null, last: Key | null] | null;

function keysOn(
  node: Node,
  nodes: readonly Node[],
  damaged: ReadonlySet<number>,
  readPage: (page: number) => Buffer,
): Keys {
  const leaves = nodes.filter(({ name, type }) => name === node.name && type === "leaf");
  if (node.type === "internal") {
    if (readPage(node.page)[0] === TABLE_INNER) return null;
    const below = leaves.filter((leaf) => leaf.path.startsWith(node.path) && !damaged.has(leaf.page));
    const [one, other] = [below[0], below.at(-1)];
    return [one ? keyOf(readPage(one.page), 0) : null, other ? keyOf(readPage(other.page), -1) : null];
  }
  const path = node.path.slice(0, node.path.lastIndexOf("/") + 1);
  const at = leaves.indexOf(node);
  if (node.type === "overflow") {
    const owner = nodes.find((other) => other.name === node.name && other.path === path);
    if (!owner || damaged.has(owner.page)) return owner ? keysOn(owner, nodes, damaged, readPage) : null;
    const cell = Number.parseInt(node.path.slice(path.length).split("+")[0] ?? "", 16);
    const key = keyOf(readPage(owner.page), cell);
    return key === null ? null : [key, key];
  }
  const before = leaves.slice(0, at).findLast(({ page }) => !damaged.has(page));
  const after = leaves.slice(at + 1).find(({ page }) => !damaged.has(page));
  return [before ? keyOf(readPage(before.page), -1) : null, after ? keyOf(readPage(after.page), 0) : null];
}

/** Key of a cell of a leaf page: the row's number, or the first column of the key. -1: the last cell. */
function keyOf(page: Buffer, cell: number): Key | null {
  const type = page[0];
  if (type !== TABLE_LEAF && type !== INDEX_LEAF && type !== INDEX_INNER) return null;
  const inner = type === INDEX_INNER ? 4 : 0;
  const count = page.readUInt16BE(3);
  const index = cell < 0 ? count - 1 : cell;
  if (index < 0 || index >= count) return null;
  // An inner page has the number of a child page in its header, and before each cell.
  let at = page.readUInt16BE(8 + inner + index * 2) + inner;
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 9; i++) {
      const byte = page[at++] ?? 0;
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) break;
    }
    return value;
  };
  varint();
  if (type === TABLE_LEAF) return varint();
  const header = at;
  const headerBytes = varint();
  const serial = varint();
  return serial >= 13 && serial % 2 === 1
    ? page.toString("utf8", header + headerBytes, header + headerBytes + (serial - 13) / 2)
    : null;
}

function rowsOf(
  db: DatabaseSync,
  name: string,
  keys: Keys,
): { readonly rows: Range | null; readonly tasks: readonly string[] } {
  if (!keys) return { rows: null, tasks: [] };
  const [first, last] = keys;
  const isOne = first !== null && first === last;
  if (name === "output") {
    // A damaged key names no task, or another: all tasks in between are asked, not what is on the page.
    const ids = db
      .prepare(`SELECT DISTINCT task_id AS id FROM output WHERE task_id >= ?1 AND (?2 IS NULL OR task_id <= ?2)
        UNION SELECT id FROM tasks WHERE id >= ?1 AND (?2 IS NULL OR id <= ?2)`)
      .all(first ?? "", last)
      .map((row) => String(row.id));
    return { rows: null, tasks: ids };
  }
  if (!["tasks", "audit", "messages", "dead_letters"].includes(name)) return { rows: null, tasks: [] };
  const ends = db.prepare(`SELECT min(seq) AS a, max(seq) AS b FROM ${name}`).get();
  const from = typeof first === "number" ? (isOne ? first : first + 1) : Number(ends?.a ?? 1);
  const to = typeof last === "number" ? (isOne ? last : last - 1) : Number(ends?.b ?? from);
  const rows = { from, to: Math.max(from, to) };
  if (name !== "tasks") return { rows, tasks: [] };
  const ids = db
    .prepare("SELECT id FROM tasks WHERE seq BETWEEN ? AND ? ORDER BY seq")
    .all(rows.from, rows.to)
    .map((row) => String(row.id));
  return { rows, tasks: ids };
}

const TABLES = ["fence", "claims", "kv", "credentials", "agents", "messages", "dead_letters", "output"];

/** What of a database with a damaged structure cannot be read, in words. */
export function unreadable(db: DatabaseSync): readonly string[] {
  const found: string[] = [];
  for (const [table, what] of [
    ["tasks", "tasks"],
    ["audit", "audit entries"],
  ] as const) {
    const ranges = attempt(() => missingRows(db, table));
    if (ranges === null) found.push(`all ${what}`);
    else if (ranges.length > 0)
      found.push(
        `${what} ${ranges.map(({ from, to }) => (to === null ? `from ${from} on` : `${from} to ${to}`)).join(", ")}`,
      );
  }
  const tables = TABLES.filter((table) => attempt(() => db.prepare(`SELECT * FROM ${table}`).all()) === null);
  if (tables.length > 0) found.push(`all or a part of ${tables.join(", ")}`);
  return found;
}

/** Ranges of numbers between rows that can be read; beyond a row that cannot, the next one is searched for in growing steps. */
function missingRows(
  db: DatabaseSync,
  table: string,
): { readonly from: number; readonly to: number | null }[] {
  const next = db.prepare(`SELECT * FROM ${table} WHERE seq >= ? ORDER BY seq LIMIT 1`);
  const read = (from: number): number | null | "damaged" => {
    try {
      const row = next.get(from);
      return row ? Number(row.seq) : null;
    } catch {
      return "damaged";
    }
  };
  const missing: { readonly from: number; readonly to: number | null }[] = [];
  for (let at = 0; ; ) {
    const seq = read(at);
    if (seq === null) return missing;
    if (seq !== "damaged") {
      at = seq + 1;
      continue;
    }
    let bad = at;
    let good: number | null = null;
    for (let step = 1; step <= 2 ** 32 && good === null; step *= 2) {
      const tried = read(at + step);
      if (tried === null) break;
      if (tried === "damaged") bad = at + step;
      else good = tried;
    }
    if (good === null) return [...missing, { from: at, to: null }];
    // The first row after the gap, by halves.
    for (let low = bad + 1, high = good; low < high; ) {
      const middle = Math.floor((low + high) / 2);
      const tried = read(middle);
      if (typeof tried === "number" && tried <= high) high = middle;
      else low = middle + 1;
      good = Math.min(good, high);
    }
    missing.push({ from: at, to: Math.max(at, good - 1) });
    at = good;
  }
}

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
