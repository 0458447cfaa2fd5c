/** The audit without a disk: the same chain, the same filter, the same anchor. */
import { acknowledgeChain, type AuditAnchor, checkChain, GENESIS, link, NO_ANCHOR } from "../audit-chain.ts";
import type { AuditFilter, AuditRow, AuditStore } from "../store.ts";

export function memoryAudit(): AuditStore {
  let all: readonly AuditRow[] = [];
  let anchor: AuditAnchor = NO_ANCHOR;
  const rows = () =>
    all.map(({ seq, hash, detail, ...entry }) => ({ seq, hash, entry, detail: JSON.stringify(detail) }));
  const check: AuditStore["check"] = (known) => checkChain(rows(), anchor, known);
  return {
    async append(entry) {
      const end = anchor.end ?? { seq: 0, hash: GENESIS };
      const hash = link(end.hash, entry, JSON.stringify(entry.detail));
      all = [...all, { ...structuredClone(entry), seq: end.seq + 1, hash }];
      anchor = { ...anchor, end: { seq: end.seq + 1, hash } };
    },
    list: (after, limit) =>
      all
        .filter((row) => row.seq > after)
        .slice(0, limit)
        .map((row) => structuredClone(row)),
    latest: (filter) =>
      all
        .filter((row) => fits(row, filter))
        .slice(-filter.limit)
        .reverse()
        .map((row) => structuredClone(row)),
    check,
    verify: () => check().broken?.seq ?? null,
    async acknowledge() {
      anchor = acknowledgeChain(rows(), anchor);
    },
    async prune(before, keep, most) {
      const young = all.findIndex((row) => row.at >= before);
      const byAge = young < 0 ? all.length : young;
      const gone = Math.min(Math.max(byAge, all.length - keep), all.length - 1, most);
      const cut = all[gone - 1];
      if (!cut) return 0;
      anchor = { ...anchor, cut: { seq: cut.seq, hash: cut.hash } };
      all = all.slice(gone);
      return gone;
    },
  };
}

function fits({ subject, actor, action, detail }: AuditRow, { agent, kind }: AuditFilter): boolean {
  const about =
    agent === undefined || subject === agent || actor === `runtime:${agent}` || detail.agent === agent;
  return about && (kind === undefined || action === kind || action.startsWith(`${kind}.`));
}
