/** What is being asked whose it is, and maybe taken back, is not worked on at the same time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { agentOf, claimAsDeclared } from "../../core/testing/build.ts";
import { Loop } from "../../loop/loop.ts";
import { createScene } from "../../loop/simulation/scene.ts";

test("a guest that is asked whose it is, is not stopped before that is over", async () => {
  const agent = agentOf({ name: "a", state: "stopped" });
  const scene = await createScene([{ name: "a", state: "stopped" }]);
  const claim = claimAsDeclared(agent, { phase: "launching", proven: false, converged: null });
  await scene.store.claims.put({ ...claim, bootAt: scene.clock.now() }, scene.deps.fence);
  await scene.port.enrol("a", claim.nonce);
  const instance = scene.world.add({ name: "a", maker: "fleet", nonce: claim.nonce, size: agent.size });
  scene.world.boot(instance);
  let inside = 0;
  const overlapping: string[] = [];
  scene.onCall = ({ kind, name }) => {
    if (inside > 0 && kind !== "exec") overlapping.push(`${kind} ${name}`);
  };
  // It is up, and says hello while it is being asked.
  instance.helloAt = scene.clock.now() + 8_300;
  const driver = {
    ...scene.driver,
    exec: (...args: Parameters<typeof scene.driver.exec>) => {
      inside++;
      return scene.clock.sleep(5_000).then(async () => {
        const answer = await scene.driver.exec(...args);
        inside--;
        return answer;
      });
    },
  };
  const ownership = { isOwned: () => true, hubPort: () => 9090 };
  const loop = new Loop({ ...scene.deps, driver, ownership });
  await scene.clock.advance(8_100);
  loop.start();
  await scene.clock.advance(500);
  loop.wake();
  await scene.clock.until("it is stopped", () => instance.state === "Stopped", 600_000);
  assert.deepEqual(overlapping, []);
  assert.ok(scene.calls.includes("exec a"), "it was taken back");
  await scene.clock.advance(60_000);
  await loop.stop();
});
