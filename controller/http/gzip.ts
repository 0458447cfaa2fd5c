/** Compresses long text answers for clients that accept it: 500 agents are 590 kB of JSON, or 16 kB. */
import { promisify } from "node:util";
import { type BrotliOptions, gzip as gzipWith, type ZlibOptions } from "node:zlib";
import type { Context } from "koa";

const gzip = promisify<string | Buffer, ZlibOptions & BrotliOptions, Buffer>(gzipWith);

/** Smaller answers fit into one packet anyway. */
const WORTH_IT = 16_384;
/** The first level has most of the gain; threads of the pool do the work. */
const LEVEL = 1;

const takesGzip = (ctx: Context): boolean => ctx.acceptsEncodings("gzip", "identity") === "gzip";

/** For bodies that differ in each response. */
export async function smallerAnswer(ctx: Context): Promise<void> {
  const { body } = ctx;
  if (ctx.respond === false || ctx.method !== "GET" || typeof body !== "object" || body === null) return;
  if (Buffer.isBuffer(body) || "pipe" in body) return;
  const text = JSON.stringify(body);
  if (text.length < WORTH_IT) return;
  const type = ctx.response.get("content-type");
  ctx.vary("accept-encoding");
  if (takesGzip(ctx)) {
    ctx.body = await gzip(text, { level: LEVEL });
    ctx.set("content-encoding", "gzip");
  } else ctx.body = text;
  ctx.set("content-type", type);
}

/** For static bodies: compressed once for each content. */
export function cachedGzip(): (ctx: Context, contents: Buffer, tag: string) => Promise<void> {
  const kept = new Map<string, Promise<Buffer>>();
  return async (ctx, contents, tag) => {
    ctx.vary("accept-encoding");
    const small = takesGzip(ctx) && contents.length >= 1024;
    ctx.etag = small ? `${tag}-gzip` : tag;
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    if (!small) {
      ctx.body = contents;
      return;
    }
    // A rebuilt file replaces its cached versions.
    if (!kept.has(tag) && kept.size > 8) kept.clear();
    const making = kept.get(tag) ?? gzip(contents, { level: 9 });
    kept.set(tag, making);
    ctx.body = await making;
    ctx.set("content-encoding", "gzip");
  };
}
