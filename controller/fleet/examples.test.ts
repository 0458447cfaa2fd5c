/** Runs schemas/examples: what is valid loads, what is invalid gives exactly the messages that stand in it. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../base/paths.ts";
import { errorLine } from "./errors.ts";
import { type FleetRead, loadFleet } from "./load.ts";

const examples = join(packageRoot(), "schemas", "examples");

/** Each example is a fleet of its own. */
async function loadExample(path: string): Promise<FleetRead> {
  if (statSync(path).isDirectory()) return loadFleet(path, { userHome: "/home/me" });
  const folder = mkdtempSync(join(tmpdir(), "vm-agent-example-"));
  try {
    cpSync(path, join(folder, path.slice(path.lastIndexOf("/") + 1)));
    cpSync(join(examples, "valid", "files"), join(folder, "files"), { recursive: true });
    return await loadFleet(folder, { userHome: "/home/me" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function expected(path: string): readonly string[] {
  if (statSync(path).isDirectory()) return readFileSync(join(path, "EXPECT"), "utf8").trimEnd().split("\n");
  const name = path.slice(path.lastIndexOf("/") + 1);
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line.startsWith("# expect: ")).map((line) => `${name}:${line.slice(10)}`);
}

const invalid = readdirSync(join(examples, "invalid")).sort();
const valid = readdirSync(join(examples, "valid")).filter((name) => name.endsWith(".yaml"));

test("there are enough examples", () => {
  assert.ok(invalid.length >= 40, `${invalid.length}`);
  assert.ok(valid.length >= 4, `${valid.length}`);
});

for (const name of invalid) {
  test(`invalid: ${name}`, async () => {
    const path = join(examples, "invalid", name);
    const read = await loadExample(path);
    assert.equal(read.ok, false);
    if (!read.ok) assert.deepEqual(read.errors.map(errorLine), expected(path));
  });
}

for (const name of valid) {
  test(`valid: ${name}`, async () => {
    const read = await loadExample(join(examples, "valid", name));
    assert.deepEqual(read.ok ? [] : read.errors.map(errorLine), []);
  });
}

test("the example fleet is valid, without warnings", async () => {
  const read = await loadFleet(join(packageRoot(), "fleet"));
  assert.ok(read.ok);
  assert.deepEqual(read.warnings, []);
  const names = read.desired.agents.map((agent) => agent.name);
  assert.deepEqual(names, ["agent-builder", "agent-researcher", "agent-tester"]);
  assert.deepEqual(
    read.desired.snapshots.map(({ agent, name }) => `${agent}.${name}`),
    ["agent-builder.clean"],
  );
});
