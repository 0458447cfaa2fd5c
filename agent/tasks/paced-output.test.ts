/** The real bundle: a program with paced output waits for its reader, nothing is lost with a connection, and a cancel ends the waiting. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FakeHub } from "../testing/fake-hub.ts";
import { world } from "../testing/guest.ts";
import { until } from "../testing/until.ts";

const LINES = 600_000;
const whole = Array.from({ length: LINES }, (_, n) => `${n + 1}\n`).join("");

/** Pieces by their numbers: those that were sent again are there once. */
const pieces = (hub: FakeHub) => new Map(hub.all("output", "t1").map((piece) => [piece.seq ?? 0, piece]));
const received = (hub: FakeHub) =>
  [...pieces(hub).values()].reduce((sum, { data = "" }) => sum + data.length, 0);
const take = (hub: FakeHub) =>
  hub.send("ack", { taskId: "t1", epoch: 1, output: Math.max(0, ...pieces(hub).keys()) });

test("nothing is discarded, the program waits, and a new connection gets again what was not taken", async (t) => {
  const { hub } = await world(t);
  hub.task("t1", { command: `seq 1 ${LINES}`, output: "paced" });
  await until(() => received(hub) >= 1_048_576, "a window of output");
  hub.send("log", { request: "q", after: null, lines: 1 });
  await hub.wait("log", ({ request }) => request === "q");
  assert.ok(received(hub) < 1_200_000, "no more is sent");
  assert.equal(hub.all("response", "t1").length, 0);
  const before = hub.all("output", "t1").length;
  await hub.stop();
  await hub.start();
  await hub.wait("hello", (_, connection) => connection === 2);
  await until(() => hub.all("output", "t1").length >= 2 * before, "the same pieces again");
  while (hub.all("response", "t1").length === 0) {
    const had = pieces(hub).size;
    take(hub);
    await until(
      () => pieces(hub).size > had || hub.all("response", "t1").length > 0,
      "more output, or the end",
    );
  }
  const numbers = [...pieces(hub).keys()].sort((a, b) => a - b);
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, n) => n + 1),
  );
  assert.equal(numbers.map((seq) => pieces(hub).get(seq)?.data).join(""), whole);
  const { result, success } = await hub.response("t1");
  assert.equal(success, true);
  assert.deepEqual([result?.outputBytes, result?.outputLines], [whole.length, LINES]);
});

test("a cancel ends a program that waits for its reader", async (t) => {
  const { hub } = await world(t);
  hub.task("t1", { command: "yes", output: "paced" });
  await until(() => received(hub) >= 1_048_576, "a window of output");
  hub.send("cancel", { taskId: "t1", epoch: 1, reason: "enough" });
  assert.equal((await hub.response("t1")).error?.code, "cancelled");
});
