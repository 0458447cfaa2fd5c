/**
 * The dashboard's static files: no secrets, so served before the guard; all data comes from the API, with the token.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type Koa from "koa";
import { packageRoot } from "../../base/paths.ts";
import { cachedGzip, smallerAnswer } from "../gzip.ts";

/** All files that are served: no other path is looked up on the disk. */
const FILES: ReadonlyMap<string, { readonly file: string; readonly type: string }> = new Map([
  ["/", { file: "index.html", type: "text/html; charset=utf-8" }],
  ["/app.js", { file: "app.js", type: "text/javascript; charset=utf-8" }],
  ["/app.css", { file: "app.css", type: "text/css; charset=utf-8" }],
]);

const HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  // A new version of vm-agent has another ETag.
  "cache-control": "no-cache",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

export function page(folder: string = join(packageRoot(), "dist", "ui", "web")): Koa.Middleware {
  const answer = cachedGzip();
  return async (ctx, next) => {
    const found = ctx.method === "GET" || ctx.method === "HEAD" ? FILES.get(ctx.path) : undefined;
    if (!found) {
      await next();
      return smallerAnswer(ctx);
    }
    ctx.set(HEADERS);
    try {
      const contents = await readFile(join(folder, found.file));
      ctx.type = found.type;
      await answer(ctx, contents, createHash("sha256").update(contents).digest("base64url").slice(0, 22));
    } catch {
      ctx.status = 503;
      ctx.type = "text/plain; charset=utf-8";
      ctx.body = "The dashboard's files are not there. Build them: npm run build\n";
    }
  };
}
