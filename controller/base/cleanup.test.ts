/** The cleanup stack: order, errors, and what is handed over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCleanup } from "./cleanup.ts";

test("steps run in reverse order, also after one that fails", async () => {
  const ran: string[] = [];
  const cleanup = createCleanup();
  cleanup.defer(() => ran.push("first"));
  cleanup.defer(() => Promise.reject(new Error("broken")));
  cleanup.defer(async () => void ran.push("last"));
  await assert.rejects(async () => {
    await using _ = cleanup;
  }, /^Error: broken/);
  assert.deepEqual(ran, ["last", "first"]);
});

test("what was moved runs once, at the end of the new stack", async () => {
  let runs = 0;
  const first = createCleanup();
  first.defer(() => {
    runs += 1;
  });
  const moved = first.move();
  await first[Symbol.asyncDispose]();
  assert.equal(runs, 0);
  await moved[Symbol.asyncDispose]();
  await moved[Symbol.asyncDispose]();
  assert.equal(runs, 1);
});
