/** Addresses of this machine on which instances connect, and which of them are advertised. */
import { isIP } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

export type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/** `bind` of a hub for virtual machines: loopback, and the bridges to them as they appear and disappear. */
export const BIND_BRIDGES = "bridges";

/** Multipass's own bridges: QEMU, libvirt and LXD on Linux, vmnet on macOS, the switch of Hyper-V. */
const OWN = [/^mpqemubr\d/, /^mpvirtbr\d/, /^mpbr\d/, /^bridge1\d\d$/, /^vEthernet/];
/** Bridges that a back end may use instead; they count where Multipass has none of its own. */
const OTHERS = [/^bridge\d/, /^virbr\d/, /^lxdbr\d/, /^incusbr\d/];

/** IPv4 addresses of this machine on networks of instances, Multipass's own bridge first; empty: no bridge yet. */
export function bridgeAddresses(interfaces: Interfaces): readonly string[] {
  const own = matching(interfaces, OWN);
  return own.length > 0 ? own : matching(interfaces, OTHERS);
}

export const isBridge = (name: string): boolean => [...OWN, ...OTHERS].some((pattern) => pattern.test(name));

function matching(interfaces: Interfaces, patterns: readonly RegExp[]): readonly string[] {
  const found = patterns.flatMap((pattern) =>
    Object.entries(interfaces)
      .filter(([name]) => pattern.test(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, list]) => usable(list)),
  );
  return [...new Set(found)];
}

/** Instances of Multipass have IPv4; link-local addresses do not help them. */
const usable = (list: readonly NetworkInterfaceInfo[] | undefined): readonly string[] =>
  (list ?? [])
    .filter((info) => info.family === "IPv4" && !info.internal && !info.address.startsWith("169.254."))
    .map((info) => info.address);

/**
 * `advertise`: `auto`, or host[:port] as in `kind: Fleet`. With `auto` on a loopback bind only this machine's own
 * programs (the sandbox) can reach the hub, and the answer is a loopback address. With `bridges` and no bridge yet the
 * answer is empty: the instance uses its default gateway, which is this machine.
 */
export function advertised(
  advertise: string,
  bind: string,
  port: number,
  interfaces: Interfaces = networkInterfaces(),
): readonly string[] {
  if (advertise !== "auto") return [hasPort(advertise) ? advertise : join(advertise, port)];
  const bridges = bridgeAddresses(interfaces);
  if (bind === BIND_BRIDGES) return bridges.map((address) => join(address, port));
  const unspecified = bind === "0.0.0.0" || bind === "::";
  if (!unspecified) return [join(bind, port)];
  const all = [...bridges, ...anyAddresses(interfaces)];
  return [...new Set([...all, "127.0.0.1"])].map((address) => join(address, port));
}

/** IPv4 addresses of all networks of this machine. */
export function anyAddresses(interfaces: Interfaces): readonly string[] {
  return Object.values(interfaces).flatMap(usable);
}

/** The host of `advertise`; null for `auto`. */
export function advertisedHost(advertise: string): string | null {
  if (advertise === "auto") return null;
  return (hasPort(advertise) ? advertise.replace(/:\d+$/, "") : advertise).replace(/^\[|\]$/g, "");
}

function hasPort(value: string): boolean {
  return isIP(value) === 0 && /:\d+$/.test(value);
}

export function join(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
