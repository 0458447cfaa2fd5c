/**
 * One connection of a runtime, from the upgrade to its end. There are thousands, most of them silent: each keeps one
 * record, and all share the same listeners.
 */
import { type RawData, WebSocket } from "ws";
import type { Bus } from "../../base/events.ts";
import type { Agent } from "./agent.ts";
import type { Connection } from "./connection.ts";
import type { Deadlines } from "./deadlines.ts";
import { CLOSE, type Frame, readFrame } from "./frames.ts";
import type { Limits } from "../limits.ts";
import type { Registry } from "./registry.ts";
import type { Session } from "./session.ts";

export interface RuntimeConnectionDeps {
  readonly bus: Bus;
  readonly limits: Limits;
  readonly registry: Registry;
  /** Connections that have not said hello. */
  readonly waiting: Deadlines<RuntimeConnection>;
  readonly onError: (error: unknown) => void;
  readonly onEnd: (runtimeConnection: RuntimeConnection, code: number) => void;
}

/** The cost of one value of a frame, in bytes: 50,000 of them take as long as 3 MB of text. */
const VALUE_BYTES = 64;
const REFUSED = { ok: false, reason: "a frame is one JSON text with a type" } as const;

/** The class that `ws` instantiates for each upgrade. */
export class RuntimeSocket extends WebSocket {
  runtimeConnection: RuntimeConnection | null = null;
}

export class RuntimeConnection {
  readonly socket: RuntimeSocket;
  readonly agent: Agent;
  readonly connection: Connection;
  readonly #session: Session;
  readonly #deps: RuntimeConnectionDeps;
  #state: "waiting" | "handshake" | "ready" = "waiting";
  #refused = false;
  /** Frames buffered while the handshake writes to the disk. */
  #early: Frame[] | null = null;

  constructor(socket: RuntimeSocket, agent: Agent, session: Session, deps: RuntimeConnectionDeps) {
    this.socket = socket;
    this.agent = agent;
    this.connection = session.connection;
    this.#session = session;
    this.#deps = deps;
    deps.waiting.add(this);
    socket.runtimeConnection = this;
    socket.on("message", onMessage);
    socket.on("ping", onPing);
    socket.on("pong", onPong);
    // Oversized and malformed frames: ws closes the connection by itself.
    socket.on("error", ignore);
    socket.on("close", onClose);
  }

  /** A first-generation client does not speak first. */
  greet(): void {
    this.#shake(this.#session.greet().then(() => true));
  }

  late(): void {
    const { limits } = this.#deps;
    this.connection.close(CLOSE.protocolError, `no hello within ${limits.helloDeadline} ms`);
    // A peer that says no hello need not answer a close either.
    setTimeout(() => this.connection.terminate(), limits.connectionsCheck).unref();
  }

  displaced(): void {
    this.connection.close(CLOSE.replaced, "newer connections of this agent owe their hello, too");
    setTimeout(() => this.connection.terminate(), this.#deps.limits.connectionsCheck).unref();
  }

  message(data: Buffer, binary: boolean): void {
    const { bus, limits } = this.#deps;
    // Frames that were read together with a refused one still arrive.
    const read = this.#refused || binary ? REFUSED : readFrame(data.toString());
    // Values cost parsing time beyond their bytes.
    this.heard(data.length + (read.ok ? read.values * VALUE_BYTES : 0));
    if (!read.ok) {
      this.#refused = true;
      this.connection.close(CLOSE.protocolError, read.reason);
      return;
    }
    const { frame } = read;
    bus.emit("message", { type: frame.type, direction: "in", agent: this.agent.id, bytes: data.length });
    if (this.#state === "ready") this.#session.frame(frame);
    else if (this.#state === "handshake") {
      this.#early ??= [];
      if (this.#early.push(frame) > limits.maxFramesBeforeReady)
        this.connection.close(CLOSE.protocolError, "too many frames at once");
    } else if (frame.type === "hello") this.#shake(this.#session.hello(frame.payload));
    else this.connection.close(CLOSE.protocolError, "the first frame is a hello");
  }

  /** Counts input. A sender above its share is read more slowly, so that the others are served; nothing is lost. */
  heard(bytes: number): void {
    const { socket } = this;
    const wait = this.agent.throttle.take(bytes, performance.now(), this.#deps.limits);
    // Frames that were read together with it still arrive, and lengthen the next pause.
    if (wait === 0 || socket.isPaused) return;
    socket.pause();
    setTimeout(resume, Math.ceil(wait), socket);
  }

  seen(): void {
    this.#deps.registry.seen(this.agent);
  }

  ended(code: number): void {
    this.#deps.waiting.remove(this);
    this.connection.ready = false;
    this.#deps.onEnd(this, code);
  }

  #shake(handshake: Promise<boolean>): void {
    this.#state = "handshake";
    this.#deps.waiting.remove(this);
    handshake.then(
      (ok) => {
        if (!ok) return;
        this.#state = "ready";
        const early = this.#early ?? [];
        this.#early = null;
        for (const frame of early) this.#session.frame(frame);
      },
      (error: unknown) => {
        this.#deps.onError(error);
        this.connection.close(CLOSE.restart, "the hub could not write; try again");
      },
    );
  }
}

function onMessage(this: WebSocket, data: RawData, binary: boolean): void {
  (this as RuntimeSocket).runtimeConnection?.message(data as Buffer, binary);
}

function onPing(this: WebSocket, data: Buffer): void {
  (this as RuntimeSocket).runtimeConnection?.heard(data.length);
}

function onPong(this: WebSocket, data: Buffer): void {
  const { runtimeConnection } = this as RuntimeSocket;
  runtimeConnection?.heard(data.length);
  runtimeConnection?.seen();
}

function onClose(this: WebSocket, code: number): void {
  (this as RuntimeSocket).runtimeConnection?.ended(code);
}

function ignore(): void {}

function resume(socket: RuntimeSocket): void {
  socket.resume();
}
