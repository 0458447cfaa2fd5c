/** Addresses of this machine and its private networks, and hosts allowed by an operator. Pure. */
import { BlockList, isIP } from "node:net";

/** IANA's special-purpose registries: everything that is not globally reachable. */
const PRIVATE: readonly (readonly [address: string, bits: number, family: "ipv4" | "ipv6"])[] = [
  ["0.0.0.0", 8, "ipv4"],
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["198.18.0.0", 15, "ipv4"],
  ["224.0.0.0", 3, "ipv4"],
  ["::", 127, "ipv6"],
  ["64:ff9b:1::", 48, "ipv6"],
  ["fc00::", 7, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["fec0::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
];

/** IPv4 inside IPv6: mapped, compatible, NAT64 and 6to4 addresses reach the IPv4 network. */
const EMBEDDED: typeof PRIVATE = [
  ["::ffff:0:0", 96, "ipv6"],
  ["::", 96, "ipv6"],
  ["64:ff9b::", 96, "ipv6"],
  ["2002::", 16, "ipv6"],
];

let known: { readonly addresses: BlockList; readonly embedded: BlockList } | undefined;

/** Created on first use: most commands never need it, and loading BlockList takes a millisecond. */
function privateLists() {
  // Two lists: Node finds every IPv4 address in a list that has the mapped ones.
  known ??= { addresses: listOf(PRIVATE), embedded: listOf(EMBEDDED) };
  return known;
}

function listOf(subnets: typeof PRIVATE): BlockList {
  const list = new BlockList();
  for (const [address, bits, family] of subnets) list.addSubnet(address, bits, family);
  return list;
}

/** Anything that is no address counts as private. So does an IPv6 form of an IPv4 address, which is not decoded. */
export function isPrivate(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  const { addresses, embedded } = privateLists();
  if (family === 4) return addresses.check(address, "ipv4");
  return addresses.check(address, "ipv6") || embedded.check(address, "ipv6");
}

/** `URL.hostname` has brackets around an IPv6 address, and may end with a dot. */
export const hostOf = (url: string): string => plainHost(new URL(url).hostname);

const plainHost = (host: string): string => host.toLowerCase().replace(/^\[|\]$|\.$/g, "");

/** Names are compared literally; an address, or a network such as 10.1.0.0/16, by its value. */
export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  const wanted = plainHost(host);
  const family = isIP(wanted);
  return allowed.some((entry) => {
    const [address = "", bits] = plainHost(entry).split("/");
    const kind = isIP(address);
    if (family === 0 || kind !== family) return kind === 0 && address === wanted;
    const list = new BlockList();
    const type = family === 4 ? "ipv4" : "ipv6";
    const most = family === 4 ? 32 : 128;
    const length = bits === undefined ? most : Number(bits);
    if (!Number.isInteger(length) || length < 0 || length > most) return false;
    list.addSubnet(address, length, type);
    return list.check(wanted, type);
  });
}
