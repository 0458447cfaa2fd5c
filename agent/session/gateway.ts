/** Candidate hub addresses: what the settings say, then the guest's default gateway, which is the Multipass host. */
import { readFileSync } from "node:fs";
import { samePin } from "./pinned.ts";

/** IPv4 address of the default route with the lowest metric in the text of `/proc/net/route`, or null. */
export function defaultGateway(routeTable: string): string | null {
  let best: { readonly address: string; readonly metric: number } | null = null;
  for (const line of routeTable.split("\n").slice(1)) {
    const [, destination, gateway, flags, , , metric, mask] = line.trim().split(/\s+/);
    if (destination !== "00000000" || mask !== "00000000" || gateway === undefined) continue;
    // RTF_UP | RTF_GATEWAY
    if ((Number.parseInt(flags ?? "0", 16) & 3) !== 3) continue;
    const cost = Number(metric ?? 0);
    if (best === null || cost < best.metric) best = { address: littleEndian(gateway), metric: cost };
  }
  return best?.address ?? null;
}

function littleEndian(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .map((byte) => Number.parseInt(byte, 16))
    .reverse()
    .join(".");
}

const LOOPBACK = /^(wss?:\/\/)?(127\.\d+\.\d+\.\d+|localhost|\[::1\])(?![^:/])|^::1$/;

const PUSHED = 16;
const ADDRESS = /^(wss?:\/\/)?[\w.:[\]-]{1,270}(\/agent)?(#sha256:[0-9a-f]{64})?$/;

/** What a hub may tell of where else it is: bounded, and never this instance itself. */
export function readAddresses(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  const known = value.filter((host): host is string => typeof host === "string" && ADDRESS.test(host));
  return known.filter((host) => !LOOPBACK.test(host)).slice(0, PUSHED);
}

/**
 * URLs to try in order. `hub` entries are `host`, `host:port` or whole `ws://` and `wss://` URLs. A hub on loopback
 * only shares this machine's network (the sandbox): the gateway is a foreign host then, and gets no credential. Beside
 * others loopback is left out: in an instance it is the instance itself, where any task may listen for our credential.
 */
export function candidates(hub: readonly string[], port: number, gateway: string | null): readonly string[] {
  const elsewhere = hub.filter((host) => !LOOPBACK.test(host));
  const isHere = hub.length > 0 && elsewhere.length === 0;
  const hosts = isHere
    ? hub
    : [...elsewhere, ...(gateway === null ? [] : [samePin(`${gateway}:${port}`, hub)])];
  const urls = hosts.map((host) => {
    if (/^wss?:\/\//.test(host)) return host.replace(/\/+$/, "").replace(/^(wss?:\/\/[^/]+)$/, "$1/agent");
    const hasPort = /:\d+$/.test(host) && (host.startsWith("[") || host.split(":").length === 2);
    const bare = host.includes(":") && !host.startsWith("[") && !hasPort ? `[${host}]` : host;
    return `ws://${hasPort ? host : `${bare}:${port}`}/agent`;
  });
  return [...new Set(urls)];
}

/** The gateway now: read again at every attempt, because a resumed guest may have moved. */
export function readGateway(sandboxed: boolean): string | null {
  // Without isolation the host is reached on its loopback address, and its own gateway is a foreign host.
  if (sandboxed) return "127.0.0.1";
  try {
    return defaultGateway(readFileSync("/proc/net/route", "utf8"));
  } catch {
    return null;
  }
}
