/** Steps of every change, carried out on a model of Multipass: legal, ending as wanted, and safe to cut off anywhere. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mountsOf } from "./diff/fields.ts";
import { steps } from "./steps.ts";
import { agentOf, claimAsDeclared, claimOf, desiredOf, policyOf, snapshotOf } from "./testing/build.ts";
import { NOW, runtimeOf, size } from "./testing/build.ts";
import { type World, observe, runChange, settle, turn } from "./testing/world.ts";
import { isTokenDone } from "./diff/diff-restore.ts";
import { makePlan } from "./plan.ts";
import {
  ACTIONS,
  type Action,
  type Change,
  type Desired,
  INSTANCE_STATES,
  type InstanceState,
  type PowerState,
  type Step,
} from "./types.ts";

const WANTS: readonly PowerState[] = ["running", "stopped", "suspended"];
const AT_REST: Readonly<Record<PowerState, InstanceState>> = {
  running: "Running",
  stopped: "Stopped",
  suspended: "Suspended",
};

/** What differs beside the state. */
const EDITS = {
  nothing: {},
  resize: { cpu: 4, memory: "8G", disk: "40G" },
  config: { config: "c2" },
  provision: { provision: "p2", onChange: "replace" },
  image: { image: "26.04" },
  mounts: { mounts: [{ source: "/new", target: "/srv/work" }] },
  rerun: { provision: "p2", onChange: "rerun" },
  restore: { restore: { snapshot: "base", token: "t1" } },
} as const;

/** Initial state: a mount, and snapshots of a schedule, of a removed document, and unowned. */
const MOUNTED = [{ source: "/old", target: "/srv/work" }];
const TAKEN = ["base", "nightly-1", "orphan", "theirs"] as const;
const DUE = { agent: "a", of: "nightly", name: "nightly-2", at: NOW };
const madeOf = (name: string) => ({
  agent: "a",
  name,
  of: name.startsWith("nightly") ? "nightly" : name,
  scheduled: name.startsWith("nightly"),
  at: NOW - 1,
});

interface Case {
  readonly title: string;
  readonly desired: Desired;
  readonly world: () => World;
}

function* cases(): Generator<Case> {
  for (const want of [...WANTS, "absent"] as const)
    for (const seen of [...INSTANCE_STATES, "absent"] as const)
      for (const edit of Object.keys(EDITS) as (keyof typeof EDITS)[])
        for (const snapshot of ["none", "declared", "scheduled", "gone"] as const)
          for (const converged of [true, false]) {
            const mounts = edit === "mounts" ? MOUNTED : [];
            const was = agentOf({ name: "a", state: want === "absent" ? "running" : want, mounts });
            const taken = edit === "restore" || snapshot === "scheduled" || snapshot === "gone" ? TAKEN : [];
            const documents = {
              none: [],
              declared: [{ name: "clean", agent: "a" }],
              scheduled: [{ name: "nightly", agent: "a", schedule: "0 3 * * *", keep: 1 }],
              gone: [],
            }[snapshot];
            const agents = want === "absent" ? [] : [{ name: "a", state: want, ...EDITS[edit] }];
            const desired = desiredOf(agents, want === "absent" ? [] : documents, { prune: true });
            yield {
              title: `${want} × ${seen}, ${edit}, snapshot ${snapshot}${converged ? "" : ", never converged"}`,
              desired,
              world: () => ({
                now: NOW,
                instances: new Map(
                  seen === "absent"
                    ? []
                    : [
                        [
                          "a",
                          {
                            state: seen,
                            size: was.size,
                            snapshots: taken.map((name) => ({ name, comment: "", size: was.size, mounts })),
                            nonce: "nonce-a",
                            mounts,
                            disk: "now",
                          },
                        ],
                      ],
                ),
                claims: new Map([["a", converged ? claimAsDeclared(was) : claimOf("a", null)]]),
                runtimes: new Map(seen === "Running" ? [["a", runtimeOf("a")]] : []),
                vanished: new Set(),
                made: new Map(
                  snapshot === "gone"
                    ? [["a/orphan", madeOf("orphan")]]
                    : snapshot === "scheduled"
                      ? [["a/nightly-1", madeOf("nightly-1")]]
                      : [],
                ),
                due: snapshot === "scheduled" && want !== "absent" ? [DUE] : [],
                restores: [],
                reruns: [],
              }),
            };
          }
}

/** A person who named the agent: nothing is held but what cannot be. */
const policy = policyOf({ actor: "apply", allowDelete: ["a"], targets: ["a"] });

const planned = (world: World, desired: Desired): readonly Change[] =>
  makePlan(desired, observe(world), policy, world.now).changes;

/** Turns until nothing is to be done; what was on its way arrives between them. */
function converge(world: World, desired: Desired): void {
  for (let i = 0; i < 8; i++) {
    turn(world, desired, policy);
    settle(world, desired);
  }
  assert.deepEqual(planned(world, desired), []);
  const agent = desired.agents[0];
  const instance = world.instances.get("a");
  if (!agent) {
    assert.equal(instance, undefined);
    return;
  }
  assert.equal(instance?.state, AT_REST[agent.state]);
  assert.deepEqual(instance?.size, agent.size);
  assert.deepEqual(instance?.mounts, mountsOf(agent.mounts).mounts ?? []);
  const claim = world.claims.get("a");
  if (agent.provision.onChange !== "rerun" || agent.state === "running")
    assert.equal(claim?.provisionHash, agent.provision.hash);
  if (agent.restore && claim) assert.ok(isTokenDone(claim, agent.restore.token));
  const have = new Set(instance?.snapshots.map((s) => s.name));
  const starts = new Set(world.restores?.map((r) => r.starts));
  assert.ok(starts.size <= 1, "restored, started, and restored again");
  // Data since the snapshot is not lost: it is in the snapshot that was taken first.
  if (starts.size > 0)
    assert.ok(instance?.snapshots.some((s) => s.name.startsWith("before-") && s.disk === "now"));
  if (agent.state === "suspended") return;
  for (const { name, schedule } of desired.snapshots)
    assert.ok(have.has(schedule ? "nightly-2" : name), name);
  if (desired.snapshots.some((s) => s.schedule))
    assert.ok(!have.has("nightly-1"), "more than the schedule keeps");
  if (world.made?.size === 0) assert.ok(!have.has("orphan"), "its document is gone");
}

test("every action, from every state, is legal to its end and ends as wanted", () => {
  const covered = new Set<Action>();
  let changes = 0;
  for (const { title, desired, world } of cases()) {
    const start = world();
    for (const change of planned(start, desired)) {
      covered.add(change.action);
      changes++;
      assert.ok(runChange(start, desired, change), `${title}: the branch ended early`);
      const state = start.instances.get("a")?.state ?? "absent";
      const wanted = change.after === null ? "absent" : AT_REST[change.after.state];
      assert.equal(state, wanted, title);
    }
  }
  assert.ok(changes > 500, `only ${changes} changes`);
  assert.deepEqual([...covered].sort(), [...ACTIONS].sort());
});

const STOPPED_ONLY: ReadonlySet<Step["kind"]> = new Set(["resize", "snapshot", "remove-snapshot", "restore"]);

test("sizes and snapshots are changed in Stopped only, and nothing is removed or stopped before it is drained", () => {
  for (const { title, desired, world } of cases())
    for (const change of planned(world(), desired)) {
      const kinds = steps(change).map((s) => s.kind);
      for (const step of steps(change))
        if (STOPPED_ONLY.has(step.kind)) assert.deepEqual(step.requires, ["Stopped"], step.kind);
      if (kinds.includes("rerun")) assert.ok(kinds.indexOf("await-ready") < kinds.indexOf("rerun"), title);
      if (kinds.includes("restore")) assert.equal(kinds[kinds.indexOf("restore") - 1], "snapshot", title);
      for (const kind of ["stop", "suspend", "remove"] as const)
        for (const [i, k] of kinds.entries())
          if (k === kind) assert.ok(kinds.lastIndexOf("drain", i) >= 0, `${title}: ${kinds.join(" ")}`);
      if (kinds.includes("launch")) assert.ok(kinds.indexOf("claim") < kinds.indexOf("launch"), title);
      if (kinds.includes("remove")) assert.ok(kinds.indexOf("revoke") < kinds.indexOf("remove"), title);
      // A restore writes down itself what it brought back.
      if (change.after !== null && change.action !== "restore")
        assert.equal(kinds.at(-1), "converged", title);
    }
});

test("cut off before any step, the next plan goes on from there to the same end", () => {
  for (const { title, desired, world } of cases()) {
    const [change] = planned(world(), desired);
    if (!change) continue;
    for (let crash = 0; crash <= steps(change).length; crash += 0.5) {
      const cut = world();
      runChange(cut, desired, change, crash);
      assert.doesNotThrow(() => converge(cut, desired), `${title}, cut at step ${crash + 1}`);
    }
  }
});

test("a plan that was made for another state does nothing illegal: the world is looked at before each step", () => {
  for (const { desired, world } of cases())
    for (const change of planned(world(), desired))
      for (const state of INSTANCE_STATES) {
        const moved = world();
        const instance = moved.instances.get("a");
        if (!instance || change.action === "create" || change.action === "replace") continue;
        moved.instances.set("a", { ...instance, state });
        try {
          runChange(moved, desired, change);
        } catch (error) {
          // Waiting for a runtime that is not there is not an effect.
          assert.match(String(error), /await-ready/);
        }
      }
});

test("an instance that is wanted stopped is ready once before it is stopped", () => {
  const desired = desiredOf([{ name: "a", state: "stopped" }]);
  const world: World = {
    now: NOW,
    instances: new Map(),
    claims: new Map(),
    runtimes: new Map(),
    vanished: new Set(),
  };
  const [change] = planned(world, desired);
  assert.ok(change);
  const kinds = steps(change).map((s) => s.kind);
  assert.deepEqual(kinds, ["claim", "launch", "await-ready", "drain", "stop", "converged"]);
  runChange(world, desired, change, 2);
  const rest = () => planned(world, desired).map((c) => steps(c).map((s) => s.kind));
  // Its launch returned, so what cloud-init does is over; a runtime that may never come is not waited for.
  assert.deepEqual(rest(), [["drain", "stop", "converged"]]);
  const claim = world.claims.get("a");
  assert.ok(claim);
  world.runtimes.set("a", runtimeOf("a", { nonce: claim.nonce }));
  assert.deepEqual(rest(), [["await-ready", "drain", "stop", "converged"]]);
});

test("each snapshot and each size is its own step, with its value", () => {
  const desired = {
    ...desiredOf([{ name: "a", cpu: 4, memory: "8G" }]),
    snapshots: [
      snapshotOf({ name: "one", agent: "a", comment: "first" }),
      snapshotOf({ name: "two", agent: "a" }),
    ],
  };
  const was = agentOf({ name: "a" });
  const world: World = {
    now: NOW,
    instances: new Map([["a", { state: "Running", size: was.size, snapshots: [], nonce: "nonce-a" }]]),
    claims: new Map([["a", claimAsDeclared(was)]]),
    runtimes: new Map([["a", runtimeOf("a")]]),
    vanished: new Set(),
  };
  const [change] = planned(world, desired);
  assert.equal(change?.action, "restart-update");
  const reported = change ? steps(change).map((s) => [s.kind, s.field ?? s.snapshot?.name, s.value]) : [];
  assert.deepEqual(reported, [
    ["drain", undefined, undefined],
    ["stop", undefined, undefined],
    ["resize", "cpu", 4],
    ["resize", "memory", size("8G")],
    ["snapshot", "one", undefined],
    ["snapshot", "two", undefined],
    ["start", undefined, undefined],
    ["await-ready", undefined, undefined],
    ["converged", undefined, undefined],
  ]);
});
