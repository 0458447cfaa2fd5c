/** What a system that was stopped leaves in its process: no subscription. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readSettings } from "../../base/env.ts";
import { createSystem } from "../../cli/system/system.ts";
import { PROFILE, RESEARCHER, settings as fleet } from "../support/fleets.ts";
import { createFixture } from "../support/harness.ts";

test("after a stop no subscription to the events of a system is left", async (t) => {
  const fixture = await createFixture({
    "researcher.yaml": RESEARCHER,
    "profile.yaml": PROFILE,
    "fleet.yaml": fleet(),
  });
  t.after(() => fixture.close());
  const settings = readSettings({}, fixture.env, fixture.folder);
  const errors: unknown[] = [];
  const system = await createSystem(settings, {
    command: "test",
    env: fixture.env,
    watch: true,
    onError: (error) => errors.push(error),
  });
  try {
    system.loop.start();
    await system.loop.settled(AbortSignal.timeout(120_000));
    assert.ok(system.bus.listenerCount() > 0);
  } finally {
    await system.stop();
  }
  assert.equal(system.bus.listenerCount(), 0);
  assert.deepEqual(errors, []);
});
