/** Depth and values are counted as they are, in brackets and not in strings; what was stored unbounded keeps its shallow part. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countJson, parseStored } from "./bounded-json.ts";

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null
    ? 1 + Object.values(value).reduce<number>((most, one) => Math.max(most, depthOf(one)), 0)
    : 0;

test("whatever is within the bounds is let through, and nothing that is deeper", () => {
  const steering = fc.constantFrom("[", "{", '"', "\\", ",", "]", "[".repeat(2000), "\\".repeat(7));
  const value = fc.jsonValue({ maxDepth: 6, stringUnit: steering });
  fc.assert(
    fc.property(value, fc.integer({ min: 1, max: 6 }), (given, depth) => {
      const text = JSON.stringify(given);
      const counted = countJson(text, { depth, values: 1e9 });
      assert.equal(counted.ok, depthOf(given) <= depth, text);
      const kept = parseStored(text, depth);
      assert.ok(depthOf(kept) <= depth);
      if (counted.ok) assert.deepEqual(kept, JSON.parse(text));
    }),
    { numRuns: 2000 },
  );
});

test("values are counted up to the bound", () => {
  const bounds = { depth: 64, values: 1000 };
  assert.equal(countJson(`[${"1,".repeat(900)}1]`, bounds).ok, true);
  assert.equal(countJson(`[${"1,".repeat(1001)}1]`, bounds).ok, false);
  assert.equal(countJson(`["${",".repeat(100_000)}"]`, bounds).ok, true, "those in a string do not count");
  assert.equal(countJson(`["${"[".repeat(100_000)}"]`, bounds).ok, true);
});

test("what was stored too deep becomes null, and the rest is kept", () => {
  const deep = "[".repeat(1_900_000) + "]".repeat(1_900_000);
  assert.deepEqual(parseStored(`{"a":1,"x":${deep},"b":{"c":[2]}}`, 2), { a: 1, x: [null], b: { c: null } });
});
