/** Status of agents: both axes, the conditions in words, and that `since` moves only when something changed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AgentStatus, CONDITION_TYPES, fleetStatus, foreignInstances, unread } from "./status.ts";
import { makePlan } from "../core/plan.ts";
import { copy, sceneArb } from "../core/testing/arbitrary.ts";
import { GRACE, MINUTE, NOW, agentOf, policyOf } from "../core/testing/build.ts";
import { type GoldenCase, inputs } from "../core/testing/golden.ts";
import { observe } from "../core/testing/world.ts";

type Short = Pick<GoldenCase, "desired" | "observed">;

function statusOf(short: Short, previous: readonly AgentStatus[] = [], now = NOW): readonly AgentStatus[] {
  const { desired, observed, policy } = inputs({ reason: "", ...short });
  return fleetStatus(desired, observed, makePlan(desired, observed, policy, now), previous, now, {
    bootGrace: policy.bootGrace,
  });
}

const one = (short: Short): AgentStatus => {
  const [status] = statusOf(short);
  assert.ok(status);
  return status;
};

const condition = (status: AgentStatus, type: (typeof CONDITION_TYPES)[number]) => {
  const found = status.conditions.find((c) => c.type === type);
  assert.ok(found);
  return found;
};

/** `Synced Healthy Ready=True …` with the reasons of the conditions. */
const brief = (s: AgentStatus): string =>
  [s.sync, s.health, ...s.conditions.map((c) => `${c.type}=${c.status}:${c.reason}`)].join(" ");

const a = (more: object = {}) => ({ agents: [{ name: "a", ...more }] });
const asWritten = { a: "as-written" } as const;

const CASES: readonly (readonly [title: string, short: Short, expected: string])[] = [
  [
    "in sync",
    { desired: a(), observed: { instances: { a: "Running" }, claims: asWritten, runtimes: { a: "online" } } },
    "Synced Healthy Ready=True:RuntimeOnline Reconciling=False:AsDeclared Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "stopped, as declared",
    { desired: a({ state: "stopped" }), observed: { instances: { a: "Stopped" }, claims: asWritten } },
    "Synced Healthy Ready=True:AsDeclared Reconciling=False:AsDeclared Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "drifted, to be corrected",
    { desired: a(), observed: { instances: { a: "Stopped" }, claims: asWritten } },
    "OutOfSync Offline Ready=False:Stopped Reconciling=True:Start Stalled=False:NotStalled Drifted=True:Start",
  ],
  [
    "drifted under warn",
    { desired: a({ drift: "warn" }), observed: { instances: { a: "Stopped" }, claims: asWritten } },
    "Held Offline Ready=False:Stopped Reconciling=False:Held Stalled=True:DriftMode Drifted=True:Start",
  ],
  [
    "not there yet",
    { desired: a(), observed: {} },
    "OutOfSync Missing Ready=False:Missing Reconciling=True:Create Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "its launch was begun, and is not listed yet",
    {
      desired: a(),
      observed: { claims: { a: { converged: null, boot: 1, claim: { phase: "launching" } } } },
    },
    "OutOfSync Progressing Ready=False:Launching Reconciling=True:Create Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "booting",
    { desired: a(), observed: { instances: { a: "Running" }, claims: { a: { boot: 1 } } } },
    "Synced Progressing Ready=False:Booting Reconciling=False:AsDeclared Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "its runtime is silent",
    { desired: a(), observed: { instances: { a: "Running" }, claims: asWritten } },
    "Synced Offline Ready=False:RuntimeOffline Reconciling=False:AsDeclared Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "its runtime missed heartbeats",
    {
      desired: a(),
      observed: { instances: { a: "Running" }, claims: asWritten, runtimes: { a: { status: "suspect" } } },
    },
    "Synced Degraded Ready=Unknown:RuntimeSuspect Reconciling=False:AsDeclared Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "a stranger answers for it",
    {
      desired: a(),
      observed: { instances: { a: "Running" }, claims: asWritten, runtimes: { a: { nonce: "other" } } },
    },
    "Synced Offline Ready=False:RuntimeRefused Reconciling=False:AsDeclared Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "its runtime was not upgraded",
    {
      desired: a(),
      observed: {
        instances: { a: "Running" },
        claims: asWritten,
        runtimes: { a: { upgrade: { hash: "h", state: "failed", reason: "no hello" } } },
      },
    },
    "Synced Degraded Ready=False:RuntimeOutdated Reconciling=False:AsDeclared Stalled=True:RuntimeUpgradeFailed Drifted=False:NotDrifted",
  ],
  [
    "its runtime is being upgraded",
    {
      desired: a(),
      observed: {
        instances: { a: "Running" },
        claims: asWritten,
        runtimes: { a: { upgrade: { hash: "h", state: "sent", reason: "" } } },
      },
    },
    "Synced Progressing Ready=False:RuntimeOutdated Reconciling=False:AsDeclared Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "its runtime has not confirmed its configuration",
    {
      desired: a(),
      observed: { instances: { a: "Running" }, claims: asWritten, runtimes: { a: { configHash: null } } },
    },
    "Synced Progressing Ready=False:ConfigPending Reconciling=False:AsDeclared Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "its runtime works by another configuration, and Multipass does not answer",
    {
      desired: a(),
      observed: {
        unobservable: "no answer in 10 s",
        claims: asWritten,
        runtimes: { a: { configHash: "old" } },
      },
    },
    "Unknown Healthy Ready=False:HeartbeatOnly Reconciling=Unknown:Unobservable Stalled=True:Unobservable Drifted=Unknown:Unobservable",
  ],
  [
    "on its way",
    { desired: a(), observed: { instances: { a: "Starting" }, claims: asWritten } },
    "OutOfSync Progressing Ready=False:OnItsWay Reconciling=True:Waiting Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
  [
    "paused",
    { desired: a({ paused: true }), observed: { instances: { a: "Stopped" }, claims: asWritten } },
    "Paused Offline Ready=False:Stopped Reconciling=False:Paused Stalled=True:Paused Drifted=True:Start",
  ],
  [
    "unowned",
    { desired: a(), observed: { instances: { a: "Running" } } },
    "Held Missing Ready=False:NameTaken Reconciling=False:Held Stalled=True:Foreign Drifted=False:NotDrifted",
  ],
  [
    "unobservable, and its runtime silent",
    { desired: a(), observed: { unobservable: "no answer in 10 s", claims: asWritten } },
    "Unknown Unknown Ready=Unknown:Unobservable Reconciling=Unknown:Unobservable Stalled=True:Unobservable Drifted=Unknown:Unobservable",
  ],
  [
    "Unknown while it boots",
    { desired: a(), observed: { instances: { a: "Unknown" }, claims: { a: { boot: 1 } } } },
    "OutOfSync Progressing Ready=False:Booting Reconciling=True:Waiting Stalled=False:NotStalled Drifted=False:NotDrifted",
  ],
];

for (const [title, short, expected] of CASES) test(title, () => assert.equal(brief(one(short)), expected));

test("an unresponsive Multipass is distinguished from a dead instance", () => {
  const runtimes = { a: "online" } as const;
  for (const observed of [
    { unobservable: "list did not answer", claims: asWritten, runtimes },
    { instances: { a: "Unknown" as const }, claims: asWritten, runtimes },
  ]) {
    const status = one({ desired: a(), observed });
    assert.equal(status.sync, "Unknown");
    assert.equal(status.health, "Healthy");
    const ready = condition(status, "Ready");
    assert.equal(ready.status, "True");
    assert.match(ready.message, /^the instance is fine, its runtime answers; Multipass /);
  }
});

test("what went wrong inside makes it Degraded and not less Ready; why it is silent is said where it is", () => {
  const observed = { instances: { a: "Running" as const }, claims: asWritten };
  const lines = ["provision.run[0] exited with 7", "cloud-init: boom", "c", "d", "e"];
  const failed = one({
    desired: a(),
    observed: { ...observed, runtimes: { a: { problems: lines, warnings: ["w"] } } },
  });
  assert.deepEqual([failed.health, failed.notes], ["Degraded", ["w"]]);
  const ready = condition(failed, "Ready");
  assert.deepEqual([ready.status, ready.reason], ["True", "ProvisionFailed"]);
  assert.match(
    ready.message,
    /^its runtime says: provision\.run\[0\] exited with 7; cloud-init: boom; c; d; and 1 more; it runs, and takes tasks$/,
  );
  const full = one({
    desired: a(),
    observed: { ...observed, runtimes: { a: { problems: ["disk full?"] } } },
  });
  assert.equal(condition(full, "Ready").reason, "RuntimeProblems");

  const { desired, observed: seen, policy } = inputs({ reason: "", desired: a(), observed });
  const diagnoses = new Map([["a", "no Node"]]);
  const plan = makePlan(desired, seen, policy, NOW);
  const [silent] = fleetStatus(desired, seen, plan, [], NOW, { diagnoses, bootGrace: 1 });
  assert.ok(silent);
  assert.match(condition(silent, "Ready").message, /its runtime is silent: no Node$/);
});

test("a row says what lists and dashboards show", () => {
  const status = one({
    desired: { agents: [{ name: "a", type: "builder", cpu: 4, line: 7 }] },
    observed: {
      instances: { a: { state: "Running", cpu: 2, snapshots: ["clean"] } },
      claims: { a: { cpu: 2 } },
      runtimes: { a: { runningTasks: 1, queuedTasks: 3 } },
    },
  });
  assert.deepEqual(
    [status.name, status.type, status.wanted, status.seen, status.size?.cpu, status.seenSize?.cpu],
    ["a", "builder", "running", "Running", 4, 2],
  );
  assert.deepEqual([status.tasks, status.snapshots], [{ running: 1, queued: 3 }, ["clean"]]);
  assert.deepEqual([status.runtime?.status, status.runtime?.version], ["online", "0.1.0"]);
  assert.deepEqual(status.source, { file: "agents/a.yaml", line: 7, column: 1 });
});

test("claims without a document are listed, foreign instances are counted", () => {
  const short: Short = {
    desired: { agents: [{ name: "a" }], settings: { prune: true } },
    observed: {
      instances: { a: "Running", b: "Running", x: "Running", y: "Deleted" },
      claims: { a: "as-written", b: "as-written" },
      runtimes: { a: "online" },
    },
  };
  const rows = statusOf(short);
  assert.deepEqual(
    rows.map((s) => [s.name, s.wanted, s.sync, s.health]),
    [
      ["a", "running", "Synced", "Healthy"],
      ["b", "absent", "OutOfSync", "Progressing"],
    ],
  );
  const { desired, observed } = inputs({ reason: "", ...short });
  assert.equal(foreignInstances(desired, observed), 2);
  assert.equal(
    foreignInstances(desired, { ...observed, instances: { kind: "unobservable", reason: "x" } }),
    null,
  );
});

test("held for want of a yes to its removal, it shows how it is, not that it is on its way", () => {
  const healths = (observed: Short["observed"]) => {
    const found = statusOf({ desired: { agents: [{ name: "a" }] }, observed }).find((s) => s.name === "b");
    assert.ok(found);
    assert.equal(condition(found, "Ready").reason, "NotDeclared");
    return [found.sync, found.health];
  };
  const claims = { b: "as-written" } as const;
  const running = { instances: { b: "Running" as const }, claims };
  assert.deepEqual(healths({ ...running, runtimes: { b: "online" } }), ["Held", "Healthy"]);
  assert.deepEqual(healths({ ...running, runtimes: { b: { status: "suspect" } } }), ["Held", "Degraded"]);
  assert.deepEqual(healths(running), ["Held", "Offline"]);
  assert.deepEqual(healths({ instances: { b: "Stopped" }, claims }), ["Held", "Offline"]);
  const stopped = { b: { state: "stopped" as const } };
  assert.deepEqual(healths({ instances: { b: "Stopped" }, claims: stopped }), ["Held", "Healthy"]);
});

test("an instance that stays Unknown is released by words that work in that state", () => {
  const unknown = { instances: { a: "Unknown" as const } };
  const launching = { a: { converged: null, claim: { phase: "launching" as const, proven: false } } };
  const cases: readonly Short[] = [
    { desired: a(), observed: { ...unknown, claims: asWritten } },
    {
      desired: a({ state: "stopped" }),
      observed: { ...unknown, claims: asWritten, runtimes: { a: "online" } },
    },
    { desired: a(), observed: { ...unknown, claims: launching } },
    { desired: { agents: [] }, observed: { ...unknown, claims: launching } },
  ];
  for (const short of cases) {
    const { desired, observed, policy } = inputs({ reason: "", ...short });
    const [held] = makePlan(desired, observed, policy, NOW + 100 * MINUTE).held;
    assert.match(held?.release ?? "", /vm-agent multipass stop --force a, then vm-agent multipass start a\b/);
  }
  const { desired, observed, policy } = inputs({
    reason: "",
    desired: a(),
    observed: { instances: { a: "Stopped" }, claims: launching },
  });
  const [held] = makePlan(desired, observed, policy, NOW + 100 * MINUTE).held;
  assert.match(held?.release ?? "", /^vm-agent multipass start a, so that/);
});

test("what could not be done: tried again, or stalled", () => {
  const { desired, observed, policy } = inputs({ reason: "", desired: a(), observed: {} });
  const plan = makePlan(desired, observed, policy, NOW);
  const reported = (terminal: boolean) => {
    const failures = [{ agent: "a", message: "no such image", terminal }];
    const [status] = fleetStatus(desired, observed, plan, [], NOW, { failures, bootGrace: GRACE });
    assert.ok(status);
    return [condition(status, "Reconciling").reason, condition(status, "Stalled").reason];
  };
  assert.deepEqual(reported(false), ["Retrying", "NotStalled"]);
  assert.deepEqual(reported(true), ["Held", "Failed"]);
});

test("since is kept until status, reason or message changes", () => {
  const up: Short = {
    desired: a(),
    observed: { instances: { a: "Running" }, claims: asWritten, runtimes: { a: "online" } },
  };
  const down: Short = { desired: a(), observed: { instances: { a: "Stopped" }, claims: asWritten } };
  const first = statusOf(up);
  const later = statusOf(up, first, NOW + MINUTE);
  assert.deepEqual(later, first);
  const reported = first.flatMap((s) => s.conditions.map((c) => c.observedRevision));
  assert.equal(new Set(reported).size, 1, "all are judged by one fleet");
  assert.notEqual(reported[0], "");
  const [changed] = statusOf(down, later, NOW + 2 * MINUTE);
  assert.ok(changed);
  assert.deepEqual(
    changed.conditions.map((c) => [c.type, c.since - NOW]),
    [
      ["Ready", 2 * MINUTE],
      ["Reconciling", 2 * MINUTE],
      ["Stalled", 0],
      ["Drifted", 2 * MINUTE],
    ],
  );
});

test("before the first look nothing is claimed to be known", () => {
  const status = unread(agentOf({ name: "a" }), NOW);
  assert.deepEqual([status.sync, status.health, status.seen], ["Unknown", "Unknown", "?"]);
});

test("of every fleet: four conditions each, in order of name, and a synced agent has nothing planned or held", () => {
  fc.assert(
    fc.property(sceneArb(), ({ desired, world }) => {
      const observed = observe(copy(world));
      const plan = makePlan(desired, observed, policyOf(), world.now);
      const rows = fleetStatus(desired, observed, plan, [], world.now, { bootGrace: GRACE });
      const names = rows.map((r) => r.name);
      assert.deepEqual(names, [...new Set(names)].sort());
      for (const row of rows) {
        assert.deepEqual(
          row.conditions.map((c) => c.type),
          CONDITION_TYPES,
        );
        const busy = plan.changes.some((c) => c.agent === row.name) || row.held.length > 0;
        if (row.sync === "Synced") assert.ok(!busy, row.name);
        if (row.sync === "OutOfSync" && row.wanted !== "absent") assert.ok(busy, row.name);
        for (const c of row.conditions)
          assert.ok(c.message !== "" && /^[A-Z][A-Za-z]+$/.test(c.reason), c.reason);
      }
      assert.deepEqual(fleetStatus(desired, observed, plan, rows, world.now + 1, { bootGrace: GRACE }), rows);
      assert.deepStrictEqual(JSON.parse(JSON.stringify(rows)), rows);
    }),
    { numRuns: 1_000 },
  );
});
