/** Which Host headers are ours: what a browser could be lured to by a rebound DNS name is refused. */
import { isIP } from "node:net";

/** Addresses as such cannot be rebound, names can: so any address, `localhost`, and the names that were configured. */
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
