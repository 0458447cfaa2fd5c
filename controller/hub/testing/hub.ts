/** What tests of hub and HTTP share: a clock that is moved by hand, a hub in a temporary folder, a runtime on a real socket. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";
import type { Clock } from "../../base/clock.ts";
import { type AnyEvent, createBus } from "../../base/events.ts";
import type { Store } from "../../store/store.ts";
import type { AgentConfig } from "../runtimes/agent.ts";
import { type Frame, parseFrame, type Payload } from "../runtimes/frames.ts";
import { createHub, type Hub } from "../hub.ts";
import type { Limits } from "../limits.ts";
import type { RuntimeBundle } from "../runtimes/upgrades.ts";

export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function testClock(start = 1_800_000_000_000): TestClock {
  let now = start;
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

/** Polls until the condition holds; fails with what it waited for. */
export async function until<T>(
  what: string,
  read: () => T | null | undefined | false,
  ms = 30_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = read();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export interface TestHub {
  readonly hub: Hub;
  readonly clock: TestClock;
  readonly events: AnyEvent[];
  readonly home: string;
  stop(): Promise<void>;
}

/** The store stays the caller's: it outlives the hub in tests of a restart. */
export async function startHub(
  store: Store,
  limits: Partial<Limits> = {},
  clock: TestClock = testClock(),
  runtime?: RuntimeBundle,
): Promise<TestHub> {
  const home = mkdtempSync(join(tmpdir(), "vm-agent-hub-"));
  const errors: unknown[] = [];
  const bus = createBus(clock.now, (error) => errors.push(error));
  const events: AnyEvent[] = [];
  bus.onAny((event) => void (event.name !== "message" && events.push(event)));
  const settings = { home, bind: "127.0.0.1", agentPort: 0, advertise: "auto", hostNames: [] };
  const hub = createHub({
    store,
    bus,
    clock,
    settings,
    limits: { sweep: 5, progressDelay: 5, ...limits },
    ...(runtime && { runtime }),
  });
  await hub.start();
  return {
    hub,
    clock,
    events,
    home,
    async stop() {
      await hub.stop(500);
      rmSync(home, { recursive: true, force: true });
      if (errors.length > 0) throw errors[0];
    },
  };
}

export function aConfig(more: Partial<AgentConfig> = {}): AgentConfig {
  return {
    hash: "config-1",
    type: "builder",
    capabilities: ["build"],
    labels: { team: "web" },
    env: {},
    secrets: { KEY: "very secret" },
    tasks: { concurrency: 1, sudo: false, user: "ubuntu" },
    offlineAfter: 90_000,
    size: { cpu: 1, memory: 1, disk: 1 },
    ...more,
  };
}

/** A runtime as the protocol wants it, whose every word the test speaks itself. */
export class TestRuntime {
  readonly frames: Frame[] = [];
  /** The same as they came. */
  readonly texts: string[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  /** HTTP status of a refused upgrade. */
  refused: number | null = null;
  readonly name: string;
  readonly #socket: WebSocket;
  #read = 0;

  constructor(url: string, name: string, headers: Readonly<Record<string, string>> = {}) {
    this.name = name;
    this.#socket = new WebSocket(url, { headers, perMessageDeflate: false });
    this.#socket.on("message", (data) => {
      this.texts.push(String(data));
      const frame = parseFrame(String(data));
      if (frame) this.frames.push(frame);
    });
    this.#socket.on("unexpected-response", (request, response) => {
      this.refused = response.statusCode ?? 0;
      request.destroy();
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  static current(hub: Hub, name: string, token: string): TestRuntime {
    const url = `ws://127.0.0.1:${hub.agentPort}/agent`;
    return new TestRuntime(url, name, { authorization: `Bearer ${token}`, "x-agent": name });
  }

  async opened(): Promise<this> {
    await until("the connection", () => this.#socket.readyState === WebSocket.OPEN);
    return this;
  }

  send(type: string, payload: Payload, to = "hub", id = "m"): void {
    this.sendText(JSON.stringify({ id, from: this.name, to, type, timestamp: 1, payload }));
  }

  /** A frame as text. */
  sendText(text: string): void {
    this.#socket.send(text);
  }

  /** Connects, says hello, and waits for the hub's. */
  async hello(nonce: string, more: Payload = {}): Promise<Payload> {
    await this.opened();
    this.send("hello", {
      protocol: [1],
      nonce,
      instanceId: this.name,
      bootId: "b",
      version: "1",
      tasks: [],
      ...more,
    });
    return (await this.next("hello")).payload;
  }

  /** The next frame of that type that was not read yet; the ones before it are passed over. */
  next(type: string): Promise<Frame> {
    return until(`a frame of type ${type}`, () => {
      const index = this.frames.findIndex((frame, i) => i >= this.#read && frame.type === type);
      if (index < 0) return null;
      this.#read = index + 1;
      return this.frames[index];
    });
  }

  accept(task: Frame, state: "accepted" | "running" = "accepted"): void {
    const { taskId, epoch } = task.payload;
    this.send("ack", { taskId, epoch, state });
  }

  /** A piece of a task's output; `more`: where it is no text of standard output. */
  print(task: Frame, seq: number, data: string, more: Payload = {}): void {
    const { taskId, epoch } = task.payload;
    this.send("output", {
      taskId,
      epoch,
      seq,
      stream: "stdout",
      data,
      encoding: "utf8",
      dropped: 0,
      ...more,
    });
  }

  answer(task: Frame, more: Payload = {}): void {
    const { taskId, epoch } = task.payload;
    const result = {
      stdout: "out",
      stderr: "",
      exitCode: 0,
      signal: null,
      timedOut: false,
      cancelled: false,
    };
    this.send("response", { taskId, epoch, success: true, result, duration: 1, ...more });
  }

  hasEnded(): Promise<{ readonly code: number; readonly reason: string }> {
    return until("the end of the connection", () => this.closed);
  }

  drop(): void {
    this.#socket.terminate();
  }
}

/** Enrols, connects and confirms: a runtime that is ready for tasks. */
export async function connected(
  hub: Hub,
  name: string,
  config: Partial<AgentConfig> = {},
): Promise<TestRuntime> {
  const token = await hub.enrol(name, `nonce of ${name}`);
  hub.configure(name, aConfig(config));
  const runtime = TestRuntime.current(hub, name, token);
  await runtime.hello(`nonce of ${name}`, { configHash: "config-1" });
  runtime.send("ack", { credential: true });
  await until("the confirmation", () => hub.store.credentials.get(name)?.pendingHash === null);
  return runtime;
}
