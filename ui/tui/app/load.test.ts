/** What is loaded for the dashboard, and what the environment is afterwards. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { loadDashboard } from "./load.ts";

test("React's production build, whatever the environment says, which stays as it was", async () => {
  process.env.NODE_ENV = "development";
  assert.equal(typeof (await loadDashboard()), "function");
  // Both builds are looked at for what they export; one of them is run.
  const run = Object.entries(createRequire(import.meta.url).cache).filter(([, module]) => module?.loaded);
  const loaded = run.map(([path]) => path).filter((path) => /[/\\]react/.test(path));
  assert.ok(
    loaded.some((p) => p.endsWith("react-reconciler.production.js")),
    loaded.join("\n"),
  );
  assert.deepEqual(
    loaded.filter((p) => /development/.test(p)),
    [],
  );
  assert.equal(process.env.NODE_ENV, "development");
});
