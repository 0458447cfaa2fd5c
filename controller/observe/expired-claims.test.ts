/** An instance that disappears while it is launched or removed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { agentOf, claimAsDeclared } from "../core/testing/build.ts";
import { runEffect } from "../execute/effects.ts";
import { observe } from "./observe.ts";
import { changeOf, createScene } from "../loop/simulation/scene.ts";

for (const [seenGone, left] of [
  [true, "stranger"],
  [false, undefined],
] as const)
  test(`it ${seenGone ? "was" : "was never"} seen to be gone: what has its name is ${seenGone ? "spared" : "removed"}`, async () => {
    const scene = await createScene();
    const { clock, store, world, deps } = scene;
    const agent = agentOf({ name: "a" });
    await store.claims.put(claimAsDeclared(agent, { phase: "removing" }), deps.fence);
    const look = observe(deps, null, { fence: deps.fence, busy: new Set(["a"]), snapshotsMaxAge: 0 });
    const other = { name: "a", nonce: "none", size: agent.size } as const;
    if (!seenGone) world.add({ ...other, maker: "fleet" });
    await clock.advance(1_000);
    await look;
    if (seenGone) world.add({ ...other, maker: "stranger" });
    const step = { kind: "remove", agent: "a", requires: [], satisfied: [] } as const;
    const context = { agent, change: changeOf("destroy", agent), signal: new AbortController().signal };
    const done = runEffect(deps, step, context);
    await clock.advance(10_000);
    await done;
    assert.equal(world.get("a")?.maker, left);
  });

for (const heard of [true, false])
  test(`a launch without any report ${heard ? "and whose runtime was heard is over" : "may still be on its way"} where its name is absent`, async () => {
    const scene = await createScene();
    const { clock, store, world, deps, port } = scene;
    const claim = claimAsDeclared(agentOf({ name: "a" }), {
      phase: "launching",
      proven: false,
      converged: null,
    });
    await store.claims.put(claim, deps.fence);
    await port.enrol("a", claim.nonce);
    if (heard) {
      const size = agentOf({ name: "a" }).size;
      world.boot(world.add({ name: "a", maker: "fleet", nonce: claim.nonce, size }));
      await clock.advance(60_000);
      assert.equal(port.readings()[0]?.status, "online");
      world.erase("a");
    }
    const look = observe(deps, null, { fence: deps.fence, busy: new Set(["a"]), snapshotsMaxAge: 0 });
    await clock.advance(1_000);
    await look;
    assert.equal(scene.claim("a")?.nonce, heard ? undefined : claim.nonce);
  });
