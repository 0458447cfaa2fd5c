/** Requests to a hub whose certificate is pinned by its fingerprint; nothing is sent before it is verified. */
import type { Duplex } from "node:stream";
import { VmAgentError } from "../../base/errors.ts";

type Done = (error: Error | null, socket?: Duplex) => void;

/** For the option `createConnection` of `node:https`. */
export function pinnedConnection(fingerprint: string) {
  const { connect } = process.getBuiltinModule("node:tls");
  return (
    options: { readonly host?: string | null; readonly port?: number | string | null },
    done: Done,
  ): undefined => {
    const socket = connect({
      host: (options.host ?? "127.0.0.1").replace(/^\[|\]$/g, ""),
      port: Number(options.port),
      rejectUnauthorized: false,
    });
    socket.once("error", done);
    socket.once("secureConnect", () => {
      const seen = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase();
      if (seen === fingerprint) return done(null, socket);
      socket.destroy();
      done(
        new VmAgentError({
          code: "tls-other-certificate",
          message: "what answers there has another certificate than the hub of this state folder",
          next: "see who listens there; nothing was sent to it",
        }),
      );
    });
    return undefined;
  };
}

/** The part of `fetch` that the API client needs, over such a connection. */
export function pinnedFetch(fingerprint: string): typeof fetch {
  return async (input, init = {}) => {
    const { request } = process.getBuiltinModule("node:https");
    const { Readable } = process.getBuiltinModule("node:stream");
    return new Promise<Response>((resolve, reject) => {
      const asking = request(
        new URL(String(input)),
        {
          method: init.method ?? "GET",
          headers: Object.fromEntries(new Headers(init.headers).entries()),
          createConnection: pinnedConnection(fingerprint) as never,
          ...(init.signal ? { signal: init.signal } : {}),
        },
        (answer) => {
          const status = answer.statusCode ?? 0;
          const headers = Object.entries(answer.headers).map(
            ([name, value]) => [name, String(value)] as [string, string],
          );
          const empty = status === 204 || status === 304;
          resolve(
            new Response(empty ? null : (Readable.toWeb(answer) as ReadableStream), { status, headers }),
          );
        },
      );
      asking.once("error", reject);
      asking.end(typeof init.body === "string" ? init.body : undefined);
    });
  };
}
