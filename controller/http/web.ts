/** The dashboard's own files: nothing secret, so served before the guard; everything they show comes from the API, with the token. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type Koa from "koa";
import { packageRoot } from "../base/paths.ts";

const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  "/": { file: "index.html", type: "text/html; charset=utf-8" },
  "/app.js": { file: "app.js", type: "text/javascript; charset=utf-8" },
  "/app.css": { file: "app.css", type: "text/css; charset=utf-8" },
};

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function page(): Koa.Middleware {
  const folder = join(packageRoot(), "dist", "ui", "web");
  return async (ctx, next) => {
    const found = ctx.method === "GET" || ctx.method === "HEAD" ? FILES[ctx.path] : undefined;
    if (!found) return next();
    ctx.set({
      "content-security-policy": CSP,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
      "cross-origin-opener-policy": "same-origin",
    });
    ctx.type = found.type;
    ctx.body = readFileSync(join(folder, found.file));
  };
}
