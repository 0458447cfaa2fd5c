/** The audit: append-only (there is no statement here that changes or removes an entry) and hash-chained. */
import { GENESIS, link } from "./audit-chain.ts";
import type { Db, Row, Write } from "./db.ts";
import type { AuditEntry, AuditStore } from "./store.ts";

/** Entries read at a time while verifying. */
const PAGE = 1000;

/** `transaction`: the number of the running one; inside it the end of the chain is known without asking. */
export function sqlAudit(db: Db, write: Write, transaction: () => number): AuditStore {
  let end = { transaction: -1, hash: GENESIS };
  const last = db.prepare("SELECT hash FROM audit ORDER BY seq DESC LIMIT 1");
  const insert = db.prepare(
    "INSERT INTO audit (at, actor, action, subject, detail, hash) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const page = db.prepare("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?");
  return {
    append: (entry) => {
      const detail = JSON.stringify(entry.detail);
      return write(() => {
        const now = transaction();
        const previous = end.transaction === now ? end.hash : String(last.get()?.hash ?? GENESIS);
        const hash = link(previous, entry, detail);
        insert.run(entry.at, entry.actor, entry.action, entry.subject, detail, hash);
        end = { transaction: now, hash };
      });
    },
    list: (after, limit) =>
      page
        .all(after, limit)
        .map((row) => ({ ...toEntry(row), seq: Number(row.seq), hash: String(row.hash) })),
    verify() {
      let previous = GENESIS;
      let seq = 0;
      for (;;) {
        const rows = page.all(seq, PAGE);
        if (rows.length === 0) return null;
        for (const row of rows) {
          // Numbers are consecutive: a gap is a removed entry.
          if (Number(row.seq) !== seq + 1) return seq + 1;
          seq += 1;
          if (link(previous, toEntry(row), String(row.detail)) !== String(row.hash)) return seq;
          previous = String(row.hash);
        }
      }
    },
  };
}

function toEntry(row: Row): AuditEntry {
  return {
    at: Number(row.at),
    actor: String(row.actor),
    action: String(row.action),
    subject: String(row.subject),
    detail: JSON.parse(String(row.detail)) as Readonly<Record<string, unknown>>,
  };
}
