/** Ten wrong tokens within a minute lock further wrong ones out for five minutes; slower guesses do not; memory is bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../limits.ts";
import { Lockout } from "./lockout.ts";
import { testClock } from "../testing/hub.ts";

test("the tenth wrong token of a minute locks out for five minutes", () => {
  const clock = testClock();
  const lockout = new Lockout(clock, LIMITS);
  for (let n = 1; n < 10; n++) lockout.fail("a");
  assert.equal(lockout.locked("a"), 0);
  clock.advance(59_000);
  lockout.fail("a");
  assert.equal(lockout.locked("a"), 5 * 60_000);
  assert.equal(lockout.locked("b"), 0);
  clock.advance(5 * 60_000);
  assert.equal(lockout.locked("a"), 0);
});

test("nine a minute for an hour do not", () => {
  const clock = testClock();
  const lockout = new Lockout(clock, LIMITS);
  for (let minute = 0; minute < 60; minute++) {
    for (let n = 0; n < 9; n++) lockout.fail("a");
    assert.equal(lockout.locked("a"), 0);
    clock.advance(60_000);
  }
});

test("so many addresses are remembered and no more: the oldest is forgotten", () => {
  const lockout = new Lockout(testClock(), { ...LIMITS, lockoutEntries: 3, authFailures: 1 });
  for (const key of ["a", "b", "c", "d"]) lockout.fail(key);
  assert.equal(lockout.locked("a"), 0);
  for (const key of ["b", "c", "d"]) assert.ok(lockout.locked(key) > 0, key);
});
