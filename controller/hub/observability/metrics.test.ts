/** The metrics of a fresh hub: every series is there at zero, names follow Prometheus' conventions, and no input makes new series. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBus } from "../../base/events.ts";
import { createMetrics, type HubState } from "./metrics.ts";
import { type Family, parseMetrics } from "../testing/exposition.ts";

const ZERO: HubState = {
  agents: () => ({ online: 0, suspect: 0, offline: 0 }),
  activeTasks: () => 0,
  queuedTasks: () => 0,
  connections: () => 0,
  lateAnswers: () => 0,
  authFailures: () => ({ operator: 0, runtime: 0 }),
  deadLetters: () => 0,
  expiredMessages: () => 0,
  storeErrors: () => 0,
};

const TYPES = "exec script file:read file:write git:clone git:pull git:push build test deploy".split(" ");
const COMMANDS =
  "list info launch start stop suspend recover delete exec get set snapshot restore mount umount version other";
const FRAMES = "task response health log hello ack cancel config output message upgrade status error other";

/** Name, kind and what its labels may be. */
const EXPECTED: Readonly<Record<string, readonly [string, Readonly<Record<string, readonly string[]>>]>> = {
  vm_hub_messages_total: ["counter", { type: FRAMES.split(" "), direction: ["in", "out"] }],
  vm_hub_websocket_bytes_total: ["counter", { direction: ["in", "out"] }],
  vm_hub_agents: ["gauge", { status: ["online", "suspect", "offline"] }],
  vm_hub_active_tasks: ["gauge", {}],
  vm_hub_queue_depth: ["gauge", {}],
  vm_hub_connections: ["gauge", {}],
  vm_hub_dead_letters: ["gauge", {}],
  vm_hub_late_answers_total: ["counter", {}],
  vm_hub_expired_messages_total: ["counter", {}],
  vm_hub_store_errors_total: ["counter", {}],
  vm_hub_tasks_total: [
    "counter",
    { state: ["succeeded", "failed", "timed-out", "cancelled", "expired", "lost"] },
  ],
  vm_hub_task_duration_seconds: ["histogram", { type: TYPES }],
  vm_hub_auth_failures_total: ["counter", { surface: ["operator", "runtime"] }],
  vm_controller_reconciles_total: [
    "counter",
    { outcome: ["nothing", "changed", "held", "failed", "unobservable"] },
  ],
  vm_controller_reconcile_duration_seconds: ["histogram", {}],
  vm_controller_steps_total: ["counter", { outcome: ["done", "skipped", "failed"] }],
  vm_controller_held: ["gauge", {}],
  vm_controller_drifted: ["gauge", {}],
  vm_multipass_call_duration_seconds: ["histogram", { command: COMMANDS.split(" ") }],
  vm_multipass_call_failures_total: ["counter", { command: COMMANDS.split(" ") }],
};

const scrape = async (metrics: { text(): Promise<string> }) => parseMetrics(await metrics.text());

/** Every combination of its labels, as one line each. */
function combinations(labels: Readonly<Record<string, readonly string[]>>): readonly string[] {
  return Object.entries(labels).reduce<readonly string[]>(
    (all, [name, values]) => all.flatMap((before) => values.map((v) => `${before}${name}=${v} `)),
    [""],
  );
}

const shown = ({ samples }: Family) =>
  samples
    .filter(({ name, labels }) => !name.endsWith("_sum") && (labels.le ?? "+Inf") === "+Inf")
    .filter(({ name, labels }) => !(name.endsWith("_bucket") && labels.le === undefined))
    .map(({ labels: { le: _, ...rest } }) => rest);

test("a fresh hub has each series with each label, all at zero", async () => {
  const metrics = createMetrics(createBus(Date.now), ZERO);
  const families = await scrape(metrics);
  assert.deepEqual([...families.keys()].sort(), Object.keys(EXPECTED).sort());
  for (const [name, [kind, labels]] of Object.entries(EXPECTED)) {
    const family = families.get(name);
    assert.equal(family?.kind, kind, name);
    const found = new Set(
      shown(family as Family).map((given) =>
        Object.keys(labels)
          .map((label) => `${label}=${given[label]} `)
          .join(""),
      ),
    );
    assert.deepEqual([...found].sort(), [...combinations(labels)].sort(), name);
    for (const sample of family?.samples ?? []) assert.equal(sample.value, 0, `${sample.name} at the start`);
  }
  metrics.stop();
});

test("names follow the conventions, and each says what it is", async () => {
  const metrics = createMetrics(createBus(Date.now), ZERO);
  for (const [name, { kind, help, samples }] of await scrape(metrics)) {
    assert.match(name, /^vm_(hub|controller|multipass)_[a-z]+(_[a-z]+)*$/);
    assert.equal(name.endsWith("_total"), kind === "counter", `${name}: counters end in _total`);
    if (kind === "histogram") assert.match(name, /_(seconds|bytes)$/, `${name}: with its base unit`);
    assert.doesNotMatch(name, /_(milliseconds|ms|minutes|kilobytes|count|sum|bucket|gauge|counter)$/);
    assert.match(help, /^[A-Z].*[^.]$/, `${name}: one line of help`);
    for (const label of new Set(samples.flatMap((s) => Object.keys(s.labels)))) {
      assert.match(label, /^[a-z_]+$/);
      assert.ok(!name.includes(`_${label}_`), `${name}: the label ${label} is not in the name again`);
    }
  }
  metrics.stop();
});

test("whatever comes, no new series are made, and each event counts where it belongs", async () => {
  const bus = createBus(Date.now);
  const metrics = createMetrics(bus, ZERO);
  const size = async () => [...(await scrape(metrics)).values()].reduce((n, f) => n + f.samples.length, 0);
  const before = await size();
  for (let i = 0; i < 500; i++) {
    bus.emit("message", { type: `type-${i}`, direction: "in", agent: `agent-${i}`, bytes: 2 });
    bus.emit("command", { argv: ["multipass", `word-${i}`], durationMs: 1, exitCode: 0, failure: null });
    bus.emit("step.done", { agent: `agent-${i}`, step: `step-${i}`, durationMs: 1, skipped: false });
  }
  // An instance may have the name of a command.
  const recover = { durationMs: 70_000, exitCode: 2, failure: "failed" };
  bus.emit("command", { argv: ["multipass", "recover", "list"], ...recover });
  bus.emit("planned", { create: 0, change: 0, destroy: 0, held: 3, drifted: 2 });
  bus.emit("step.failed", { agent: "a", step: "launch", message: "m", next: "n", retryInMs: null });
  assert.equal(await size(), before);
  const families = await scrape(metrics);
  const value = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    [...families.values()]
      .flatMap((f) => f.samples)
      .find((s) => s.name === name && Object.entries(labels).every(([k, v]) => s.labels[k] === v))?.value;
  assert.equal(value("vm_hub_messages_total", { type: "other", direction: "in" }), 500);
  assert.equal(value("vm_hub_websocket_bytes_total", { direction: "in" }), 1000);
  assert.equal(value("vm_multipass_call_duration_seconds_count", { command: "other" }), 500);
  assert.equal(value("vm_multipass_call_failures_total", { command: "recover" }), 1);
  assert.equal(value("vm_multipass_call_failures_total", { command: "list" }), 0);
  assert.deepEqual([value("vm_controller_held"), value("vm_controller_drifted")], [3, 2]);
  assert.equal(value("vm_controller_steps_total", { outcome: "failed" }), 1);
  metrics.stop();
});
