/**
 * Connection admission: bounds the connections of all ports of this process together, below its descriptor limit.
 *
 * Like a SYN cache, it makes room by closing the oldest connection that has presented no valid token, of the address that has
 * the most of them. Refusing new ones instead would let whoever fills the table keep the operator out. A connection that has
 * presented a valid token is never closed here.
 */
import type { Socket } from "node:net";
import type { Limits } from "../limits.ts";

export type Holder = "operator" | "runtime";

interface Entry {
  readonly socket: Socket;
  readonly address: string;
  holder: Holder | null;
}

export interface ConnectionBudget {
  /** All connections: what the descriptor limit leaves beside the reserve. */
  readonly all: number;
  /** Without a valid token, all addresses together, and from one address: these are closed when room is needed. */
  readonly unauthenticated: number;
  readonly perAddress: number;
  readonly operator: number;
  readonly runtimes: number;
}

/** How the file descriptors of this process are divided. */
export function connectionBudget(descriptors: number, limits: Limits): ConnectionBudget {
  // With a very low limit most descriptors still go to connections.
  const all = descriptors - Math.min(limits.descriptorReserve, Math.floor(descriptors / 4));
  const operator = Math.min(limits.maxHttpConnections, Math.floor(all / 4));
  // Always left for connections that have not presented their token yet.
  const arriving = Math.floor(all / 8);
  return {
    all,
    unauthenticated: Math.min(limits.maxPreAuthConnections, all),
    perAddress: Math.min(limits.maxPreAuthPerAddress, Math.ceil((all * 3) / 4)),
    operator,
    runtimes: Math.min(limits.maxConnections, all - operator - arriving),
  };
}

export class ConnectionAdmission {
  readonly budget: ConnectionBudget;
  /** Keyed by both ends of the connection: a TLS socket and the one below it are the same connection. */
  readonly #entries = new Map<string, Entry>();
  /** Connections without a valid token by address, the oldest first. */
  readonly #unauthenticated = new Map<string, Set<Entry>>();
  readonly #counts = { unauthenticated: 0, operator: 0, runtime: 0 };

  constructor(budget: ConnectionBudget) {
    this.budget = budget;
  }

  get counts(): Readonly<Record<Holder | "unauthenticated", number>> {
    return this.#counts;
  }

  /** For the `connection` event of a server. */
  readonly accept = (socket: Socket): void => {
    const key = keyOf(socket);
    // Already closed by the other end.
    if (key === null) return;
    const entry: Entry = { socket, address: socket.remoteAddress ?? "", holder: null };
    this.#entries.set(key, entry);
    this.#wait(entry);
    socket.once("close", () => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      this.#leave(entry);
    });
    this.#makeRoom(entry.address);
  };

  /** The connection has presented a valid token. False: its holder has more connections than its share. */
  authenticated(socket: Socket, holder: Holder): boolean {
    const key = keyOf(socket);
    const entry = key === null ? undefined : this.#entries.get(key);
    if (entry && entry.holder !== holder) {
      this.#leave(entry);
      entry.holder = holder;
      this.#counts[holder] += 1;
    }
    return this.#counts[holder] <= (holder === "operator" ? this.budget.operator : this.budget.runtimes);
  }

  #makeRoom(address: string): void {
    const { all, unauthenticated, perAddress } = this.budget;
    if ((this.#unauthenticated.get(address)?.size ?? 0) > perAddress) this.#closeOldest(address);
    if (this.#counts.unauthenticated > unauthenticated || this.#entries.size > all)
      this.#closeOldest(this.#busiest());
  }

  #closeOldest(address: string): void {
    const oldest = this.#unauthenticated.get(address)?.values().next().value;
    if (oldest === undefined) return;
    // At once, and not when its `close` is reported: the next connection counts the open ones.
    this.#leave(oldest);
    oldest.socket.destroy();
  }

  #busiest(): string {
    let busiest = "";
    let most = 0;
    for (const [address, { size }] of this.#unauthenticated)
      if (size > most) [busiest, most] = [address, size];
    return busiest;
  }

  #wait(entry: Entry): void {
    const waiting = this.#unauthenticated.get(entry.address) ?? new Set();
    this.#unauthenticated.set(entry.address, waiting.add(entry));
    this.#counts.unauthenticated += 1;
  }

  #leave(entry: Entry): void {
    const waiting = this.#unauthenticated.get(entry.address);
    if (waiting?.delete(entry)) {
      this.#counts.unauthenticated -= 1;
      if (waiting.size === 0) this.#unauthenticated.delete(entry.address);
    } else if (entry.holder !== null) {
      this.#counts[entry.holder] -= 1;
      entry.holder = null;
    }
  }
}

function keyOf({ remoteAddress, remotePort, localPort }: Socket): string | null {
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort} ${localPort}`;
}
