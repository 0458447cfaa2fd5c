/** A fleet at a fixed moment, with one of everything that a dashboard has to show. */
import { emptyModel, type Model, reduce } from "../../client/model.ts";
import type { AgentView, FleetView, PlanView, TaskView } from "../../client/types.ts";
import { aFleet, anAgent, aPlan, drifted } from "../../web/testing/fleet.ts";
import type { World } from "../app/world.ts";

/** 2026-11-22 09:14:08 UTC. */
export const AT = Date.UTC(2026, 10, 22, 9, 14, 8);

/** The helpers of the page's tests speak of now; a golden file needs a fixed time. */
function at<T>(value: T, now = Date.now()): T {
  return JSON.parse(
    JSON.stringify(value, (_key, v: unknown) =>
      // Instants are the only numbers of that size.
      typeof v === "number" && v > 1.6e12 ? AT - Math.round((now - v) / 1000) * 1000 : v,
    ),
  ) as T;
}

const cache = (): AgentView =>
  anAgent("agent-cache", { type: "service", tasks: { running: 0, queued: 0 }, labels: {} });

const researcher = (): AgentView =>
  anAgent("agent-researcher", {
    type: "researcher",
    seen: "Starting",
    sync: "OutOfSync",
    health: "Progressing",
    ipv4: [],
    runtime: null,
    work: {
      action: "create",
      step: "launch",
      detail: "multipass launch 24.04",
      progress: "image 43 %",
      since: Date.now() - 40_000,
      stepSince: Date.now() - 38_000,
    },
  });

const held = (): AgentView =>
  anAgent("agent-tester-2", {
    type: "tester",
    wanted: "stopped",
    seen: "Stopped",
    sync: "Held",
    health: "Healthy",
    runtime: null,
    held: [
      {
        reason: "protected",
        message: "it is protected (protect: true)",
        release: "vm-agent apply --allow-delete agent-tester-2",
      },
    ],
  });

const failing = (): AgentView =>
  anAgent("agent-vermessung", {
    type: "builder",
    seen: "absent",
    sync: "OutOfSync",
    health: "Missing",
    ipv4: [],
    runtime: null,
    failure: {
      message: "launch failed: no image 26.04",
      next: "write another image",
      count: 3,
      retryAt: Date.now() + 64_000,
    },
  });

export function fleetAt(more: Partial<FleetView> = {}): FleetView {
  const agents = [
    anAgent("agent-builder", { tasks: { running: 1, queued: 0 }, sync: "OutOfSync" }),
    cache(),
    researcher(),
    { ...drifted("agent-tester-1"), type: "tester", tasks: { running: 0, queued: 3 } },
    held(),
    failing(),
  ];
  return at({ ...aFleet(agents), ...more, at: Date.now() });
}

export const planAt = (): PlanView => at(aPlan());

const task = (id: string, more: Partial<TaskView>): TaskView => ({
  id,
  agent: "agent-builder",
  type: "exec",
  state: "running",
  spec: { command: "npm test" },
  createdAt: AT - 180_000,
  startedAt: AT - 179_000,
  finishedAt: null,
  exitCode: null,
  error: null,
  droppedBytes: 0,
  ...more,
});

export const tasks: readonly TaskView[] = [
  task("0b6f1c1e-0000-4000-8000-00000000073a", {}),
  task("0b6f1c1e-0000-4000-8000-000000000739", {
    agent: "agent-cache",
    state: "failed",
    exitCode: 2,
    error: "exit code 2",
    spec: { command: "ls /nowhere" },
    createdAt: AT - 300_000,
    startedAt: AT - 300_000,
    finishedAt: AT - 299_600,
  }),
];

const EVENTS: readonly (readonly [string, number, Readonly<Record<string, unknown>>])[] = [
  [
    "command",
    50,
    {
      argv: ["multipass", "list", "--no-ipv4", "--format", "json"],
      durationMs: 240,
      exitCode: 0,
      failure: null,
    },
  ],
  ["observed", 50, { instances: 5, durationMs: 240, reason: null }],
  [
    "command",
    30,
    {
      argv: ["multipass", "launch", "24.04", "--name", "agent-vermessung", "--cloud-init", "-"],
      durationMs: 4100,
      exitCode: 2,
      failure: "no-image",
    },
  ],
  [
    "step.failed",
    29,
    { agent: "agent-vermessung", step: "launch", message: "no image 26.04", next: "", retryInMs: 93_000 },
  ],
  ["task.changed", 28, { taskId: tasks[0]?.id, agent: "agent-builder", state: "running", type: "exec" }],
  ["agent.drifted", 6, { agent: "agent-tester-1", message: "stopped outside vm-agent" }],
  ["step.started", 4, { agent: "agent-tester-1", step: "start", detail: "" }],
];

export function modelAt(fleet: FleetView | null = fleetAt()): Model {
  let model = emptyModel(AT - 60_000);
  model = reduce(model, { type: "live", now: AT - 60_000 });
  if (fleet) model = reduce(model, { type: "fleet", fleet, now: AT });
  EVENTS.forEach(([event, ago, data], i) => {
    model = reduce(model, {
      type: "event",
      event: { id: `1-${i}`, event, data: { ...data, at: AT - ago * 1000 } },
      now: AT,
    });
  });
  model = reduce(model, { type: "tasks", tasks });
  for (let i = 0; i < 12; i++) {
    const beat = (id: string, cpu: number, percent: number, disk: number) => ({
      id,
      lastHealthCheck: AT - (12 - i) * 30_000,
      registeredAt: AT - 3 * 86_400_000,
      health: { cpu, memory: { percent }, disk },
    });
    const agents = [beat("agent-builder", (i * 37) % 100, 40 + i * 2, 22), beat("agent-cache", 4, 18, 93)];
    model = reduce(model, { type: "health", agents });
  }
  return model;
}

export const worldAt = (more: Partial<World> = {}): World => ({
  model: modelAt(),
  plan: planAt(),
  planError: "",
  refused: "",
  output: null,
  log: null,
  document: null,
  own: false,
  stopping: false,
  where: "http://127.0.0.1:9091",
  hints: [],
  ...more,
});
