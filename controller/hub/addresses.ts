/** At which addresses instances can reach the agent port. */
import { isIP } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

/** Bridges of Multipass and its back ends come first: the instances are on them. */
const BRIDGES = [/^mpqemubr/, /^mpbr/, /^bridge\d/, /^virbr/, /^lxdbr/, /^incusbr/, /^vEthernet/];

/**
 * `advertise`: `auto`, or host[:port] as written in `kind: Fleet`. With `auto` on a loopback bind only this machine's own
 * programs (the sandbox) can reach the hub, and the answer says so by being loopback.
 */
export function advertised(
  advertise: string,
  bind: string,
  port: number,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): readonly string[] {
  if (advertise !== "auto") return [hasPort(advertise) ? advertise : join(advertise, port)];
  const unspecified = bind === "0.0.0.0" || bind === "::";
  if (!unspecified) return [join(bind, port)];
  const found = Object.entries(interfaces)
    .flatMap(([name, list]) => (list ?? []).map((info) => ({ name, info })))
    .filter(({ info }) => info.family === "IPv4" && !info.internal)
    .map(({ name, info }) => ({ rank: BRIDGES.findIndex((b) => b.test(name)), address: info.address }))
    .sort((a, b) => (a.rank === -1 ? BRIDGES.length : a.rank) - (b.rank === -1 ? BRIDGES.length : b.rank));
  return [...found.map(({ address }) => join(address, port)), join("127.0.0.1", port)];
}

function hasPort(value: string): boolean {
  return isIP(value) === 0 && /:\d+$/.test(value);
}

function join(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
