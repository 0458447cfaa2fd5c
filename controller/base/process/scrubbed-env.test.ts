/** What programs that we start find in their environment, asked of real ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "./exec.ts";
import { withoutHostSecrets, withholdFromInstances } from "./scrubbed-env.ts";

test("no child receives the hub's token, and Multipass no secret of an agent", async (t) => {
  t.after(() => {
    delete process.env.VM_AGENT_TOKEN;
    delete process.env.WITHHELD_TEST_SECRET;
  });
  process.env.VM_AGENT_TOKEN = "the-token";
  process.env.WITHHELD_TEST_SECRET = "the-secret";
  const seen = async (env = {}) => (await run("env", [], { env })).stdout;
  assert.doesNotMatch(await seen(), /the-token/);
  assert.match(await seen(), /the-secret/, "git may need it");
  withholdFromInstances("WITHHELD_TEST_SECRET");
  withholdFromInstances("PATH");
  const left = await seen(withoutHostSecrets());
  assert.doesNotMatch(left, /the-secret|the-token/);
  assert.match(left, /^PATH=/m);
});
