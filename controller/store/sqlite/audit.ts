/** The audit: append-only and hash-chained. Pruning removes the oldest entries and keeps their last hash. */
import {
  acknowledgeChain,
  type AuditAnchor,
  type ChainedRow,
  checkChain,
  GENESIS,
  link,
  NO_ANCHOR,
} from "../audit-chain.ts";
import type { Touched } from "../protection/commit-log.ts";
import type { Db, Row, Write } from "./db.ts";
import { storedValue, storedValueIfWhole } from "./errors.ts";
import type { AuditLink, AuditRow, AuditStore } from "../store.ts";

/** Entries read at a time while verifying. */
const PAGE = 1000;
/** kv key of the anchor. */
const ANCHOR = "audit/anchor";

export interface SqlAudit extends AuditStore {
  /** Records the end of the chain; runs last in every transaction. */
  seal(): void;
}

/** `transaction`: the number of the running one; inside it the end of the chain is cached. */
export function sqlAudit(db: Db, write: Write, transaction: () => number): SqlAudit {
  let end: AuditLink & { readonly transaction: number } = { transaction: -1, seq: 0, hash: GENESIS };
  let unsealed = -1;
  const last = db.prepare("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
  const insert = db.prepare(
    "INSERT INTO audit (seq, at, actor, action, subject, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const page = db.prepare("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?");
  const newest = db.prepare(`SELECT * FROM audit
    WHERE (?1 IS NULL OR subject = ?1 OR actor = 'runtime:' || ?1 OR detail ->> '$.agent' = ?1)
      AND (?2 IS NULL OR action = ?2 OR substr(action, 1, length(?2) + 1) = ?2 || '.')
    ORDER BY seq DESC LIMIT ?3`);
  const hashOf = db.prepare("SELECT hash FROM audit WHERE seq = ?");
  const firstKept = db.prepare("SELECT seq FROM audit WHERE at >= ? ORDER BY seq LIMIT 1");
  const first = db.prepare("SELECT seq FROM audit ORDER BY seq LIMIT 1");
  const remove = db.prepare("DELETE FROM audit WHERE seq <= ?");
  const readAnchor = db.prepare("SELECT json FROM kv WHERE key = ?");
  const writeAnchor = db.prepare(
    "INSERT INTO kv (key, json) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json",
  );
  const anchor = (): AuditAnchor => {
    const row = readAnchor.get(ANCHOR);
    return row ? storedValue<AuditAnchor>(row.json) : NO_ANCHOR;
  };
  const current = (): AuditLink => {
    if (end.transaction === transaction()) return end;
    const row = last.get();
    return row ? linkOf(row) : { seq: 0, hash: GENESIS };
  };

  const check: AuditStore["check"] = (known) => {
    // Entries and their end in one snapshot: another process may write between two reads. A savepoint may be nested.
    db.exec("SAVEPOINT audit_check");
    try {
      return checkChain(allRows(), anchor(), known);
    } finally {
      db.exec("RELEASE audit_check");
    }
  };
  function* allRows(): Generator<ChainedRow> {
    let seq = Number.MIN_SAFE_INTEGER;
    for (;;) {
      const rows = page.all(seq, PAGE);
      if (rows.length === 0) return;
      for (const row of rows) {
        yield { ...linkOf(row), entry: head(row), detail: String(row.detail) };
        seq = Number(row.seq);
      }
    }
  }

  return {
    append: (entry) => {
      const detail = JSON.stringify(entry.detail);
      const touched: Touched = { table: "audit", seq: 0 };
      return write(touched, () => {
        const before = current();
        const hash = link(before.hash, entry, detail);
        const seq = before.seq + 1;
        insert.run(seq, entry.at, entry.actor, entry.action, entry.subject, detail, hash);
        end = { transaction: transaction(), seq, hash };
        unsealed = end.transaction;
        touched.seq = seq;
      });
    },
    seal() {
      if (unsealed !== transaction()) return;
      const { seq, hash } = end;
      writeAnchor.run(ANCHOR, JSON.stringify({ ...anchor(), end: { seq, hash } }));
    },
    list: (after, limit) => page.all(after, limit).map(toRow),
    latest: ({ agent, kind, limit }) => newest.all(agent ?? null, kind ?? null, limit).map(toRow),
    check,
    verify: () => check().broken?.seq ?? null,
    acknowledge: () =>
      write({ table: "kv" }, () => {
        writeAnchor.run(ANCHOR, JSON.stringify(acknowledgeChain(allRows(), anchor())));
      }),
    async prune(before, keep, most) {
      let removed = 0;
      await write({ table: "audit" }, () => {
        removed = 0;
        const from = Number(first.get()?.seq ?? 0);
        const to = current().seq;
        const byAge = Number(firstKept.get(before)?.seq ?? to) - 1;
        const cut = Math.min(Math.max(byAge, to - keep), to - 1, from + most - 1);
        if (from === 0 || cut < from) return;
        const seen = anchor();
        const hash = String(hashOf.get(cut)?.hash);
        writeAnchor.run(ANCHOR, JSON.stringify({ ...seen, cut: { seq: cut, hash } }));
        remove.run(cut);
        removed = cut - from + 1;
      });
      return removed;
    },
  };
}

const linkOf = (row: Row): AuditLink => ({ seq: Number(row.seq), hash: String(row.hash) });

const head = (row: Row) => ({
  at: Number(row.at),
  actor: String(row.actor),
  action: String(row.action),
  subject: String(row.subject),
});

function toRow(row: Row): AuditRow {
  const detail = storedValueIfWhole(row.detail) ?? { damaged: true };
  return { ...head(row), detail, ...linkOf(row) };
}
