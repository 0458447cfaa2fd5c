/** live-config.ts: the name under which the hub receives an agent's configuration. */
import assert from "node:assert/strict";
import { NOTHING_ALLOWED } from "../base/env.ts";
import { test } from "node:test";
import { claimAsDeclared, claimOf, desiredOf } from "../core/testing/build.ts";
import type { Claim, Desired } from "../core/types.ts";
import { createLiveConfig } from "./live-config.ts";
import { createRuntimeConfigs } from "./config.ts";

/** What the hub received since the last call, as `name` or `name, called as`. */
function scene(desired: Desired, claims: readonly Claim[]) {
  const reported: string[] = [];
  const config = createLiveConfig({
    desired: () => desired,
    claims: () => claims,
    configs: createRuntimeConfigs({
      env: {},
      trust: () => ({ allow: NOTHING_ALLOWED, restricted: false }),
      key: Buffer.alloc(32, 7),
    }),
    runtime: {
      configure: (name, { calledAs }) => void reported.push([name, calledAs].filter(Boolean).join(", ")),
    },
    files: null,
    onRotated: () => {},
    onMissing: () => {},
  });
  return { config, reported: () => reported.splice(0) };
}

test("a renamed agent is configured under its former name alone, with its declared name", async () => {
  const desired = desiredOf([{ name: "other" }, { name: "new", previousName: "old" }]);
  const [other, renamed] = desired.agents;
  assert.ok(other && renamed);
  const { converged } = claimAsDeclared(renamed);
  const { config, reported } = scene(desired, [
    claimAsDeclared(other),
    claimOf("old", converged, { document: "new" }),
  ]);
  await config.readAll();
  assert.deepEqual(reported(), ["other", "old, new"]);
  // As after a launch, or after the hub had forgotten it.
  await config.readOne("old");
  assert.deepEqual(reported(), ["old, new"]);
  await config.readOne("other");
  assert.deepEqual(reported(), ["other"]);
  await config.readOne("no-such");
  assert.deepEqual(reported(), []);
});
