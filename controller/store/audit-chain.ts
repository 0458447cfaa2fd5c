/** The hash chain of the audit: each entry's hash covers the one before it, so that any edit breaks a link. */
import type { AuditCheck, AuditEntry, AuditLink } from "./store.ts";

/** What the first entry's hash covers in place of a predecessor. */
export const GENESIS = "0".repeat(64);

/** The chain's ends; written with every entry, so that a removed end is detected. */
export interface AuditAnchor {
  /** The last pruned entry. */
  readonly cut: AuditLink | null;
  readonly end: AuditLink | null;
  /** Broken links that a person acknowledged. */
  readonly acknowledged?: readonly AuditLink[];
}

export const NO_ANCHOR: AuditAnchor = { cut: null, end: null };

/** A stored entry; `detail` is the text that was hashed. */
export interface ChainedRow extends AuditLink {
  readonly entry: Omit<AuditEntry, "detail">;
  readonly detail: string;
}

/**
 * SHA-256 (hex) over the predecessor's hash and the entry as canonical JSON (an array, so key order does not matter).
 */
export function link(previous: string, entry: Omit<AuditEntry, "detail">, detailJson: string): string {
  // Loaded on first use: read-only commands would wait 8 ms for it.
  return process
    .getBuiltinModule("node:crypto")
    .hash(
      "sha256",
      JSON.stringify([previous, entry.at, entry.actor, entry.action, entry.subject, detailJson]),
    );
}

/** Walks rows in order of `seq` and stops at the first broken link. */
export function checkChain(rows: Iterable<ChainedRow>, anchor: AuditAnchor, known?: AuditLink): AuditCheck {
  const { cut } = anchor;
  let end: AuditLink | null = cut;
  let entries = 0;
  const gaps: number[] = [];
  const done = (broken: AuditCheck["broken"]): AuditCheck => ({ entries, cut, end, broken, gaps });
  if (known && cut && known.seq < cut.seq)
    return done({ seq: known.seq, why: "that link is older than what is kept" });
  if (known && cut?.seq === known.seq && cut.hash !== known.hash)
    return done({ seq: known.seq, why: "it is another entry than the one that was noted" });
  const acknowledged = new Set(anchor.acknowledged?.map(({ seq, hash }) => `${seq}:${hash}`));
  for (const row of rows) {
    const why = misfit(row, end);
    if (why && !acknowledged.has(`${row.seq}:${row.hash}`)) return done(why);
    if (why) gaps.push(row.seq);
    end = { seq: row.seq, hash: row.hash };
    entries += 1;
    if (known?.seq === row.seq && known.hash !== row.hash)
      return done({ seq: row.seq, why: "it is another entry than the one that was noted" });
  }
  const next = (end?.seq ?? 0) + 1;
  if (known && known.seq >= next)
    return done({ seq: next, why: `the chain ends before entry ${known.seq}, which was noted` });
  if (anchor.end === null && entries > 0)
    return done({ seq: next, why: "it is not recorded any more where the chain ends" });
  if (anchor.end && anchor.end.seq >= next)
    return done({ seq: next, why: `the chain ended at entry ${anchor.end.seq} when it was last written` });
  if (anchor.end && (anchor.end.seq !== end?.seq || anchor.end.hash !== end.hash))
    return done({ seq: anchor.end.seq, why: "what follows it was not written by vm-agent" });
  return done(null);
}

/** Why an entry does not follow the one before it; null: it does. */
function misfit(row: ChainedRow, before: AuditLink | null): AuditCheck["broken"] {
  // Numbers are consecutive: a gap is a removed entry.
  const expected = (before?.seq ?? 0) + 1;
  if (row.seq !== expected) return { seq: expected, why: `the next entry is ${row.seq}` };
  if (link(before?.hash ?? GENESIS, row.entry, row.detail) === row.hash) return null;
  return { seq: row.seq, why: "its hash does not fit its content and the entry before it" };
}

/** The anchor under which the chain is whole as it is now. */
export function acknowledgeChain(rows: Iterable<ChainedRow>, anchor: AuditAnchor): AuditAnchor {
  const acknowledged: AuditLink[] = [];
  let end: AuditLink | null = anchor.cut;
  for (const row of rows) {
    if (misfit(row, end)) acknowledged.push({ seq: row.seq, hash: row.hash });
    end = { seq: row.seq, hash: row.hash };
  }
  return { cut: anchor.cut, end, acknowledged };
}
