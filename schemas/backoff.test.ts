import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "./backoff.ts";

test("a wait doubles with each try, up to the last, after any number of tries", () => {
  const waits = [1, 2, 3, 4, 5, 99, 1e9].map((tries) => backoff({ firstMs: 100, lastMs: 1000 }, tries));
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000, 1000]);
  assert.equal(backoff({ firstMs: 100, lastMs: 1000 }, 0), 100);
});
