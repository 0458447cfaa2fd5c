/** The hub's last state of its agents, written lazily: a heartbeat is no reason for an fsync. */
import { parseStored } from "../../base/bounded-json.ts";
import type { Db, Write } from "./db.ts";
import { storedValueIfWhole } from "./errors.ts";
import type { AgentRow, AgentStore } from "../store.ts";

const TOUCHED = { table: "agents" };
/** Milliseconds a row may stay in memory; a crash loses at most that much of `lastSeen` and statistics. */
const WRITE_BEHIND = 2000;

interface Waiting {
  row: AgentRow;
  readonly settled: { resolve: () => void; reject: (error: unknown) => void }[];
}

export function sqlAgents(db: Db, write: Write): AgentStore & { flush(): void } {
  const select = db.prepare(
    "SELECT id, registered_at, last_seen, json FROM agents ORDER BY registered_at, id",
  );
  const upsert = db.prepare(
    `INSERT INTO agents (id, registered_at, last_seen, json) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET registered_at = excluded.registered_at, last_seen = excluded.last_seen, json = excluded.json`,
  );
  const remove = db.prepare("DELETE FROM agents WHERE id = ?");
  let dirty = new Map<string, Waiting>();
  let timer: NodeJS.Timeout | null = null;

  const flush = () => {
    if (timer) clearTimeout(timer);
    timer = null;
    const batch = dirty;
    dirty = new Map();
    for (const { row, settled } of batch.values()) {
      write(
        TOUCHED,
        () => void upsert.run(row.id, row.registeredAt, row.lastSeen, JSON.stringify(row.json)),
      ).then(
        () => settled.forEach((s) => void s.resolve()),
        (error: unknown) => settled.forEach((s) => void s.reject(error)),
      );
    }
  };

  return {
    flush,
    list() {
      const rows = new Map(select.all().map((row) => [String(row.id), toRow(row)]));
      for (const [id, waiting] of dirty) rows.set(id, waiting.row);
      return [...rows.values()];
    },
    put: (row) =>
      new Promise((resolve, reject) => {
        const waiting = dirty.get(row.id);
        if (waiting) {
          waiting.row = row;
          waiting.settled.push({ resolve, reject });
        } else dirty.set(row.id, { row, settled: [{ resolve, reject }] });
        timer ??= setTimeout(flush, WRITE_BEHIND).unref();
      }),
    remove(id) {
      const waiting = dirty.get(id);
      dirty.delete(id);
      waiting?.settled.forEach((s) => void s.resolve());
      return write(TOUCHED, () => void remove.run(id));
    },
  };
}

function toRow(row: Readonly<Record<string, unknown>>): AgentRow {
  return {
    id: String(row.id),
    registeredAt: Number(row.registered_at),
    lastSeen: Number(row.last_seen),
    json: storedValueIfWhole(row.json, parseStored) ?? {},
  };
}
