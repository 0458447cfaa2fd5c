/** live-config.ts: under which name the hub is told what an agent should have. */
import assert from "node:assert/strict";
import { NOTHING_ALLOWED } from "../base/env.ts";
import { test } from "node:test";
import { claimAsWritten, claimOf, desiredOf } from "../core/testing/build.ts";
import type { Claim, Desired } from "../core/types.ts";
import { createLiveConfig } from "./live-config.ts";
import { createRuntimeConfigs } from "./config.ts";

/** What the hub was told since it was asked last, as `name` or `name, called as`. */
function scene(desired: Desired, claims: readonly Claim[]) {
  const told: string[] = [];
  const config = createLiveConfig({
    desired: () => desired,
    claims: () => claims,
    configs: createRuntimeConfigs({
      env: {},
      trust: () => ({ allow: NOTHING_ALLOWED, restricted: false }),
      key: Buffer.alloc(32, 7),
    }),
    runtime: {
      configure: (name, { calledAs }) => void told.push([name, calledAs].filter(Boolean).join(", ")),
    },
    files: null,
    onRotated: () => {},
    onMissing: () => {},
  });
  return { config, told: () => told.splice(0) };
}

test("an agent that keeps a former name is told of under that name alone, with the one that it is called by", async () => {
  const desired = desiredOf([{ name: "other" }, { name: "new", previousName: "old" }]);
  const [other, renamed] = desired.agents;
  assert.ok(other && renamed);
  const { converged } = claimAsWritten(renamed);
  const { config, told } = scene(desired, [
    claimAsWritten(other),
    claimOf("old", converged, { document: "new" }),
  ]);
  await config.readAll();
  assert.deepEqual(told(), ["other", "old, new"]);
  // As after a launch, or after the hub had forgotten it.
  await config.readOne("old");
  assert.deepEqual(told(), ["old, new"]);
  await config.readOne("other");
  assert.deepEqual(told(), ["other"]);
  await config.readOne("nobody");
  assert.deepEqual(told(), []);
});
