/**
 * The WebSocket door for runtimes: a ladder of guards before a byte of the body is read, then the handshake.
 *
 * path -> method -> Host -> Origin -> token (failures are throttled) -> room -> upgrade -> hello within its deadline -> session
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, WebSocketServer } from "ws";
import { isReservedName } from "../../../schemas/reserved-names.ts";
import type { Bus } from "../../base/events.ts";
import type { Agent } from "./agent.ts";
import type { RuntimeAuth } from "../auth/auth.ts";
import type { AuthReports } from "../auth/reports.ts";
import { Connection, type ConnectionDeps } from "./connection.ts";
import type { ConnectionAdmission } from "./connection-admission.ts";
import type { Deadlines } from "./deadlines.ts";
import { CLOSE } from "./frames.ts";
import { createHelloDeadlines } from "./hello-deadlines.ts";
import { hostAllowed } from "../auth/hosts.ts";
import type { Limits } from "../limits.ts";
import type { Lockout } from "../auth/lockout.ts";
import type { Registry } from "./registry.ts";
import { type Entry, Session, type SessionDeps } from "./session.ts";
import { RuntimeSocket, RuntimeConnection, type RuntimeConnectionDeps } from "./runtime-connection.ts";

export interface AgentSocketDeps {
  readonly admission: ConnectionAdmission;
  readonly auth: RuntimeAuth;
  readonly bus: Bus;
  readonly connection: ConnectionDeps;
  readonly limits: Limits;
  readonly lockout: Lockout;
  readonly registry: Registry;
  readonly reports: AuthReports;
  readonly session: SessionDeps;
  /** Names under which this hub may be called; addresses need no entry. */
  readonly hostNames: () => readonly string[];
  readonly onDisconnected: (agent: Agent, connection: Connection, code: number) => void;
}

interface Asked {
  readonly agent: string;
  readonly token: string;
  readonly firstGeneration: boolean;
}

/** A presented name is shown and kept only if it is a valid one: it may be a token. */
const COULD_BE_A_NAME = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/i;

type Refusal = { readonly status: number; readonly reason: string; readonly retryAfter?: number };

export class AgentSocket {
  readonly #deps: AgentSocketDeps;
  readonly #server: WebSocketServer;
  readonly #sockets = new Set<RuntimeSocket>();
  readonly #waiting: Deadlines<RuntimeConnection>;
  readonly #connectionDeps: RuntimeConnectionDeps;

  constructor(deps: AgentSocketDeps) {
    this.#deps = deps;
    // `closeTimeout` is missing in the types of ws 8.
    const options: ServerOptions<typeof RuntimeSocket> & { readonly closeTimeout: number } = {
      noServer: true,
      maxPayload: deps.limits.maxFrameBytes,
      perMessageDeflate: false,
      clientTracking: false,
      closeTimeout: deps.limits.closeDeadline,
      WebSocket: RuntimeSocket,
    };
    this.#server = new WebSocketServer(options);
    const { bus, limits, registry, onDisconnected, session } = deps;
    this.#waiting = createHelloDeadlines(limits);
    this.#connectionDeps = {
      bus,
      limits,
      registry,
      waiting: this.#waiting,
      onError: session.onError,
      onEnd: ({ socket, agent, connection }, code) => {
        this.#sockets.delete(socket);
        onDisconnected(agent, connection, code);
      },
    };
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** For the `upgrade` event of any of our HTTP servers. */
  readonly handleUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", destroy);
    const asked = readAsked(request);
    const verdict = this.#judge(request, asked);
    if ("status" in verdict) {
      refuseUpgrade(socket, verdict);
      return;
    }
    // At once, or never: then the handshake itself was wrong, and ws has answered.
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off("error", destroy);
      this.#open(webSocket as RuntimeSocket, asked as Asked, verdict, address(request));
    });
  };

  /** Asks all runtimes to reconnect later, and cuts those that do not close in time. */
  async close(deadline: number): Promise<void> {
    for (const socket of this.#sockets) socket.close(CLOSE.restart, "the hub is stopping");
    if (this.#sockets.size > 0) {
      const gone = Promise.all(
        [...this.#sockets].map((socket) => new Promise((done) => socket.once("close", done))),
      );
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((done) => {
        timer = setTimeout(done, deadline);
      });
      await Promise.race([gone, late]);
      clearTimeout(timer);
    }
    for (const socket of this.#sockets) socket.terminate();
    this.#server.close();
  }

  #judge(request: IncomingMessage, asked: Asked | null): Refusal | Entry {
    const { admission, auth, limits, hostNames } = this.#deps;
    if (asked === null) return { status: 404, reason: "runtimes connect to /agent" };
    if (request.method !== "GET") return { status: 405, reason: "an upgrade is a GET" };
    if (!hostAllowed(request.headers.host, hostNames()))
      return { status: 403, reason: "this Host is not this hub" };
    // Runtimes are no browsers; a request with an Origin comes from a web page.
    if (request.headers.origin !== undefined) return { status: 403, reason: "browsers are not admitted" };
    if (asked.agent === "" || asked.token === "")
      return { status: 401, reason: "agent name and token are required" };
    const admitted = auth.admit(asked.agent, asked.token);
    if (!admitted.ok) return this.#refuseToken(address(request), asked.agent, admitted.reason);
    const barred = this.#barred(asked, admitted.nonce);
    if (barred !== null) return { status: 403, reason: barred };
    const hasRoom =
      admission.authenticated(request.socket, "runtime") && this.#waiting.size < limits.maxPreAuthConnections;
    if (!hasRoom) return { status: 503, reason: "too many connections", retryAfter: 5 };
    return {
      nonce: admitted.nonce,
      renew: admitted.renew,
      pending: admitted.pending,
    };
  }

  /** Why a valid credential is refused; shown with the agent (`refused`). */
  #barred({ agent: name, firstGeneration }: Asked, nonce: string): string | null {
    let code: string;
    let reason: string;
    if (isReservedName(name)) {
      code = "agent-name-reserved";
      reason = `"${name}" is a name that the hub uses itself: give the agent another name, and remove this one by vm-agent destroy ${name} or DELETE /agents/${name}`;
    } else if (firstGeneration && nonce !== "") {
      code = "first-generation-path";
      reason =
        "/agent/ID/TOKEN is for agents that registered by POST /agents/register: connect to /agent with a hello";
    } else return null;
    const agent = this.#deps.registry.get(name);
    if (agent) agent.refused = { at: this.#deps.session.clock.now(), code, instanceId: name, reason };
    return reason;
  }

  /** One answer for all reasons, so that it gives no hint. */
  #refuseToken(from: string, agent: string, reason: string): Refusal {
    const { limits, lockout, reports } = this.#deps;
    const inNameOf = COULD_BE_A_NAME.test(agent) ? agent : undefined;
    const isKnown = reason !== "unknown-agent";
    // Unknown names are counted together, because there is no limit to them.
    const source = isKnown ? `runtime ${from} ${agent}` : `runtime ${from}`;
    reports.failed(
      {
        surface: "runtime",
        address: from,
        ...(inNameOf && { inNameOf }),
        ...(!isKnown && { unknownName: true }),
      },
      source,
    );
    const keys = [`runtime ${from} ${agent}`, `runtime ${from}`] as const;
    const wait = Math.max(lockout.locked(keys[0]), lockout.locked(keys[1]));
    if (wait > 0) return { status: 429, reason: "too many wrong tokens", retryAfter: Math.ceil(wait / 1000) };
    lockout.fail(keys[0]);
    lockout.fail(keys[1], limits.authFailuresAnyName);
    return { status: 401, reason: "not authorised" };
  }

  /** Nothing here may reference the request: it would stay in memory as long as the connection. */
  #open(socket: RuntimeSocket, asked: Asked, entry: Entry, from: string): void {
    const { registry, connection: deps, session: sessionDeps } = this.#deps;
    this.#sockets.add(socket);
    const agent = registry.ensure(asked.agent);
    const connection = new Connection(agent.id, from, socket, asked.firstGeneration, deps);
    const runtimeConnection = new RuntimeConnection(
      socket,
      agent,
      new Session(agent, connection, entry, sessionDeps),
      this.#connectionDeps,
    );
    if (asked.firstGeneration) runtimeConnection.greet();
  }
}

function destroy(this: Duplex): void {
  this.destroy();
}

/** `/agent` with headers, or the first generation's `/agent/:id/:token`; null: neither. */
function readAsked(request: IncomingMessage): Asked | null {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  if (path === "/agent" || path === "/agent/") {
    const name = request.headers["x-agent"];
    const [scheme, token] = (request.headers.authorization ?? "").split(" ", 2);
    const bearer = scheme?.toLowerCase() === "bearer" ? (token ?? "") : "";
    return { agent: typeof name === "string" ? name : "", token: bearer, firstGeneration: false };
  }
  const match = /^\/agent\/([^/]{1,128})\/([^/]{1,256})$/.exec(path);
  if (!match) return null;
  try {
    const [, agent = "", token = ""] = match.map(decodeURIComponent);
    return { agent, token, firstGeneration: true };
  } catch {
    return null;
  }
}

export function address(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? "unknown").replace(/^::ffff:/, "");
}

const PHRASES: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

function refuseUpgrade(socket: Duplex, { status, reason, retryAfter }: Refusal): void {
  const body = `${reason}\n`;
  const head = [
    `HTTP/1.1 ${status} ${PHRASES[status] ?? "Refused"}`,
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
  ];
  // Without it a client that does not close its end keeps the descriptor for ever.
  socket.once("finish", destroy);
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
