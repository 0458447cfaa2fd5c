/** /health, /ready, /metrics, /audit: the state of the hub. */
import { hasPart, isIdPart } from "../../hub/ids.ts";
import type { AuditStore } from "../../store/store.ts";
import type { MakeHandlers } from "../deps.ts";
import { badCursor, pageOf, readPage } from "../page.ts";
import { named, text, whole } from "../query.ts";

export const statusHandlers: MakeHandlers = ({ hub, controller }) => ({
  getHealth: (ctx) => {
    const { total, reachable: online } = hub.registry.counts();
    const now = hub.clock.now();
    ctx.body = {
      status: "healthy",
      run: hub.run,
      uptime: (now - hub.startedAt) / 1000,
      timestamp: now,
      agents: { total, online },
    };
  },

  getReady: async (ctx) => {
    // Proven by a write: a full or read-only disk makes the hub not ready.
    await hub.store.kv.put("ready", hub.clock.now());
    ctx.body = { ready: true };
  },

  getMetrics: async (ctx) => {
    ctx.set("content-type", hub.metrics.contentType);
    ctx.body = await hub.metrics.text();
  },

  listAudit: (ctx) => {
    const { limit, cursor } = readPage(ctx);
    if (text(ctx, "order") === "newest") {
      const [agent, kind] = [text(ctx, "agent"), text(ctx, "kind")];
      const filter = { ...(agent !== undefined && { agent }), ...(kind !== undefined && { kind }), limit };
      ctx.body = { entries: hub.store.audit.latest(filter), next: null };
      return;
    }
    const after = Number(cursor ?? 0);
    if (!Number.isSafeInteger(after) || after < 0) throw badCursor(cursor ?? "");
    const [actor, action, subject] = [text(ctx, "actor"), text(ctx, "action"), text(ctx, "subject")];
    // The end of a task's id, as dashboards show it.
    const isPart = subject !== undefined && subject.length >= 8 && isIdPart(subject);
    const fits = (entry: Entry) =>
      (actor === undefined || entry.actor === actor) &&
      (action === undefined || named(entry.action, action)) &&
      (subject === undefined || entry.subject === subject || (isPart && hasPart(entry.subject, subject)));
    const { found, readTo } = scan(hub.store.audit, after, limit + 1, fits);
    const page = pageOf(ctx, found, limit, (last) => String(last.seq));
    // The scan may have stopped at its limit: the next page continues there.
    const next = page.next ?? (readTo === null ? null : String(readTo));
    ctx.body = { entries: page.items, next };
  },

  verifyAudit: (ctx) => {
    const seq = whole(ctx, "seq", 0, 0, Number.MAX_SAFE_INTEGER);
    const { entries, cut, end, broken, gaps } = hub.store.audit.check(
      seq > 0 ? { seq, hash: text(ctx, "hash") ?? "" } : undefined,
    );
    const losses = hub.store.losses();
    const intact = broken === null && losses.length === 0;
    ctx.body = { intact, firstBroken: broken?.seq ?? null, entries, cut, end, broken, gaps, losses };
  },

  acknowledgeLosses: async (ctx) => {
    ctx.body = { losses: await hub.acknowledgeLosses() };
    controller?.reconcile([]);
  },
});

type Entry = ReturnType<AuditStore["list"]>[number];

/** Entries that are read for one page, with or without a match. */
const SCAN = 20_000;

/** `readTo`: where the scan stopped although entries may follow; null: it read all, or found enough. */
function scan(audit: AuditStore, after: number, wanted: number, fits: (entry: Entry) => boolean) {
  const found: Entry[] = [];
  let last = after;
  for (let read = 0; read < SCAN; ) {
    const entries = audit.list(last, 1000);
    for (const entry of entries) if (found.length < wanted && fits(entry)) found.push(entry);
    if (found.length >= wanted || entries.length < 1000) return { found, readTo: null };
    read += entries.length;
    last = entries.at(-1)?.seq ?? last;
  }
  return { found, readTo: last };
}
