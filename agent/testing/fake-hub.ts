/** For tests: a hub that speaks ARCHITECTURE.md's protocol, records every frame, and does what the test says. */
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Policy, PushedConfig } from "../session/wire.ts";
import { until } from "./until.ts";

export interface Received {
  readonly type: string;
  readonly payload: Payload;
  /** Which connection it came over: 1, 2, … */
  readonly connection: number;
}

/** Loose on purpose: a test says which fields it expects. */
export interface Payload {
  readonly taskId?: string;
  readonly epoch?: number;
  readonly state?: string;
  readonly success?: boolean;
  readonly seq?: number;
  readonly stream?: string;
  readonly data?: string;
  readonly encoding?: string;
  readonly offset?: number;
  readonly line?: number;
  readonly duration?: number;
  readonly credential?: boolean;
  readonly configHash?: string | null;
  readonly tasks?: readonly { readonly taskId: string; readonly epoch: number; readonly state: string }[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly result?: {
    readonly stdout: string;
    readonly stderr: string;
    readonly exitCode: number | null;
    readonly signal: string | null;
    readonly timedOut: boolean;
    readonly cancelled: boolean;
    readonly droppedBytes: number;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface HubOptions {
  /** Given out in the first hello after a join token. */
  readonly credential?: string;
  readonly config?: PushedConfig;
  readonly policy?: Partial<Policy>;
  readonly addresses?: readonly string[];
  /** Answer every response with `stored`; default true. */
  readonly stores?: boolean;
}

export const config = (fields: Partial<PushedConfig> = {}): PushedConfig => ({
  hash: "config-1",
  type: "tester",
  capabilities: [],
  labels: {},
  env: {},
  secrets: {},
  tasks: { concurrency: 1, sudo: false, user: "ubuntu" },
  ...fields,
});

export class FakeHub {
  readonly received: Received[] = [];
  readonly tokens: (string | undefined)[] = [];
  options: HubOptions;
  /** Called when a runtime has connected, before it says anything. */
  onConnection: () => void = () => {};
  port = 0;
  #server: WebSocketServer | null = null;
  #socket: WebSocket | null = null;

  constructor(options: HubOptions = {}) {
    this.options = options;
  }

  /** The second time on the port of the first. */
  async start(): Promise<void> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: this.port });
    await new Promise((resolve, reject) => server.once("listening", resolve).once("error", reject));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    server.on("connection", (socket, request) => {
      this.tokens.push(request.headers.authorization);
      this.#socket = socket;
      const connection = this.tokens.length;
      this.onConnection();
      socket.on("message", (data) => this.#frame(String(data), connection));
    });
  }

  #frame(text: string, connection: number): void {
    const { type, payload } = JSON.parse(text) as { readonly type: string; readonly payload: Payload };
    this.received.push({ type, payload, connection });
    const { credential, config, policy, stores, addresses } = this.options;
    if (type === "hello") {
      const joined = this.tokens.at(-1) === `Bearer ${credential}`;
      this.send("hello", {
        protocol: 1,
        ...(credential === undefined || joined ? {} : { credential }),
        ...(config === undefined || config.hash === payload.configHash ? {} : { config }),
        ...(addresses && { addresses }),
        policy: { heartbeatMs: 30_000, maxFrameBytes: 1_048_576, maxOutputBytes: 1_048_576, ...policy },
      });
    }
    if (type === "response" && stores !== false) this.confirm(payload);
  }

  confirm({ taskId, epoch }: Payload): void {
    this.send("ack", { taskId, epoch, stored: true });
  }

  send(type: string, payload: unknown): void {
    this.#socket?.send(
      JSON.stringify({ id: "x", from: "hub", to: "a", type, timestamp: Date.now(), payload }),
    );
  }

  task(taskId: string, fields: Readonly<Record<string, unknown>>, epoch = 1): void {
    this.send("task", { taskId, epoch, type: "exec", ...fields });
  }

  closeWith(code: number): void {
    this.#socket?.close(code);
  }

  /** Drops the connection without a close frame, and stops listening. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#socket = null;
    if (server === null) return;
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  }

  all(type: string, taskId?: string): readonly Payload[] {
    return this.received
      .filter((frame) => frame.type === type && (taskId === undefined || frame.payload.taskId === taskId))
      .map((frame) => frame.payload);
  }

  /** The first frame of that type for which `test` holds, from the past or to come. */
  async wait(
    type: string,
    test: (payload: Payload, connection: number) => boolean = () => true,
  ): Promise<Payload> {
    const find = () =>
      this.received.find((frame) => frame.type === type && test(frame.payload, frame.connection));
    return (await until(find, () => `${type}; got ${JSON.stringify(this.received.slice(-8))}`)).payload;
  }

  response(taskId: string, epoch = 1): Promise<Payload> {
    return this.wait("response", (payload) => payload.taskId === taskId && payload.epoch === epoch);
  }

  ack(taskId: string, state: string): Promise<Payload> {
    return this.wait("ack", (payload) => payload.taskId === taskId && payload.state === state);
  }
}
