/** TLS to a hub whose certificate is pinned by its fingerprint; no token is sent before it is verified. */
import type { Duplex } from "node:stream";

type Done = (error: Error | null, socket?: Duplex) => void;

const MARK = "#sha256:";

/** `wss://host:port/agent#sha256:<hex>` in its two parts. */
export function splitPin(url: string): { readonly address: string; readonly pin: string | null } {
  const at = url.indexOf(MARK);
  return at < 0
    ? { address: url, pin: null }
    : { address: url.slice(0, at), pin: url.slice(at + MARK.length) };
}

/** The address of another host at which the same hub may be. */
export function samePin(host: string, of: readonly string[]): string {
  const pin = of.map((url) => splitPin(url).pin).find((found) => found !== null);
  return pin === undefined ? host : `wss://${host}/agent${MARK}${pin}`;
}

/**
 * For the option `createConnection`. TLS is loaded on first use: it costs memory. The certificate's dates are ignored:
 * it is pinned, and a guest that just resumed has a wrong clock.
 */
export function pinnedConnection(pin: string) {
  return (
    options: { readonly host?: string | null; readonly port?: number | string | null },
    done: Done,
  ): undefined => {
    import("node:tls").then(({ connect }) => {
      const socket = connect({
        host: (options.host ?? "").replace(/^\[|\]$/g, ""),
        port: Number(options.port),
        rejectUnauthorized: false,
      });
      socket.once("error", done);
      socket.once("secureConnect", () => {
        const seen = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase();
        if (seen === pin) return done(null, socket);
        socket.destroy();
        done(new Error("what answers there has another certificate than the hub; nothing was sent to it"));
      });
    }, done);
    return undefined;
  };
}
