/**
 * All metrics, with every label at zero from the start; fed by the bus, and by the hub's state when scraped. Label
 * values are closed sets: agent names are not labels, so that a large fleet has as many series as a small one.
 */
import { Counter, Gauge, Histogram, Registry as PromRegistry } from "prom-client";
import type { Bus } from "../../base/events.ts";
import { TASK_TYPES } from "../tasks/schema.ts";
import { TASK_STATES } from "../tasks/states.ts";

export interface HubState {
  agents(): { readonly online: number; readonly suspect: number; readonly offline: number };
  activeTasks(): number;
  queuedTasks(): number;
  connections(): number;
  lateAnswers(): number;
  /** Wrong tokens by surface. */
  authFailures(): Readonly<Record<string, number>>;
  deadLetters(): number;
  expiredMessages(): number;
  storeErrors(): number;
}

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  taskFinished(type: string, state: string, durationMs: number): void;
  stop(): void;
}

const FRAME_TYPES = [
  "task",
  "response",
  "health",
  "log",
  "hello",
  "ack",
  "cancel",
  "config",
  "output",
  "message",
  "upgrade",
  "status",
  "error",
  "other",
];
const DIRECTIONS = ["in", "out"] as const;
const OUTCOMES = ["nothing", "changed", "held", "failed", "unobservable"];
const STEP_OUTCOMES = ["done", "skipped", "failed"];
const COMMANDS = [
  "list",
  "info",
  "launch",
  "start",
  "stop",
  "suspend",
  "recover",
  "delete",
  "exec",
  "get",
  "set",
  "snapshot",
  "restore",
  "mount",
  "umount",
  "version",
  "other",
];
const SECONDS = [0.005, 0.02, 0.1, 0.5, 1, 5, 20, 60, 300, 1200, 3600];

export function createMetrics(bus: Bus, state: HubState): Metrics {
  const registry = new PromRegistry();
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  // Counted in plain numbers and transferred when scraped: a labelled inc() costs a microsecond, twice for each frame.
  const frames = new Map<string, number>(
    FRAME_TYPES.flatMap((t) => DIRECTIONS.map((d) => [`${t} ${d}`, 0] as const)),
  );
  const bytes = { in: 0, out: 0 };

  new Counter({
    name: "vm_hub_messages_total",
    help: "Frames between hub and runtimes",
    labelNames: ["type", "direction"],
    registers,
    collect() {
      this.reset();
      for (const [key, value] of frames) {
        const [type = "other", direction = "in"] = key.split(" ");
        this.inc({ type, direction }, value);
      }
    },
  });
  new Counter({
    name: "vm_hub_websocket_bytes_total",
    help: "Bytes of those frames, without headers",
    labelNames: ["direction"],
    registers,
    collect() {
      this.reset();
      for (const direction of DIRECTIONS) this.inc({ direction }, bytes[direction]);
    },
  });
  new Gauge({
    name: "vm_hub_agents",
    help: "Agents by status",
    labelNames: ["status"],
    registers,
    collect() {
      const { online, suspect, offline } = state.agents();
      this.set({ status: "online" }, online);
      this.set({ status: "suspect" }, suspect);
      this.set({ status: "offline" }, offline);
    },
  });
  gauge("vm_hub_active_tasks", "Tasks sent or running", state.activeTasks);
  gauge("vm_hub_queue_depth", "Tasks that wait for their agent", state.queuedTasks);
  gauge("vm_hub_connections", "Open connections of runtimes", state.connections);
  gauge("vm_hub_dead_letters", "Undeliverable messages that are kept", state.deadLetters);
  const total = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  total("vm_hub_late_answers_total", "Answers of epochs that were over", state.lateAnswers);
  total(
    "vm_hub_expired_messages_total",
    "Messages that expired before their recipient came",
    state.expiredMessages,
  );
  total("vm_hub_store_errors_total", "Writes that the store refused", state.storeErrors);

  const finished = new Counter({
    name: "vm_hub_tasks_total",
    help: "Finished tasks by how they ended",
    labelNames: ["state"],
    registers,
  });
  for (const s of TASK_STATES.slice(3)) finished.inc({ state: s }, 0);
  const durations = new Histogram({
    name: "vm_hub_task_duration_seconds",
    help: "From acceptance to end",
    labelNames: ["type"],
    buckets: SECONDS,
    registers,
  });
  for (const type of TASK_TYPES) durations.zero({ type });
  new Counter({
    name: "vm_hub_auth_failures_total",
    help: "Wrong tokens",
    labelNames: ["surface"],
    registers,
    collect() {
      this.reset();
      for (const [surface, count] of Object.entries(state.authFailures())) this.inc({ surface }, count);
    },
  });
  const controller = controllerMetrics(registers);
  const multipass = multipassMetrics(registers);

  const subscriptions = [
    bus.onAny((event) => {
      switch (event.name) {
        case "message": {
          const { type, direction, bytes: size } = event.data;
          const key = `${type} ${direction}`;
          const known = frames.get(key);
          if (known === undefined)
            frames.set(`other ${direction}`, (frames.get(`other ${direction}`) ?? 0) + 1);
          else frames.set(key, known + 1);
          bytes[direction] += size;
          return;
        }
        case "reconciled":
          controller.duration.observe(event.data.durationMs / 1000);
          controller.outcomes.inc({ outcome: event.data.outcome });
          return;
        case "step.done":
          controller.steps.inc({ outcome: event.data.skipped ? "skipped" : "done" });
          return;
        case "step.failed":
          controller.steps.inc({ outcome: "failed" });
          return;
        case "planned":
          controller.held.set(event.data.held);
          controller.drifted.set(event.data.drifted);
          return;
        case "command": {
          const { argv, durationMs, failure } = event.data;
          // The word after the program's name: an instance may be called "list".
          const [, word = ""] = argv;
          const command = COMMANDS.includes(word) ? word : "other";
          multipass.duration.observe({ command }, durationMs / 1000);
          if (failure !== null) multipass.failures.inc({ command });
          return;
        }
        default:
      }
    }),
  ];

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    taskFinished(type, ended, durationMs) {
      finished.inc({ state: ended });
      durations.observe({ type }, durationMs / 1000);
    },
    stop() {
      for (const unsubscribe of subscriptions) unsubscribe();
      registry.clear();
    },
  };
}

function controllerMetrics(registers: PromRegistry[]) {
  const outcomes = new Counter({
    name: "vm_controller_reconciles_total",
    help: "Turns of the loop by outcome",
    labelNames: ["outcome"],
    registers,
  });
  for (const outcome of OUTCOMES) outcomes.inc({ outcome }, 0);
  const steps = new Counter({
    name: "vm_controller_steps_total",
    help: "Steps of plans by how they ended",
    labelNames: ["outcome"],
    registers,
  });
  for (const outcome of STEP_OUTCOMES) steps.inc({ outcome }, 0);
  return {
    outcomes,
    steps,
    duration: new Histogram({
      name: "vm_controller_reconcile_duration_seconds",
      help: "One turn of the loop",
      buckets: SECONDS,
      registers,
    }),
    held: new Gauge({ name: "vm_controller_held", help: "Changes that the last plan held", registers }),
    drifted: new Gauge({
      name: "vm_controller_drifted",
      help: "Agents with drift at the last refresh: they differ although the fleet was not edited",
      registers,
    }),
  };
}

function multipassMetrics(registers: PromRegistry[]) {
  const duration = new Histogram({
    name: "vm_multipass_call_duration_seconds",
    help: "Calls of the multipass command",
    labelNames: ["command"],
    buckets: SECONDS,
    registers,
  });
  const failures = new Counter({
    name: "vm_multipass_call_failures_total",
    help: "Calls of the multipass command that failed",
    labelNames: ["command"],
    registers,
  });
  for (const command of COMMANDS) {
    duration.zero({ command });
    failures.inc({ command }, 0);
  }
  return { duration, failures };
}
