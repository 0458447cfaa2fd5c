/**
 * The agent port: one server on a configured address, or one on loopback and on each bridge to instances, as they
 * appear and disappear.
 */
import { inBackground } from "../../base/background.ts";
import { lookup } from "node:dns/promises";
import type { Server } from "node:http";
import { isIP } from "node:net";
import { toVmAgentError } from "../../base/errors.ts";
import { BIND_BRIDGES, type Interfaces, advertisedHost, anyAddresses, bridgeAddresses } from "./addresses.ts";
import { listen } from "../listen.ts";

export interface AgentPortDeps {
  /** A server that does not listen yet. */
  readonly make: () => Server;
  /** An address of this machine, or BIND_BRIDGES. */
  readonly bind: string;
  /** 0 picks one. */
  readonly port: number;
  readonly advertise: string;
  readonly interfaces: () => Interfaces;
  /** Milliseconds between two readings of the interfaces. */
  readonly every: number;
  /** After the first time: other addresses, or one that cannot be opened (reported once). */
  readonly changed: (problem: string | null) => void;
  readonly onError: (error: unknown) => void;
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

export interface AgentPort {
  readonly port: number;
  /** The open addresses. */
  hosts(): readonly string[];
  /** Reads the interfaces now instead of at the next interval. */
  look(): Promise<void>;
  /** Accepts no new connections; open ones stay. */
  close(): void;
  /** Also ends open connections. */
  cut(): void;
}

const LOOPBACK = "127.0.0.1";

/** Errors: `port-in-use`, `address-unavailable`, for the configured address, or for loopback. */
export async function openAgentPort(deps: AgentPortDeps): Promise<AgentPort> {
  const { make, bind, interfaces, changed, onError } = deps;
  const bridges = bind === BIND_BRIDGES;
  const servers = new Map<string, Server>();
  /** Includes closed ones, whose connections may still be open. */
  const all = new Set<Server>();
  const troubled = new Map<string, string>();
  let port = deps.port;
  let closed = false;
  let looking: Promise<void> | null = null;

  const open = async (host: string) => {
    const server = make();
    port = await listen(server, port, host);
    if (closed) server.close();
    servers.set(host, server);
    all.add(server);
  };
  /** Addresses to listen on; a configured address counts as far as it is this machine's. */
  const wanted = async (table: Interfaces): Promise<readonly string[]> => {
    const named = advertisedHost(deps.advertise);
    const written = named === null ? [] : await (deps.resolve ?? addressesOf)(named).catch(() => []);
    const mine = anyAddresses(table).filter((address) => written.includes(address));
    return [...new Set([LOOPBACK, ...bridgeAddresses(table), ...mine])];
  };
  const lookOnce = async () => {
    const hosts = await wanted(interfaces());
    let different = false;
    let problem: string | null = null;
    for (const [host, server] of servers) {
      if (hosts.includes(host)) continue;
      servers.delete(host);
      server.close();
      different = true;
    }
    for (const host of hosts) {
      if (closed || servers.has(host)) continue;
      try {
        await open(host);
        troubled.delete(host);
        different = true;
      } catch (error) {
        const { message, next } = toVmAgentError(error);
        if (troubled.get(host) !== message) problem = `${message}; ${next}`;
        troubled.set(host, message);
      }
    }
    for (const host of troubled.keys()) if (!hosts.includes(host)) troubled.delete(host);
    if (!closed && (different || problem !== null)) changed(problem);
  };
  const look = (): Promise<void> => {
    looking ??= lookOnce().finally(() => {
      looking = null;
    });
    return looking;
  };

  await open(bridges ? LOOPBACK : bind);
  const first = bridges ? look() : Promise.resolve();
  await first;
  const timer = bridges ? setInterval(() => inBackground(look(), onError), deps.every) : null;
  return {
    get port() {
      return port;
    },
    hosts: () => [...servers.keys()],
    look: async () => {
      if (bridges && !closed) await look();
    },
    close() {
      closed = true;
      if (timer) clearInterval(timer);
      for (const server of all) server.close();
    },
    cut() {
      for (const server of all) server.closeAllConnections();
    },
  };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  return (await lookup(host, { all: true, family: 4 })).map(({ address }) => address);
}
