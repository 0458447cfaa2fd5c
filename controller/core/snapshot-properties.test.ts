/** What holds of every plan about snapshots and restores, whatever the fleet, the world and the policy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mountsOf } from "./diff/fields.ts";
import { isTokenDone } from "./diff/diff-restore.ts";
import { makePlan } from "./plan.ts";
import { type Scene, copy, policyArb, sceneArb } from "./testing/arbitrary.ts";
import { claimAsDeclared, runtimeOf } from "./testing/build.ts";
import { observe } from "./testing/world.ts";
import type { Observed, Plan, Policy } from "./types.ts";

const RUNS = 2_000;

function planOf(
  { desired, world }: Scene,
  policy: Policy,
): { readonly plan: Plan; readonly observed: Observed } {
  const observed = observe(copy(world));
  return { plan: makePlan(desired, observed, policy, world.now), observed };
}

const holds = (check: (s: Scene, policy: Policy) => void): void =>
  fc.assert(fc.property(sceneArb(), policyArb, check), { numRuns: RUNS });

test("a restore is of a snapshot that exists, for a token that is new, and what is on the disk is kept first", () => {
  let restores = 0;
  holds((found, policy) => {
    const s = found.world.claims.size % 2 === 0 ? calm(found) : found;
    const { plan, observed } = planOf(s, policy);
    for (const change of plan.changes) {
      assert.equal(change.action === "restore", change.restore !== undefined);
      if (!change.restore) continue;
      restores++;
      const { snapshot, token, safety } = change.restore;
      const agent = s.desired.agents.find((a) => a.name === change.agent);
      const claim = observed.claims.find((c) => c.name === change.agent);
      const there = s.world.instances.get(change.agent)?.snapshots.map((x) => x.name) ?? [];
      assert.deepEqual(agent?.restore, { snapshot, token });
      assert.ok(claim?.converged && ![claim.restoreToken, ...(claim.formerTokens ?? [])].includes(token));
      assert.ok(there.includes(snapshot) && !there.includes(safety), `${snapshot}, ${safety} of ${there}`);
      if (claim.restoring?.token === token && claim.restoring.snapshot === snapshot)
        assert.equal(change.seen, "Stopped", "it was begun, and the instance may have run since");
    }
  });
  assert.ok(restores > 50, `only ${restores} restores`);
});

test("only snapshots that we made are removed: beyond what a schedule keeps, or without a document where that may be acted on", () => {
  const seen = { beyond: 0, orphans: 0 };
  holds((found, policy) => {
    const s = calm(found);
    const { plan } = planOf(s, policy);
    for (const change of plan.changes) {
      const { removes = [], agent } = change;
      assert.equal(change.action === "prune" && removes.length === 0, false);
      const documents = s.desired.snapshots.filter((d) => d.agent === agent);
      const restore = s.desired.agents.find((a) => a.name === agent)?.restore;
      const claim = s.world.claims.get(agent);
      for (const name of removes) {
        const made = s.world.made?.get(`${agent}/${name}`);
        assert.ok(made && made.of !== null, `${name} is not ours to remove`);
        assert.ok(s.world.instances.get(agent)?.snapshots.some((x) => x.name === name));
        assert.ok(!documents.some((d) => d.schedule === undefined && d.name === name), `${name} is written`);
        if (restore && claim && !isTokenDone(claim, restore.token)) assert.notEqual(name, restore.snapshot);
        assert.equal(s.desired.guard, undefined, "the absence of a document proves nothing");
        const document = documents.find((d) => d.name === made.of && d.schedule !== undefined);
        if (change.cause !== "removed") {
          seen.beyond++;
          assert.ok(document && made.scheduled, `${name} has no schedule`);
          const left = [...(s.world.made?.values() ?? [])].filter(
            (m) =>
              m.agent === agent &&
              m.of === made.of &&
              !removes.includes(m.name) &&
              s.world.instances.get(agent)?.snapshots.some((x) => x.name === m.name),
          );
          const coming = change.snapshots.flatMap((t) => (t.of === made.of ? t.name : []));
          const kept = [...left.flatMap((m) => (m.scheduled ? m.name : [])), ...coming];
          const reported = kept.filter((k) => change.keeps?.includes(k));
          assert.ok(
            reported.length >= (document.keep ?? 0),
            `${name} goes for the sake of ${reported.join(", ")}`,
          );
          for (const other of left) assert.ok(other.at >= made.at || isWanted(s, agent, other.name));
        } else {
          seen.orphans++;
          assert.equal(document, undefined, `${name} has a document`);
          assert.ok(policy.actor === "apply" || s.desired.settings.prune);
        }
      }
    }
  });
  assert.ok(seen.beyond > 10 && seen.orphans > 50, JSON.stringify(seen));
});

/** The same, with all owned instances in sync: so that only snapshots differ. */
function calm({ desired, world }: Scene): Scene {
  const still = copy(world);
  const atRest = { running: "Running", stopped: "Stopped", suspended: "Suspended" } as const;
  for (const agent of desired.agents) {
    const { name } = agent;
    const instance = still.instances.get(name);
    const claim = still.claims.get(name);
    if (!instance || !claim || instance.nonce !== claim.nonce) continue;
    const { mounts = [] } = mountsOf(agent.mounts);
    still.instances.set(name, { ...instance, state: atRest[agent.state], size: agent.size, mounts });
    const written = claimAsDeclared(agent, { nonce: claim.nonce });
    still.claims.set(name, { ...written, restoring: claim.restoring ?? null });
    if (agent.state === "running")
      still.runtimes.set(name, runtimeOf(name, { nonce: claim.nonce, configHash: agent.configHash }));
  }
  return { desired, world: still };
}

/** A document or a restore names it, so it stays however old it is. */
const isWanted = (s: Scene, agent: string, name: string): boolean =>
  s.desired.snapshots.some((d) => d.agent === agent && d.schedule === undefined && d.name === name) ||
  s.desired.agents.some((a) => a.name === agent && a.restore?.snapshot === name) ||
  s.world.claims.get(agent)?.restoring?.snapshot === name;
