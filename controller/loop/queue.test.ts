/** queue.ts: one key in flight once, when it may be tried again, and what makes a failure void. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyQueue } from "./queue.ts";

const transient = { message: "no answer", next: "wait", transient: true };
const terminal = { message: "refused", next: "edit", transient: false };
const create = () => new KeyQueue(() => 1, 1000);

test("a key is in flight once", () => {
  const queue = create();
  queue.begin("a", 0);
  assert.equal(queue.ready("a", "x", 0), false);
  assert.throws(() => queue.begin("a", 1), /in flight already/);
  assert.deepEqual([queue.size, queue.has("a"), queue.keys()], [1, true, ["a"]]);
  queue.done("a");
  assert.equal(queue.ready("a", "x", 0), true);
});

test("each failure in a row doubles the delay; an edit resets it", () => {
  const queue = create();
  const fail = (wanted: string, now: number) => {
    queue.begin("a", now);
    return queue.failed("a", wanted, transient, now);
  };
  assert.equal(fail("x", 0).retryAt, 1000);
  assert.equal(fail("x", 1000).retryAt, 3000);
  assert.equal(fail("x", 3000).retryAt, 7000);
  assert.equal(queue.ready("a", "x", 6999), false);
  assert.equal(queue.ready("a", "x", 7000), true);
  assert.equal(queue.ready("a", "y", 3001), true, "what an edit wants has not failed");
  assert.deepEqual([fail("y", 3001).count, queue.failure("a")?.retryAt], [1, 4001]);
});

test("a terminal failure waits for an edit or for a request", () => {
  const queue = create();
  queue.begin("a", 0);
  assert.equal(queue.failed("a", "x", terminal, 0).retryAt, Number.POSITIVE_INFINITY);
  assert.equal(queue.ready("a", "x", 1e15), false);
  assert.equal(queue.nextRetry(0), null);
  assert.equal(queue.ready("a", "y", 1), true);
  queue.resetBackoff(["b"]);
  assert.equal(queue.ready("a", "x", 1), false);
  queue.resetBackoff(["a"]);
  assert.equal(queue.ready("a", "x", 1), true);
});

test("forgive without names forgives all; success and forgiveOthers forget", () => {
  const queue = create();
  for (const key of ["a", "b", "c"]) {
    queue.begin(key, 0);
    queue.failed(key, "x", transient, 0);
  }
  queue.begin("c", 1);
  queue.resetOtherBackoffs(new Set(["a"]));
  assert.deepEqual([...queue.failures().keys()], ["a", "c"], "c is in flight: it is judged by its end");
  queue.done("c");
  assert.deepEqual([...queue.failures().keys()], ["a"]);
  queue.resetBackoff([]);
  assert.equal(queue.failures().size, 0);
});

test("abandon ends work without judging it", () => {
  const queue = create();
  queue.begin("a", 0);
  queue.abandon("a");
  assert.deepEqual([queue.size, queue.failures().size], [0, 0]);
});

test("nextRetry is the nearest future instant; a past one requests no turn", () => {
  const queue = create();
  queue.begin("a", 0);
  queue.failed("a", "x", transient, 0);
  queue.begin("b", 500);
  queue.failed("b", "x", transient, 500);
  assert.equal(queue.nextRetry(0), 1000);
  assert.equal(queue.nextRetry(1000), 1500);
  assert.equal(queue.nextRetry(1500), null);
});
