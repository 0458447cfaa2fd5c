/** Pagination: bounded pages, and the next page in the body and as a Link header (RFC 8288). */
import type { Context } from "koa";
import { refusal } from "./problem.ts";
import { text, whole } from "./query.ts";

/** The largest page; OpenAPI says the same. */
const MOST = 1000;

export interface Page {
  readonly limit: number;
  /** null: the first page. */
  readonly cursor: string | null;
}

export function readPage(ctx: Context, fallback = 100): Page {
  const limit = fallback === Number.POSITIVE_INFINITY && text(ctx, "limit") === undefined;
  return {
    limit: limit ? fallback : whole(ctx, "limit", fallback, 1, MOST),
    cursor: text(ctx, "cursor") ?? null,
  };
}

/** `found` may hold one item more than the page: then there is a next one, after the last that is shown. */
export function pageOf<T>(
  ctx: Context,
  found: readonly T[],
  limit: number,
  cursorOf: (last: T) => string,
): { readonly items: readonly T[]; readonly next: string | null } {
  const items = found.length > limit ? found.slice(0, limit) : found;
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items, next: null };
  const next = cursorOf(last);
  const query = new URLSearchParams(ctx.querystring);
  query.set("cursor", next);
  ctx.set("link", `<${ctx.path}?${query}>; rel="next"`);
  return { items, next };
}

export function badCursor(cursor: string): Error {
  return refusal(
    "query-invalid",
    `cursor=${cursor.slice(0, 80)} is not one of this list`,
    "take `next` of the page before, or leave it out",
  );
}
