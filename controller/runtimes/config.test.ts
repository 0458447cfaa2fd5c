/** runtime-config.ts: secrets come from where the document says; what is missing is named, and what was found is never shown. */
import assert from "node:assert/strict";
import { NOTHING_ALLOWED } from "../base/env.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { agentOf } from "../core/testing/build.ts";
import type { DesiredAgent, SecretRef } from "../core/types.ts";
import { createRuntimeConfigs } from "./config.ts";

const KEY = Buffer.alloc(32, 7);
const runtimeConfig = (agent: DesiredAgent, env: Readonly<Record<string, string>>, key = KEY) =>
  createRuntimeConfigs({ env, trust: () => ({ allow: NOTHING_ALLOWED, restricted: false }), key }).read(
    agent,
  );

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
  assert.deepEqual([config.env, config.offlineAfter], [{ NODE_ENV: "test" }, 90_000]);
  assert.equal("keepSecrets" in config, false);
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
    [
      "secret TOKEN of a: the environment has no NOT_SET; its former value, if there was one, stays in force",
      "secret KEY of a: cannot read /does/not/exist; its former value, if there was one, stays in force",
    ],
  );
  assert.deepEqual(config.keepSecrets, ["TOKEN", "KEY"]);
  assert.doesNotMatch(JSON.stringify(missing), /s3cret/);
});

test("a value that no environment variable can hold is missing, with the limit", async () => {
  const agent = withSecrets({ BIG: { fromEnv: "T" } });
  const { config, missing } = await runtimeConfig(agent, { T: "x".repeat(131_068) });
  assert.deepEqual(config.secrets, {});
  assert.match(missing[0]?.message ?? "", /has 131068 bytes, and an environment variable has at most 131071/);
  assert.deepEqual((await runtimeConfig(agent, { T: "x".repeat(131_067) })).missing, []);
});

test("the hash is the document's, then a seal that tells values apart and gives none away", async () => {
  const agent = withSecrets({ TOKEN: { fromEnv: "T" } });
  const hashOf = async (value: string, of = agent, key = KEY) =>
    (await runtimeConfig(of, { T: value }, key)).config.hash;
  const first = await hashOf("one");
  assert.match(first, /^hash\.[\w-]{43}$/);
  assert.equal(await hashOf("one"), first);
  assert.notEqual(await hashOf("two"), first);
  assert.notEqual(await hashOf("one", { ...agent, name: "b" }), first);
  assert.notEqual(await hashOf("one", agent, Buffer.alloc(32, 8)), first);
  assert.equal((await runtimeConfig(withSecrets({}), {})).config.hash, "hash");
});

test("a file that goes away, or is being written, leaves the value that was read; a new one is named as rotated", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-config-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "key");
  const agent = withSecrets({ KEY: { fromFile: file } });
  const configs = createRuntimeConfigs({
    env: {},
    trust: () => ({ allow: NOTHING_ALLOWED, restricted: false }),
    key: KEY,
  });
  writeFileSync(file, "one\n");
  const first = await configs.read(agent);
  assert.deepEqual(first.rotated, []);
  for (const take of [() => writeFileSync(file, ""), () => rmSync(file)]) {
    take();
    const kept = await configs.read(agent);
    assert.deepEqual(kept.config, first.config);
    assert.deepEqual([kept.missing.length, kept.rotated], [1, []]);
  }
  writeFileSync(file, "two\n");
  const second = await configs.read(agent);
  assert.deepEqual([second.config.secrets, second.missing, second.rotated], [{ KEY: "two" }, [], ["KEY"]]);
  assert.notEqual(second.config.hash, first.config.hash);
  configs.retain([]);
  rmSync(file);
  assert.deepEqual((await configs.read(agent)).config.secrets, {});
});
