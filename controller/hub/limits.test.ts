/** Every limit is finite, and documented as it is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../base/paths.ts";
import { joinTokenLife, LIMITS } from "./limits.ts";

test("every limit is finite and above zero, and stands in ARCHITECTURE with its value", () => {
  for (const [name, value] of Object.entries(LIMITS))
    assert.ok(Number.isFinite(value) && value > 0, `${name} is ${value}`);
  const text = readFileSync(join(packageRoot(), "ARCHITECTURE.md"), "utf8");
  const section = text.slice(text.indexOf("## Limits of the hub")).split("\n## ", 2)[0] ?? "";
  const rows = [...section.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, value]) => [
    name,
    Number(value),
  ]);
  const written: Readonly<Record<string, unknown>> = Object.fromEntries(rows);
  const missing = Object.entries(LIMITS).filter(([name, value]) => written[name] !== value);
  assert.deepEqual(
    missing,
    [],
    "each of these is to be written there, as | `name` | value | what it bounds |",
  );
  assert.equal(rows.length, Object.keys(LIMITS).length, "a row of a limit that is gone");
});

test("a join token outlives the launch that brings it, however long that may take", () => {
  assert.deepEqual([1, 600, 3600].map(joinTokenLife), [900_000, 900_000, 3_900_000]);
});
