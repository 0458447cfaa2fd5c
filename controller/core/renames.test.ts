/** previousName: which instance is kept, who else has to know, and when it counts no more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makePlan } from "./plan.ts";
import { keptNote, instanceNameOf, applyRenames, withKeptTargets } from "./renames.ts";
import { copy, policyArb, sceneArb } from "./testing/arbitrary.ts";
import {
  type ShortAgent,
  NOW,
  agentOf,
  claimAsDeclared,
  claimOf,
  desiredOf,
  instanceOf,
  observedOf,
  policyOf,
} from "./testing/build.ts";
import { observe } from "./testing/world.ts";

const fleet = desiredOf(
  [
    { name: "new", previousName: "old" },
    { name: "other", dependsOn: ["new"] },
  ],
  [{ name: "clean", agent: "new" }],
);
const view = { state: "running" } as const;

test("the agent, its snapshots and those who depend on it go by the name of its instance", () => {
  const kept = applyRenames(fleet, [claimOf("old", view)]);
  assert.deepEqual(
    kept.agents.map((a) => [a.name, a.document, a.dependsOn]),
    [
      ["old", "new", []],
      ["other", "other", ["old"]],
    ],
  );
  assert.deepEqual(
    kept.snapshots.map((s) => s.agent),
    ["old"],
  );
  assert.deepEqual(applyRenames(kept, [claimOf("old", view)]), kept);
  assert.match(keptNote(kept.agents[0] as never) ?? "", /written as "new".*"old".*cannot rename/);
  assert.equal(keptNote(kept.agents[1] as never), null);
});

test("it counts no more where the old one is not ours, is being removed, or the new one is there", () => {
  for (const claims of [
    [],
    [claimOf("old", view, { phase: "removing" })],
    [claimOf("old", view), claimOf("new", view)],
  ])
    assert.equal(applyRenames(fleet, claims), fleet);
  const taken = { ...fleet, agents: [...fleet.agents, ...desiredOf([{ name: "old" }]).agents] };
  assert.equal(applyRenames(taken, [claimOf("old", view)]), taken);
});

test("what was kept stays kept: previousName may be taken out again, and a third name says the second", () => {
  const lives = claimOf("old", view, { document: "new" });
  const names = (agents: Parameters<typeof desiredOf>[0], claims = [lives]) =>
    applyRenames(desiredOf(agents), claims).agents.map((a) => a.name);
  assert.deepEqual(names([{ name: "new" }]), ["old"]);
  assert.deepEqual(names([{ name: "third", previousName: "new" }]), ["old"]);
  const third = claimOf("old", view, { document: "third" });
  assert.deepEqual(names([{ name: "third", previousName: "new" }], [third]), ["old"]);
  assert.deepEqual(names([{ name: "third" }], [third]), ["old"]);
  // The name of the instance is taken by another agent now, or it is ambiguous.
  assert.deepEqual(names([{ name: "new" }, { name: "old" }]), ["new", "old"]);
  assert.deepEqual(names([{ name: "new" }], [lives, claimOf("older", view, { document: "new" })]), ["new"]);
  assert.deepEqual(names([{ name: "new" }], [{ ...lives, phase: "removing" }]), ["new"]);
});

test("a person speaks of an instance by its own name, or by the one that its agent has now", () => {
  const claims = [claimOf("old", view, { document: "new" }), claimOf("w-1", view, { document: "w" })];
  assert.deepEqual(
    ["new", "old", "w", "w-1", "other"].map((name) => instanceNameOf(name, claims)),
    ["old", "old", "w", "w-1", "other"],
  );
});

test("replicas are not one agent under another name", () => {
  const replica = (name: string) => claimOf(name, view, { document: "w" });
  for (const claims of [[replica("w-1")], [replica("w-1"), replica("w-2")]]) {
    const one = desiredOf([{ name: "w" }]);
    assert.equal(applyRenames(one, claims), one);
  }
  assert.equal(keptNote({ ...desiredOf([{ name: "w-1" }]).agents[0], document: "w" } as never), null);
});

test("a person may name it either way", () => {
  const policy = policyOf({ actor: "apply", targets: ["new", "other"], allowDelete: ["new"] });
  const kept = withKeptTargets(policy, fleet, [claimOf("old", view)]);
  assert.deepEqual([kept.targets, kept.allowDelete], [["old", "other"], ["old"]]);
  assert.equal(withKeptTargets(policy, fleet, []), policy);
});

test("whatever there is: giving agents other names destroys and creates nothing that it would not have before", () => {
  fc.assert(
    fc.property(sceneArb(), policyArb, ({ desired: written, world }, policy) => {
      // Limits admit in the order of names.
      const desired = { ...written, settings: { ...written.settings, limits: {} } };
      const observed = observe(copy(world));
      const renamed = {
        ...desired,
        agents: desired.agents.map((a) => ({
          ...a,
          name: `x${a.name}`,
          document: `x${a.name}`,
          previousName: a.name,
          dependsOn: a.dependsOn.map((d) => `x${d}`),
        })),
        snapshots: desired.snapshots.map((s) => ({ ...s, agent: `x${s.agent}` })),
      };
      const claimed = new Set(observed.claims.filter((c) => c.phase !== "removing").map((c) => c.name));
      const all = { ...policy, targets: [] };
      const reported = (plan: ReturnType<typeof makePlan>) =>
        plan.changes.filter((c) => claimed.has(c.agent)).map((c) => `${c.action} ${c.agent}`);
      assert.deepEqual(
        reported(makePlan(renamed, observed, all, world.now)),
        reported(makePlan(desired, observed, all, world.now)),
      );
    }),
    { numRuns: 1_000 },
  );
});

test("a creation that is as a removed agent was says how a rename keeps the instance", () => {
  const notes = (agents: readonly ShortAgent[], ...were: readonly ShortAgent[]) => {
    const claims = were.map((w) => claimAsDeclared(agentOf(w)));
    const observed = observedOf(
      were.map((w) => instanceOf(w.name, "Running")),
      claims,
    );
    return makePlan(desiredOf(agents), observed, policyOf(), NOW).notes.map((n) => n.message);
  };
  const [hint, ...more] = notes([{ name: "b", cpu: 3 }], { name: "a", cpu: 3 });
  assert.match(hint ?? "", /as "a" was, whose document is gone: .* write previousName: a,/);
  assert.deepEqual(more, []);
  // Another agent, one of two that it may be, and one whose former agent is still written.
  assert.deepEqual(notes([{ name: "b", cpu: 4 }], { name: "a", cpu: 3 }), []);
  assert.deepEqual(notes([{ name: "c" }], { name: "a" }, { name: "b" }), []);
  assert.deepEqual(notes([{ name: "a" }, { name: "b" }], { name: "a" }), []);
});
