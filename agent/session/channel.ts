/** The connection to the hub: finds it, keeps it, detects a dead one, and reconnects with backoff. */
import WebSocket from "ws";
import { type Bounds, DEFAULT_BOUNDS, delayAfter, type Ending, worst } from "./backoff.ts";
import { errorMessage } from "../host/files.ts";
import type { Log } from "../host/log.ts";
import { pinnedConnection, splitPin } from "./pinned.ts";
import { CLOSE } from "./wire.ts";

/** Addresses and tokens; read again for every round, since settings and gateway may have changed. */
export interface Route {
  readonly urls: readonly string[];
  /** Credential first, then the join token, as far as there are any. */
  readonly tokens: readonly string[];
  readonly agent: string;
  readonly ca: string | null;
}

export interface ChannelDeps {
  readonly route: () => Route;
  readonly opened: () => void;
  readonly received: (text: string) => void;
  readonly closed: () => void;
  readonly log: Log;
  readonly random?: () => number;
}

const CONNECT_MS = 10_000;
/** After this long without an answer the next address is tried in parallel. */
const STAGGER_MS = 500;
/** From an open connection to the hub's hello. */
const HELLO_MS = 15_000;
const WATCH_MS = 5_000;
/** Silence after which we ping, and after which the connection counts as dead (a half-open TCP connection). */
const PING_AFTER_MS = 20_000;
const DEAD_AFTER_MS = 45_000;
/** After a suspend or a clock jump the peer has so long to answer a ping. */
const PROBE_MS = 5_000;
/** Largest frame that is read: a `file:write` of some megabytes. */
const MAX_INCOMING = 16 * 2 ** 20;
/** Beyond so much unsent data output is kept back. */
const CONGESTED_BYTES = 1_048_576;

/** Addresses tried in parallel: the first connection that opens wins. */
interface Race {
  winner: string | null;
  readonly sockets: Set<WebSocket>;
}

export class Channel {
  readonly #deps: ChannelDeps;
  readonly #random: () => number;
  #socket: WebSocket | null = null;
  #established = false;
  #attempt = 0;
  #bounds: Bounds = DEFAULT_BOUNDS;
  #stopped = false;
  #wake: () => void = () => {};
  #heard = 0;
  #race: Race = { winner: null, sockets: new Set() };

  constructor(deps: ChannelDeps) {
    this.#deps = deps;
    this.#random = deps.random ?? Math.random;
  }

  /** Resolves after `stop`. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const ending = await this.#round();
      if (this.#stopped) return;
      const delay = delayAfter(ending, this.#attempt, this.#random(), this.#bounds);
      this.#attempt += 1;
      this.#deps.log.info(`next attempt in ${(delay / 1000).toFixed(1)} s`);
      await this.#pause(delay);
    }
  }

  /** The hub has accepted our hello: the next delay starts from the shortest again, within the hub's bounds. */
  established(bounds: Bounds): void {
    this.#established = true;
    this.#bounds = bounds;
    this.#attempt = 0;
  }

  /** False when the frame was not handed to an open connection. */
  send(text: string): boolean {
    const socket = this.#socket;
    if (socket === null || socket.readyState !== WebSocket.OPEN) return false;
    socket.send(text);
    return true;
  }

  /** Resolves when the operating system has taken the frame; false when the connection was lost before. */
  sent(text: string): Promise<boolean> {
    const socket = this.#socket;
    if (socket === null || socket.readyState !== WebSocket.OPEN) return Promise.resolve(false);
    return new Promise((resolve) => socket.send(text, (error) => resolve(!error)));
  }

  get congested(): boolean {
    return (this.#socket?.bufferedAmount ?? 0) > CONGESTED_BYTES;
  }

  close(code: number, reason: string): void {
    this.#socket?.close(code, reason);
  }

  /** Ends a pause between attempts. */
  hurry(): void {
    this.#attempt = 0;
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    const socket = this.#socket;
    for (const pending of this.#race.sockets) if (pending !== socket) pending.terminate();
    if (socket === null) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.terminate(), 1_000);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      if (socket.readyState === WebSocket.CLOSED) resolve();
      else socket.close(1001, "the runtime stops");
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Tries every address; where the first that opens refuses us or stays silent, the others again. */
  async #round(): Promise<Ending> {
    let result: Ending = { closeCode: null, httpStatus: null };
    const route = this.#readRoute();
    if (route === null) return result;
    if (route.tokens.length === 0) this.#deps.log.error("there is neither a credential nor a join token");
    let urls = route.urls;
    while (urls.length > 0) {
      this.#race = { winner: null, sockets: new Set() };
      const ending = await this.#fastest(urls, route);
      if (this.#stopped || this.#established) return ending;
      result = worst(result, ending);
      const { winner } = this.#race;
      if (winner === null) break;
      urls = urls.filter((url) => url !== winner);
    }
    return result;
  }

  /** The addresses in their order, each a moment after the one before it, or as soon as that one has failed. */
  async #fastest(urls: readonly string[], route: Route): Promise<Ending> {
    const race = this.#race;
    const endings: Promise<Ending>[] = [];
    for (const url of urls) {
      if (race.winner !== null || this.#stopped) break;
      const ending = this.#lane(url, route);
      endings.push(ending);
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, STAGGER_MS);
      });
      await Promise.race([ending, patience]);
      clearTimeout(timer);
    }
    return (await Promise.all(endings)).reduce(worst, { closeCode: null, httpStatus: null });
  }

  /** One address: where the first token is refused, the second. */
  async #lane(url: string, route: Route): Promise<Ending> {
    let result: Ending = { closeCode: null, httpStatus: null };
    for (const token of route.tokens) {
      const { winner } = this.#race;
      if (this.#stopped || (winner !== null && winner !== url)) break;
      const ending = await this.#connect(url, token, route);
      if (this.#stopped || (this.#race.winner === url && this.#established)) return ending;
      result = worst(result, ending);
      if (ending.closeCode !== CLOSE.unauthorised && ending.httpStatus !== 401) break;
    }
    return result;
  }

  #readRoute(): Route | null {
    try {
      return this.#deps.route();
    } catch (error) {
      this.#deps.log.error(errorMessage(error));
      return null;
    }
  }

  #connect(url: string, token: string, route: Route): Promise<Ending> {
    const { log, opened, received, closed } = this.#deps;
    const race = this.#race;
    this.#established = false;
    return new Promise((resolve) => {
      let httpStatus: number | null = null;
      let watch: NodeJS.Timeout | null = null;
      let isOpen = false;
      const { address, pin } = splitPin(url);
      const socket = new WebSocket(address, {
        headers: { Authorization: `Bearer ${token}`, "X-Agent": route.agent },
        handshakeTimeout: CONNECT_MS,
        maxPayload: MAX_INCOMING,
        perMessageDeflate: false,
        followRedirects: false,
        ...(route.ca === null ? {} : { ca: route.ca }),
        ...(pin === null ? {} : { createConnection: pinnedConnection(pin) as never }),
      });
      race.sockets.add(socket);
      let hello: NodeJS.Timeout | undefined;
      socket.on("open", () => {
        if (this.#stopped || (race.winner !== null && race.winner !== url)) return socket.terminate();
        isOpen = true;
        race.winner = url;
        this.#socket = socket;
        for (const other of race.sockets) if (other !== socket) other.terminate();
        hello = setTimeout(() => {
          if (!this.#established) socket.terminate();
        }, HELLO_MS);
        this.#heard = performance.now();
        watch = this.#watch(socket);
        log.info(`connected to ${address}`);
        opened();
      });
      socket.on("message", (data, isBinary) => {
        this.#heard = performance.now();
        if (isBinary) socket.close(CLOSE.protocolError, "frames are text");
        else received(String(data));
      });
      socket.on("ping", () => {
        this.#heard = performance.now();
      });
      socket.on("pong", () => {
        this.#heard = performance.now();
      });
      socket.on("unexpected-response", (_request, response) => {
        httpStatus = response.statusCode ?? null;
        // Ending the request alone ends nothing here: once an answer has begun, no event of it follows.
        socket.terminate();
        log.warn(`${address} answered ${httpStatus}`);
      });
      socket.on("error", (error) => {
        const lost = race.winner !== null && race.winner !== url;
        if (httpStatus === null && !lost) log.warn(`${address}: ${error.message}`);
      });
      socket.on("close", (code, reason) => {
        clearTimeout(hello);
        if (watch !== null) clearInterval(watch);
        race.sockets.delete(socket);
        if (this.#socket === socket) this.#socket = null;
        if (isOpen) {
          log.warn(`connection closed: ${code} ${String(reason)}`.trimEnd());
          closed();
        }
        resolve({ closeCode: isOpen ? code : null, httpStatus });
      });
    });
  }

  /**
   * Time is measured by the monotonic clock. A tick that comes far too late, or a wall clock that moved without it,
   * means that the guest slept: the connection is then probed at once instead of after the usual silence.
   */
  #watch(socket: WebSocket): NodeJS.Timeout {
    let tick = performance.now();
    let wall = Date.now();
    const timer = setInterval(() => {
      const now = performance.now();
      const slept = now - tick > 3 * WATCH_MS || Math.abs(Date.now() - wall - (now - tick)) > 10_000;
      tick = now;
      wall = Date.now();
      if (slept) this.#heard = now - (DEAD_AFTER_MS - PROBE_MS) + 1;
      const diagnosis = now - this.#heard;
      if (diagnosis > DEAD_AFTER_MS) socket.terminate();
      else if (diagnosis > PING_AFTER_MS && socket.readyState === WebSocket.OPEN) socket.ping();
    }, WATCH_MS);
    timer.unref();
    return timer;
  }
}
