/** The outgoing side of a runtime's WebSocket: bounded buffer, counted bytes. */
import type { WebSocket } from "ws";
import type { Bus } from "../../base/events.ts";
import type { Limits } from "../limits.ts";
import type { Random } from "../random.ts";

export interface ConnectionDeps {
  readonly bus: Bus;
  readonly random: Random;
  readonly now: () => number;
  readonly limits: Limits;
}

export class Connection {
  readonly agent: string;
  readonly address: string;
  /** Set for a client that knows only first-generation types; a hello makes it a current one. */
  firstGeneration: boolean;
  /** True once tasks may be written to it. */
  ready = false;
  /** Set by any frame and any pong, cleared by each ping. */
  alive = true;
  readonly #socket: WebSocket;
  readonly #deps: ConnectionDeps;

  constructor(
    agent: string,
    address: string,
    socket: WebSocket,
    firstGeneration: boolean,
    deps: ConnectionDeps,
  ) {
    this.agent = agent;
    this.address = address;
    this.firstGeneration = firstGeneration;
    this.#socket = socket;
    this.#deps = deps;
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** False: the connection is closed or too slow (then it is cut); the caller sends again on the next one. */
  send(type: string, payload: unknown, from = "hub"): boolean {
    const { random, now } = this.#deps;
    return this.sendText(
      type,
      JSON.stringify({ id: random.uuid(), from, to: this.agent, type, timestamp: now(), payload }),
    );
  }

  /** A whole frame as text. */
  sendText(type: string, text: string): boolean {
    if (!this.open) return false;
    if (this.#socket.bufferedAmount > this.#deps.limits.maxBufferedBytes) {
      this.#socket.terminate();
      return false;
    }
    this.#socket.send(text);
    this.#deps.bus.emit("message", { type, direction: "out", agent: this.agent, bytes: text.length });
    return true;
  }

  /** Sends a ping; false: the last one got no answer, and the connection is cut. */
  ping(): boolean {
    if (!this.alive) {
      this.#socket.terminate();
      return false;
    }
    this.alive = false;
    if (this.open) this.#socket.ping();
    return true;
  }

  close(code: number, reason: string): void {
    this.ready = false;
    // The protocol allows 123 bytes of reason.
    this.#socket.close(code, reason.slice(0, 120));
  }

  terminate(): void {
    this.ready = false;
    this.#socket.terminate();
  }
}
