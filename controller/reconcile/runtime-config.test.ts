/** runtime-config.ts: secrets come from where the document says; what is missing is named, and what was found is never shown. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { agentOf } from "../core/testdata/build.ts";
import type { SecretRef } from "../core/types.ts";
import { runtimeConfig } from "./runtime-config.ts";

const withSecrets = (secrets: Readonly<Record<string, SecretRef>>) => ({
  ...agentOf({ name: "a", config: "hash" }),
  env: { NODE_ENV: "test" },
  secrets,
});

test("from the environment and from a file, without the file's last line end", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "key");
  writeFileSync(file, "line 1\nline 2\r\n");
  const agent = withSecrets({ TOKEN: { fromEnv: "T" }, KEY: { fromFile: file }, EMPTY: { fromEnv: "E" } });
  const { config, missing } = await runtimeConfig(agent, { T: "s3cret", E: "" });
  assert.deepEqual(missing, []);
  assert.deepEqual(config.secrets, { TOKEN: "s3cret", KEY: "line 1\nline 2", EMPTY: "" });
  assert.deepEqual([config.hash, config.env, config.offlineAfter], ["hash", { NODE_ENV: "test" }, 90_000]);
  assert.deepEqual(config.size, agent.size);
});

test("a missing one is named with where it was looked for; the others are there", async () => {
  const agent = withSecrets({
    TOKEN: { fromEnv: "NOT_SET" },
    KEY: { fromFile: "/does/not/exist" },
    OK: { fromEnv: "T" },
  });
  const { config, missing } = await runtimeConfig(agent, { T: "s3cret" });
  assert.deepEqual(config.secrets, { OK: "s3cret" });
  assert.deepEqual(
    missing.map((m) => m.message),
    ["secret TOKEN of a: the environment has no NOT_SET", "secret KEY of a: cannot read /does/not/exist"],
  );
  assert.doesNotMatch(JSON.stringify(missing), /s3cret/);
});

test("the hash is the fleet's own: a secret's value never shows in it", async () => {
  const agent = withSecrets({ TOKEN: { fromEnv: "T" } });
  const first = await runtimeConfig(agent, { T: "one" });
  const second = await runtimeConfig(agent, { T: "two" });
  assert.equal(first.config.hash, second.config.hash);
});
