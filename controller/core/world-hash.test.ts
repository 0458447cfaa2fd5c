/** The hash of the world moves with our instances, and with nothing else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agentOf, claimAsDeclared, instanceOf, observedOf, runtimeOf } from "./testing/build.ts";
import type { Claim, Observed, ObservedInstance } from "./types.ts";
import { observedHash, ourInstances } from "./world-hash.ts";

const claims = ["a", "b"].map((name) => claimAsDeclared(agentOf({ name })));
const [first, second] = claims as [Claim, Claim];
const instances = [instanceOf("a", "Running"), instanceOf("b", "Stopped"), instanceOf("pet", "Running")];
const base = observedOf(instances, claims);
const hash = (observed: Observed, targets: readonly string[] = []) => observedHash(observed, targets);
const withInstance = (i: number, more: Partial<ObservedInstance>): Observed =>
  observedOf(
    instances.map((x, at) => (at === i ? { ...x, ...more } : x)),
    claims,
  );

describe("observedHash", () => {
  const same: readonly (readonly [string, Observed])[] = [
    ["a size was read", withInstance(0, { size: { cpu: 2, memory: 1, disk: 1 } })],
    ["snapshots were read", withInstance(1, { snapshots: [{ name: "x", parent: "", comment: "" }] })],
    ["mounts and addresses were read", withInstance(0, { mounts: [], ipv4: ["10.0.0.1"] })],
    ["a heartbeat came", observedOf(instances, claims, [runtimeOf("a")])],
    ["another time", observedOf(instances, claims, [], { at: 0 })],
    ["another order", observedOf([...instances].reverse(), [second, first])],
    ["an unowned instance is stopped", withInstance(2, { state: "Stopped" })],
    ["an unowned instance is gone", observedOf(instances.slice(0, 2), claims)],
    ["what was remembered of a document", observedOf(instances, [{ ...first, protect: true }, second])],
  ];
  for (const [what, observed] of same)
    it(`stays: ${what}`, () => {
      assert.equal(hash(observed), hash(base));
    });

  const moved: readonly (readonly [string, Observed])[] = [
    ["one of ours is stopped", withInstance(0, { state: "Stopped" })],
    ["one of ours is gone", observedOf(instances.slice(1), claims)],
    ["an instance was recreated under its name", observedOf(instances, [{ ...first, nonce: "new" }, second])],
    ["a removal was begun", observedOf(instances, [{ ...first, phase: "removing" }, second])],
    ["one is not ours any more", observedOf(instances, [first])],
    ["nothing can be seen", observedOf("the daemon is away", claims)],
  ];
  for (const [what, observed] of moved)
    it(`moves: ${what}`, () => {
      assert.notEqual(hash(observed), hash(base));
    });

  it("is of the targets only, where there are any", () => {
    assert.equal(hash(withInstance(1, { state: "Running" }), ["a"]), hash(base, ["a"]));
    assert.notEqual(hash(withInstance(0, { state: "Stopped" }), ["a"]), hash(base, ["a"]));
  });
});

describe("ourInstances", () => {
  it("tells the state of each of ours, in order of name; absent is null", () => {
    assert.deepEqual(ourInstances(observedOf(instances.slice(1), [second, first]), []), [
      { name: "a", state: null },
      { name: "b", state: "Stopped" },
    ]);
    assert.deepEqual(ourInstances(base, ["b"]), [{ name: "b", state: "Stopped" }]);
  });
});
