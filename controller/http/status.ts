/** /health, /ready, /metrics, /audit: how the hub itself is. */
import type { AddRoutes } from "./deps.ts";
import { whole } from "./query.ts";

export const addStatusRoutes: AddRoutes = (router, { hub }) => {
  router.get("/health", (ctx) => {
    const { total, online, suspect } = hub.registry.counts();
    const now = hub.clock.now();
    ctx.body = {
      status: "healthy",
      uptime: (now - hub.startedAt) / 1000,
      timestamp: now,
      agents: { total, online: online + suspect },
    };
  });

  router.get("/ready", async (ctx) => {
    // A write that reaches the disk is the proof: a full or read-only disk makes the hub not ready.
    await hub.store.kv.put("ready", hub.clock.now());
    ctx.body = { ready: true };
  });

  router.get("/metrics", async (ctx) => {
    ctx.set("content-type", hub.metrics.contentType);
    ctx.body = await hub.metrics.text();
  });

  router.get("/audit", (ctx) => {
    const after = whole(ctx, "after", 0, 0, Number.MAX_SAFE_INTEGER);
    const limit = whole(ctx, "limit", 100, 1, 1000);
    const entries = hub.store.audit.list(after, limit);
    ctx.body = { entries, next: entries.length === limit ? (entries.at(-1)?.seq ?? null) : null };
  });

  router.get("/audit/verify", (ctx) => {
    const broken = hub.store.audit.verify();
    ctx.body = { intact: broken === null, firstBroken: broken };
  });
};
