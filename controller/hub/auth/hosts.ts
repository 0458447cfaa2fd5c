/** Allowed Host headers: protects against DNS rebinding in a browser. */
import { isIP } from "node:net";

/** Addresses cannot be rebound, names can: so any address, `localhost`, and the configured names are allowed. */
export function hostAllowed(header: string | undefined, names: readonly string[]): boolean {
  if (header === undefined) return false;
  const host = hostName(header).toLowerCase();
  return host === "localhost" || isIP(host) !== 0 || names.some((name) => name.toLowerCase() === host);
}

/** `[::1]:9091` -> `::1`, `name:1` -> `name`. */
export function hostName(header: string): string {
  if (header.startsWith("[")) return header.slice(1, Math.max(1, header.indexOf("]")));
  const colon = header.lastIndexOf(":");
  return colon === -1 ? header : header.slice(0, colon);
}
