/** What holds of every plan, whatever the fleet, the world and the policy: the invariants of safety, and convergence. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import jsonpatch from "fast-json-patch";
import { makePlan } from "./plan.ts";
import { type Scene, copy, policyArb, sceneArb } from "./testing/arbitrary.ts";
import { GRACE, policyOf } from "./testing/build.ts";
import { observe, printed, runChange } from "./testing/world.ts";
import type { Change, Observed, Plan, Policy, Size } from "./types.ts";

const RUNS = 2_000;

const scene = (): fc.Arbitrary<Scene> => sceneArb();

function planOf(
  { desired, world }: Scene,
  policy: Policy,
): { readonly plan: Plan; readonly observed: Observed } {
  const observed = observe(copy(world));
  return { plan: makePlan(desired, observed, policy, world.now), observed };
}

const holds = (check: (s: Scene, policy: Policy) => void): void =>
  fc.assert(fc.property(scene(), policyArb, check), { numRuns: RUNS });

const removals = (plan: Plan): readonly Change[] => plan.changes.filter((c) => c.action === "destroy");
/** Removals that a person or the loop decided on; one that was begun is finished. */
const fresh = (plan: Plan): readonly Change[] => removals(plan).filter((c) => c.cause !== "interrupted");
const losing = (c: Change): boolean =>
  c.action === "destroy" || c.action === "replace" || c.action === "restore";

test("order of input never matters", () => {
  const shuffled = fc.infiniteStream(fc.integer({ min: 0, max: 1000 }));
  fc.assert(
    fc.property(scene(), policyArb, shuffled, ({ desired, world }, policy, random) => {
      const shuffle = <T>(list: readonly T[]): readonly T[] =>
        list
          .map((value) => ({ value, key: random.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ value }) => value);
      const observed = observe(copy(world));
      assert.ok(observed.instances.kind === "seen");
      const list = observed.instances.list.map((i) => ({ ...i, snapshots: shuffle(i.snapshots ?? []) }));
      assert.deepEqual(
        makePlan(
          { ...desired, agents: shuffle(desired.agents), snapshots: shuffle(desired.snapshots) },
          {
            ...observed,
            instances: { kind: "seen", list: shuffle(list) },
            claims: shuffle(observed.claims),
            runtimes: shuffle(observed.runtimes),
            vanished: shuffle(observed.vanished),
            made: shuffle(observed.made ?? []),
            due: shuffle(observed.due ?? []),
          },
          policy,
          world.now,
        ),
        makePlan(desired, observed, policy, world.now),
      );
    }),
    { numRuns: RUNS },
  );
});

test("nothing that is not ours is ever touched", () => {
  holds((s, policy) => {
    const { plan, observed } = planOf(s, policy);
    assert.ok(observed.instances.kind === "seen");
    const there = new Set(observed.instances.list.map((i) => i.name));
    const claimed = new Map(observed.claims.map((c) => [c.name, c]));
    for (const change of plan.changes) {
      if (change.action === "create") assert.ok(!there.has(change.agent), "a creation over what is there");
      if (!there.has(change.agent)) continue;
      const claim = claimed.get(change.agent);
      assert.ok(claim, `${change.action} of ${change.agent} without a claim`);
      // A launch that was only begun proves nothing until the runtime says hello with its nonce.
      const instance = s.world.instances.get(change.agent);
      assert.equal(instance?.nonce, claim.nonce, `${change.action} of ${change.agent}, which is a stranger`);
    }
  });
});

test("nothing is done on the strength of what cannot be seen", () => {
  holds((s, policy) => {
    const observed = observe(copy(s.world));
    const blind = { ...observed, instances: { kind: "unobservable" as const, reason: "no answer in 10 s" } };
    assert.deepEqual(makePlan(s.desired, blind, policy, s.world.now).changes, []);
    for (const change of makePlan(s.desired, observed, policy, s.world.now).changes) {
      assert.notEqual(change.seen, "Unavailable", change.action);
      if (change.seen !== "Unknown") continue;
      // The one exception: a launch of ours that timed out, whose own runtime says that it is up.
      const claim = observed.claims.find((c) => c.name === change.agent);
      const runtime = observed.runtimes.find((r) => r.agent === change.agent);
      assert.equal(change.action, "restart-update");
      assert.ok(claim?.converged === null && runtime?.status === "online" && runtime.nonce === claim.nonce);
    }
  });
});

test("what is protected is never destroyed, replaced or restored unless it is named", () => {
  holds((s, policy) => {
    const { plan, observed } = planOf(s, policy);
    for (const change of plan.changes.filter(losing)) {
      const agent = s.desired.agents.find((a) => a.name === change.agent);
      const claim = observed.claims.find((c) => c.name === change.agent);
      const isProtected = agent?.protect ?? claim?.protect ?? false;
      const begun = change.action !== "replace" && change.cause === "interrupted";
      assert.ok(!isProtected || begun || policy.allowDelete.includes(change.agent), change.agent);
    }
  });
});

test("removals: maxDeletes, nothing left, prune and the guards hold them, and names release exactly those named", () => {
  holds((s, policy) => {
    const { plan, observed } = planOf(s, { ...policy, targets: [] });
    const { settings, guard } = s.desired;
    const unnamed = fresh(plan).filter((c) => !policy.allowDelete.includes(c.agent));
    assert.ok(unnamed.length <= settings.maxDeletes, `${unnamed.length} removals`);
    const present = observed.claims.filter((c) => c.phase !== "removing");
    if (unnamed.length > 0) assert.ok(fresh(plan).length < present.length, "nothing would be left");
    if (policy.actor === "loop" && !settings.prune) assert.deepEqual(unnamed, []);
    if (guard?.reason === "invalid" || guard?.reason === "unreadable") assert.deepEqual(removals(plan), []);
    if (guard?.reason === "empty")
      for (const change of removals(plan)) assert.ok(policy.allowDelete.includes(change.agent));

    const without = planOf(s, { ...policy, targets: [], allowDelete: [] }).plan;
    const before = new Set(without.changes.map((c) => `${c.action} ${c.agent}`));
    for (const change of plan.changes)
      if (!before.has(`${change.action} ${change.agent}`))
        assert.ok(policy.allowDelete.includes(change.agent), `${change.agent} was not named`);
  });
});

test("the loop loses data only where the document says so", () => {
  holds((s) => {
    for (const change of planOf(s, policyOf()).plan.changes) {
      if (change.action !== "replace") continue;
      const agent = s.desired.agents.find((a) => a.name === change.agent);
      assert.equal(agent?.provision.onChange, "replace");
      assert.notEqual(change.before?.provision, change.after?.provision);
      assert.equal(change.before?.image, change.after?.image);
    }
  });
});

test("paused agents never change, and what drifted under warn or ignore is not touched unasked", () => {
  holds((s, policy) => {
    const agents = new Map(s.desired.agents.map((a) => [a.name, a]));
    for (const change of planOf(s, policy).plan.changes) {
      const agent = agents.get(change.agent);
      assert.notEqual(agent?.paused, true, `${change.action} of ${change.agent}, which is paused`);
      if (change.cause !== "drift" || !agent || agent.drift.mode === "correct") continue;
      assert.equal(agent.drift.mode, "warn");
      assert.ok(policy.actor === "apply" && policy.targets.includes(change.agent));
    }
  });
});

test("targets restrict the plan to their names, and restrict only", () => {
  holds((s, policy) => {
    if (policy.targets.length === 0) return;
    const { plan } = planOf(s, policy);
    for (const { agent } of [...plan.changes, ...plan.held]) assert.ok(policy.targets.includes(agent));
    const all = new Set(planOf(s, { ...policy, targets: [] }).plan.changes.map((c) => c.agent));
    for (const change of plan.changes) if (change.cause !== "drift") assert.ok(all.has(change.agent));
  });
});

test("limits: what is created or grows stays within them", () => {
  const readable = ["Running", "Stopped", "Suspended"];
  holds((all, policy) => {
    if (Object.keys(all.desired.settings.limits).length === 0) return;
    // A restore brings back a size that only Multipass knows; the turn after sees it.
    const agents = all.desired.agents.map(({ restore: _restore, ...a }) => a);
    const s = { ...all, desired: { ...all.desired, agents } };
    const world = copy(s.world);
    for (const [name, i] of world.instances)
      if (!readable.includes(i.state)) world.instances.set(name, { ...i, state: "Stopped" });
    const sum = (field: keyof Size): number =>
      s.desired.agents
        .filter((a) => world.claims.has(a.name))
        .reduce((total, a) => total + printed(world.instances.get(a.name)?.size[field] ?? 0), 0);
    const before = { cpu: sum("cpu"), memory: sum("memory"), disk: sum("disk") };
    const { plan } = planOf({ ...s, world }, policy);
    for (const change of plan.changes) runChange(world, s.desired, change);
    for (const [field, limit] of Object.entries(s.desired.settings.limits)) {
      const after = sum(field as keyof Size);
      assert.ok(
        after <= Math.max(limit, before[field as keyof Size]) * 1.01,
        `${field}: ${after} of ${limit}`,
      );
    }
  });
});

test("one change an agent, none both changed and held by a guard, counts that add up", () => {
  holds((s, policy) => {
    const { plan } = planOf(s, policy);
    const changed = new Set(plan.changes.map((c) => c.agent));
    assert.equal(changed.size, plan.changes.length);
    for (const held of plan.held) if (held.would) assert.ok(!changed.has(held.agent), held.agent);
    const { counts } = plan;
    assert.equal(counts.held, plan.held.filter((h) => h.reason !== "waiting").length);
    const replaced = plan.changes.filter((c) => c.action === "replace").length;
    const alone = plan.changes.filter((c) => c.action === "snapshot").length;
    assert.equal(counts.create + counts.change + counts.destroy, plan.changes.length + replaced - alone);
  });
});

const schemaFile = new URL("../../../schemas/plan.schema.json", import.meta.url);

test("a plan is JSON, and is what its schema says", () => {
  const schema: object = existsSync(schemaFile) ? JSON.parse(readFileSync(schemaFile, "utf8")) : {};
  const valid = new Ajv2020({ strict: false }).compile(schema);
  holds((s, policy) => {
    const { plan } = planOf(s, policy);
    assert.deepStrictEqual(JSON.parse(JSON.stringify(plan)), plan);
    assert.ok(valid(plan), JSON.stringify(valid.errors));
  });
});

test("the patch of a change leads from before to after", () => {
  holds((s, policy) => {
    const { plan } = planOf(s, policy);
    const would = plan.held.flatMap((h) => (h.would ? [h.would] : []));
    for (const change of [...plan.changes, ...would]) {
      const before = structuredClone(change.before ?? {});
      const { newDocument } = jsonpatch.applyPatch(before, structuredClone([...change.patch]), true);
      assert.deepEqual(newDocument, change.after);
    }
  });
});

test("planning changes nothing that it was given", () => {
  holds((s, policy) => {
    const observed = observe(copy(s.world));
    const before = structuredClone({ desired: s.desired, observed });
    makePlan(s.desired, observed, policy, s.world.now);
    assert.deepEqual({ desired: s.desired, observed }, before);
    assert.equal(policy.bootGrace, GRACE);
  });
});
