/** A real hub with the page before it and a scripted fleet behind it; it can be stopped and come back on the same port. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../controller/base/clock.ts";
import { type Bus, createBus } from "../../../controller/base/events.ts";
import { createApp } from "../../../controller/http/app.ts";
import { type HttpServer, listenHttp } from "../../../controller/http/server.ts";
import { Streams } from "../../../controller/http/sse.ts";
import { page } from "../../../controller/http/resources/web.ts";
import { createHub, type Hub } from "../../../controller/hub/hub.ts";
import { createMemoryStore } from "../../../controller/store/memory/memory.ts";
import { createApi } from "../../client/api.ts";
import type { AgentView, FleetView, PlanView } from "../../client/types.ts";

export interface Stage {
  readonly url: string;
  readonly token: string;
  hub(): Hub;
  bus(): Bus;
  /** Replaces the answer of `GET /fleet` without an event. */
  show(fleet: FleetView): void;
  /** Replaces one agent of it. */
  put(agent: AgentView): void;
  plan: PlanView | null;
  /** Names of `POST /reconcile`, in order. */
  readonly reconciled: (readonly string[])[];
  /** Bodies of `POST /apply`, in order. */
  readonly applied: Readonly<Record<string, unknown>>[];
  /** Gives a task over HTTP, and tells its id. */
  submit(agent: string, task: Readonly<Record<string, unknown>>): Promise<string>;
  stopHub(): Promise<void>;
  startHub(): Promise<void>;
  close(): Promise<void>;
}

interface Running {
  readonly hub: Hub;
  readonly bus: Bus;
  readonly streams: Streams;
  readonly server: HttpServer;
}

export async function createStage(first: FleetView): Promise<Stage> {
  const home = await mkdtemp(join(tmpdir(), "vm-agent-page-"));
  const store = createMemoryStore();
  const applied: Readonly<Record<string, unknown>>[] = [];
  let fleet = first;
  let port = 0;
  let running: Running | null = null;

  const start = async (): Promise<void> => {
    const bus = createBus(systemClock.now);
    const hub = createHub({
      store,
      bus,
      clock: systemClock,
      settings: { home, bind: "127.0.0.1", agentPort: 0, advertise: "auto", hostNames: [] },
    });
    await hub.start();
    const streams = new Streams(hub.limits);
    const app = createApp({
      hub,
      streams,
      before: [page()],
      origins: () => [`http://127.0.0.1:${port}`],
      controller: {
        fleet: () => ({ ...fleet, at: Date.now() }),
        plan: async () => stage.plan,
        reconcile: async (names) => void stage.reconciled.push(names),
        apply: async (body) => {
          applied.push(body);
          return { accepted: true };
        },
      },
    });
    const server = await listenHttp({ app, hub, bind: "127.0.0.1", port });
    port = server.port;
    running = { hub, bus, streams, server };
  };
  const stop = async (): Promise<void> => {
    if (!running) return;
    const { hub, streams, server } = running;
    running = null;
    streams.closeAll();
    await server.stop(200);
    await hub.stop(500);
  };
  const now = (): Running => {
    if (!running) throw new Error("the hub is stopped");
    return running;
  };

  const stage: Stage = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    token: "",
    plan: null,
    applied,
    reconciled: [],
    hub: () => now().hub,
    bus: () => now().bus,
    show: (next) => {
      fleet = next;
    },
    put: (agent) => {
      fleet = { ...fleet, agents: fleet.agents.map((a) => (a.name === agent.name ? agent : a)) };
    },
    submit: async (agent, task) =>
      (await createApi({ url: stage.url, token: stage.token }).submitTask(agent, task)).taskId,
    startHub: start,
    stopHub: stop,
    async close() {
      await stop();
      await rm(home, { recursive: true, force: true });
    },
  };
  await start();
  return Object.assign(stage, { token: (await readFile(join(home, "operator-token"), "utf8")).trim() });
}
