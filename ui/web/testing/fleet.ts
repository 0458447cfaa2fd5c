/** A fleet of a test's own making, in the shape of `GET /fleet`, that the test changes as it likes. */
import type { AgentView, ChangeView, FleetView, HeldView, PlanView } from "../../client/types.ts";

const G = 1024 ** 3;
const now = (): number => Date.now();

const condition = (type: string, status: string, reason: string, message: string, ago: number) => ({
  type,
  status,
  reason,
  message,
  since: now() - ago,
  observedRevision: "3f2c1ab",
});

export function anAgent(name: string, more: Partial<AgentView> = {}): AgentView {
  return {
    name,
    document: name,
    type: "builder",
    labels: { team: "web" },
    capabilities: ["build", "docker"],
    wanted: "running",
    seen: "Running",
    size: { cpu: 2, memory: 4 * G, disk: 20 * G },
    seenSize: { cpu: 2, memory: 4 * G, disk: 20 * G },
    ipv4: ["10.1.2.7"],
    runtime: { status: "online", version: "0.1.0", lastSeen: now() - 11_000 },
    tasks: { running: 0, queued: 0 },
    snapshots: ["clean"],
    held: [],
    source: { file: `agents/${name.replace("agent-", "")}.yaml`, line: 3, column: 1 },
    sync: "Synced",
    health: "Healthy",
    conditions: [
      condition("Ready", "True", "RuntimeOnline", "it runs, and its runtime is online", 7_200_000),
      condition("Reconciling", "False", "AsDeclared", "there is nothing to do", 7_200_000),
      condition("Stalled", "False", "NotStalled", "nothing stands in the way", 7_200_000),
      condition("Drifted", "False", "NotDrifted", "no drift", 7_200_000),
    ],
    work: null,
    failure: null,
    ...more,
  };
}

/** Stopped from outside vm-agent, and being started again. */
export function drifted(name: string): AgentView {
  return anAgent(name, {
    seen: "Stopped",
    sync: "OutOfSync",
    health: "Offline",
    ipv4: [],
    runtime: { status: "offline", version: "0.1.0", lastSeen: now() - 95_000 },
    conditions: [
      condition("Ready", "False", "Stopped", "it is stopped, and should be running", 4000),
      condition("Reconciling", "True", "Start", "stopped outside vm-agent", 4000),
      condition("Stalled", "False", "NotStalled", "nothing stands in the way", 7_200_000),
      condition("Drifted", "True", "Start", "stopped outside vm-agent", 4000),
    ],
    work: {
      action: "start",
      step: "start",
      detail: "multipass start",
      progress: "",
      since: now() - 4000,
      stepSince: now() - 4000,
    },
  });
}

/** One agent in each state that a row can tell of, with words as long as they come. */
export function everyState(): readonly AgentView[] {
  return [
    anAgent("agent-builder", { tasks: { running: 1, queued: 12 } }),
    drifted("agent-tester"),
    anAgent("agent-tester-2", {
      wanted: "absent",
      sync: "Held",
      held: [
        {
          reason: "protected",
          message: "it is protected (protect: true)",
          release: "vm-agent apply --allow-delete agent-tester-2",
        },
      ],
    }),
    anAgent("agent-cache", {
      type: "service",
      seen: "absent",
      seenSize: null,
      runtime: null,
      ipv4: [],
      snapshots: null,
      sync: "OutOfSync",
      health: "Missing",
      failure: {
        message: "multipass launch: no space is left on the host's disk",
        next: "free some space, then vm-agent reconcile agent-cache",
        count: 3,
        retryAt: now() + 42_000,
      },
    }),
    anAgent("agent-researcher", {
      type: "researcher",
      sync: "Paused",
      health: "Degraded",
      notes: ["its image is older than a year"],
      conditions: [condition("Ready", "True", "DiskFull", "its disk is 97 % full", 50_000)],
    }),
    anAgent("agent-of-the-department-for-very-long-names-and-titles-1", {
      wanted: "suspended",
      seen: "Suspending",
      sync: "Unknown",
      health: "Progressing",
    }),
  ];
}

export function aFleet(agents: readonly AgentView[], more: Partial<FleetView> = {}): FleetView {
  return {
    at: now(),
    version: "0.1.0",
    fleet: "/home/me/project/fleet",
    revision: "3f2c1ab9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f",
    driver: { name: "multipass", version: "1.16.3", sandbox: false },
    errors: [],
    stale: false,
    guard: null,
    alerts: [],
    agents,
    foreign: 1,
    unobservable: null,
    counts: { create: 0, change: 0, destroy: 0, snapshot: 0, held: 0 },
    held: 0,
    failures: {},
    turns: 1,
    settled: true,
    ...more,
  };
}

export const aChange = (agent: string, action: string, more: Partial<ChangeView> = {}): ChangeView => ({
  agent,
  action,
  patch: [],
  before: { state: "running", cpu: 2, memory: 4 * G, disk: 20 * G },
  after: { state: "running", cpu: 2, memory: 4 * G, disk: 20 * G },
  cause: "edited",
  why: [],
  consequences: [],
  snapshots: [],
  waitsFor: [],
  source: { file: "agents/builder.yaml", line: 6, column: 1 },
  ...more,
});

/** One of everything that a plan can hold. */
export function aPlan(): PlanView {
  const gone = aChange("agent-tester-2", "destroy", {
    after: null,
    why: ["its document is gone since 3f2c1ab"],
    consequences: ["its disk is lost"],
    source: null,
  });
  const held: readonly HeldView[] = [
    {
      agent: "agent-tester-2",
      reason: "protected",
      would: gone,
      message: "it is protected (protect: true)",
      release: "vm-agent apply --allow-delete agent-tester-2",
    },
  ];
  return {
    at: now(),
    revision: "3f2c1ab9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f",
    changes: [
      aChange("agent-builder", "restart-update", {
        after: { state: "running", cpu: 4, memory: 8 * G, disk: 20 * G },
        patch: [
          { op: "replace", path: "/cpu", value: 4 },
          { op: "replace", path: "/memory", value: 8 * G },
        ],
        why: ["agents/builder.yaml:6 changed in 3f2c1ab"],
        consequences: ["1 running task is waited for (at most 10 min)"],
        snapshots: [{ name: "clean", comment: "after provisioning" }],
      }),
      aChange("agent-researcher", "create", {
        before: null,
        after: { state: "running", image: "24.04", cpu: 2, memory: 4 * G, disk: 20 * G },
        cause: "new",
        why: ["agents/researcher.yaml:1 is new"],
        waitsFor: ["agent-builder"],
        waitsUntil: "agent-builder is Ready",
        source: { file: "agents/researcher.yaml", line: 1, column: 1 },
      }),
      aChange("agent-cache", "replace", {
        before: { state: "running", image: "22.04" },
        after: { state: "running", image: "24.04" },
        why: ["agents/cache.yaml:4 was edited"],
        consequences: ["everything on its disk is lost; the last snapshot is 3 days old"],
        source: { file: "agents/cache.yaml", line: 4, column: 1 },
      }),
    ],
    held,
    notes: [],
    totals: {
      wanted: { cpu: 8, memory: 14 * G, disk: 60 * G },
      host: { cpu: 12, memory: 32 * G, disk: 210 * G },
    },
    counts: { create: 1, change: 2, destroy: 0, snapshot: 1, held: 1 },
  };
}
