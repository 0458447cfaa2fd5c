/** From any observed world the fleet converges within bounded turns under random failures; then the plan is empty. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sameMounts, sameSize } from "./diff/fields.ts";
import { isTokenDone } from "./diff/diff-restore.ts";
import { makePlan } from "./plan.ts";
import { type Scene, copy, noGuard, policyArb, sceneArb } from "./testing/arbitrary.ts";
import { policyOf } from "./testing/build.ts";
import { type World, observe, printed, settle, turn } from "./testing/world.ts";
import type { Desired, DesiredAgent, Plan, Policy } from "./types.ts";

const RUNS = 1_500;
/** Depth of dependencies (at most 6 agents), times the phases of one: settle, recover, change, snapshot. */
const TURNS = 24;

const AT_REST = { running: "Running", stopped: "Stopped", suspended: "Suspended" } as const;

function run(world: World, desired: Desired, policy: Policy, turns: number, crash?: () => number): void {
  for (let i = 0; i < turns; i++) {
    turn(world, desired, policy, crash);
    settle(world, desired);
  }
}

const last = (world: World, desired: Desired, policy: Policy): Plan =>
  makePlan(desired, observe(world), policy, world.now);

/** What is held, paused or drifts under `ignore` stays as it is, and so does what depends on it, directly or not. */
function blocked(desired: Desired, plan: Plan): ReadonlySet<string> {
  const stuck = new Set(plan.held.map((h) => h.agent));
  const agents = new Map(desired.agents.map((a) => [a.name, a]));
  const isStuck = (agent: DesiredAgent): boolean =>
    stuck.has(agent.name) ||
    agent.paused ||
    agent.drift.mode === "ignore" ||
    agent.dependsOn.some((d) => {
      const dependency = agents.get(d);
      return dependency !== undefined && isStuck(dependency);
    });
  return new Set(desired.agents.filter(isStuck).map((a) => a.name));
}

function assertAsDeclared(world: World, desired: Desired, plan: Plan): void {
  const stuck = blocked(desired, plan);
  for (const change of plan.changes) {
    assert.ok(change.waitsFor.length > 0, `${change.action} of ${change.agent} is still to be done`);
    assert.ok(stuck.has(change.agent), `${change.agent} waits for ${change.waitsFor}, which is not held`);
  }
  const wanted = new Set(desired.agents.map((a) => a.name));
  for (const name of world.claims.keys())
    assert.ok(wanted.has(name) || plan.held.some((h) => h.agent === name), `${name} is left over`);
  for (const agent of desired.agents) {
    if (stuck.has(agent.name) || agent.paused || agent.drift.mode !== "correct") continue;
    const instance = world.instances.get(agent.name);
    assert.equal(instance?.state, AT_REST[agent.state], agent.name);
    const { ignore } = agent.drift;
    if (!ignore.includes("/cpu")) assert.equal(instance?.size.cpu, agent.size.cpu, agent.name);
    if (!ignore.includes("/memory"))
      assert.ok(sameSize(agent.size.memory, printed(instance?.size.memory ?? 0)), `memory of ${agent.name}`);
    assert.ok(sameSize(agent.size.disk, printed(instance?.size.disk ?? 0)), `disk of ${agent.name}`);
    if (!ignore.includes("/mounts"))
      assert.ok(sameMounts(agent.mounts, instance?.mounts), `mounts of ${agent.name}`);
    assert.equal(
      world.claims.get(agent.name)?.provisionHash,
      agent.provision.hash,
      `provision of ${agent.name}`,
    );
    const claim = world.claims.get(agent.name);
    if (agent.restore && claim) assert.ok(isTokenDone(claim, agent.restore.token));
    if (agent.state === "suspended") continue;
    const have = new Set(instance?.snapshots.map((s) => s.name));
    for (const s of desired.snapshots)
      if (s.agent === agent.name && s.schedule === undefined)
        assert.ok(have.has(s.name), `snapshot ${s.name} of ${agent.name}`);
    for (const d of world.due ?? [])
      if (d.agent === agent.name)
        assert.ok(have.has(d.name), `snapshot ${d.name} of ${agent.name}, which was due`);
  }
}

/** However often it was begun: never again once the instance has been started after it. */
function assertRestoredOnce(world: World): void {
  const starts = new Map<string, number>();
  for (const { agent, token, starts: at } of world.restores ?? []) {
    const key = `${agent} for ${token}`;
    assert.equal(starts.get(key) ?? at, at, `${key} was restored, started, and restored again`);
    starts.set(key, at);
  }
}

const unowned = (world: World): ReadonlyMap<string, unknown> =>
  new Map([...world.instances].filter(([name]) => !world.claims.has(name)));

test("what was planned and done leaves nothing to plan, whoever asked", () => {
  fc.assert(
    fc.property(sceneArb(), policyArb, ({ desired, world: start }: Scene, policy) => {
      const world = copy(start);
      run(world, desired, policy, TURNS);
      const plan = last(world, desired, policy);
      const stuck = blocked(desired, plan);
      for (const { action, agent, waitsFor, why } of plan.changes)
        assert.ok(
          waitsFor.length > 0 && (policy.targets.length > 0 || stuck.has(agent)),
          `${action} of ${agent} is planned for ever: ${why.join("; ")}`,
        );
    }),
    { numRuns: RUNS },
  );
});

test("one turn is enough for what is at rest, waits for nothing and has no snapshot", () => {
  fc.assert(
    fc.property(sceneArb(), policyArb, ({ desired: all, world: start }: Scene, policy) => {
      // What a restore brings back, and what can be looked at only once a runtime is online, is for the turn after.
      const agents = all.agents.map(({ restore: _restore, ...a }) => ({
        ...a,
        dependsOn: [],
        mounts: [],
        provision: {
          ...a.provision,
          onChange: a.provision.onChange === "replace" ? "replace" : "hold",
        } as const,
      }));
      const desired = { ...all, snapshots: [], agents };
      const world = { ...copy(start), made: new Map(), due: [] };
      for (const [name, i] of world.instances) world.instances.set(name, { ...i, mounts: [] });
      for (const [name, claim] of world.claims) {
        const { mounts: _mounts, ...converged } = claim.converged ?? { state: "running" };
        world.claims.set(name, { ...claim, converged: claim.converged && converged });
      }
      for (const [name, i] of world.instances)
        if (!["Running", "Stopped", "Suspended"].includes(i.state))
          world.instances.set(name, { ...i, state: "Stopped" });
      const first = turn(world, desired, policy).changes.map((c) => c.agent);
      const again = last(world, desired, policy);
      for (const change of again.changes)
        assert.ok(
          !first.includes(change.agent),
          `${change.action} of ${change.agent} right after it was done`,
        );
    }),
    { numRuns: RUNS },
  );
});

test("the loop converges from any world under random failures, and strangers stay as they were", () => {
  const crashes = fc.infiniteStream(fc.integer({ min: 0, max: 24 }).map((n) => n / 2));
  fc.assert(
    fc.property(sceneArb(noGuard), crashes, ({ desired: d, world: start }: Scene, random) => {
      const desired = { ...d, settings: { ...d.settings, prune: true, maxDeletes: 6, limits: {} } };
      const world = copy(start);
      const policy = policyOf();
      observe(world);
      const before = unowned(world);
      // Half of the draws lie beyond the longest list of steps: no failure.
      run(world, desired, policy, 6, () => random.next().value as number);
      run(world, desired, policy, TURNS);
      assertAsDeclared(world, desired, last(world, desired, policy));
      assertRestoredOnce(world);
      for (const name of before.keys())
        assert.equal(world.instances.get(name)?.nonce, "other", `${name}, a stranger's, was touched`);
    }),
    { numRuns: RUNS },
  );
});

test("a person who names everything is held by nothing but strangers, proof and pauses", () => {
  fc.assert(
    fc.property(sceneArb(noGuard), ({ desired: d, world: start }: Scene) => {
      const desired = { ...d, settings: { ...d.settings, limits: {} } };
      const names = [...new Set([...desired.agents.map((a) => a.name), ...start.claims.keys()])];
      const policy = policyOf({ actor: "apply", allowDelete: names, targets: names });
      const world = copy(start);
      run(world, desired, policy, TURNS);
      const plan = last(world, desired, policy);
      assertAsDeclared(world, desired, plan);
      for (const held of plan.held)
        assert.ok(
          [
            "foreign",
            "unproven",
            "deleted-elsewhere",
            "paused",
            "impossible",
            "data-loss",
            "not-ready",
            "waiting",
          ].includes(held.reason),
          `${held.agent}: ${held.reason}`,
        );
    }),
    { numRuns: RUNS },
  );
});
