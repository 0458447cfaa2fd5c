/**
 * waiting.ts: nothing is shown for a quick call or without a terminal; a slow call is named, and the line is cleared
 * afterwards.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Screen, besideWaiting, waitNoMore, waiting } from "./waiting.ts";

// Whoever runs this may do so from an editor, whose terminal only prints.
process.env.TERM = "xterm";

function screen(isTTY: boolean) {
  const reported: string[] = [];
  const { promise: drawn, resolve } = Promise.withResolvers<void>();
  const write = (text: string) => {
    reported.push(text.replaceAll("\r\u001b[K", "|"));
    resolve();
  };
  return { reported, drawn, screen: { isTTY, columns: 30, write } satisfies Screen };
}

test("what is slow is named, cut to the terminal, and taken away when it ends, however that is", async () => {
  const { reported, drawn, screen: on } = screen(true);
  const failing = waiting(
    on,
    "multipass, which does not answer yet",
    () => drawn.then(() => Promise.reject(new Error("no"))),
    0,
  );
  await assert.rejects(failing, /no/);
  assert.deepEqual(reported, ["|waiting for multipass, which ", "|"]);
});

test("of two the newer is shown, and then the older again", async () => {
  const reported: string[] = [];
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const on: Screen = {
    isTTY: true,
    write: (text) => {
      reported.push(text.replace("\r\u001b[K", "|"));
      if (text.includes("a …") && reported.length > 2) first.resolve();
      if (text.includes("b …")) second.resolve();
    },
  };
  const a = waiting(on, "a", () => first.promise, 0);
  const b = waiting(on, "b", () => second.promise, 0);
  await Promise.all([a, b]);
  assert.deepEqual(reported, ["|waiting for a …", "|waiting for b …", "|waiting for a …", "|"]);
});

test("nothing is shown for a quick call, or without a terminal", async () => {
  const quick = screen(true);
  assert.equal(await waiting(quick.screen, "x", async () => 7), 7);
  const piped = screen(false);
  await waiting(piped.screen, "x", () => new Promise((resolve) => setTimeout(resolve, 20)), 0);
  assert.deepEqual([...quick.reported, ...piped.reported], []);
});

test("what is printed meanwhile begins in a clean line, and what is waited for stands below it", async () => {
  const { reported, drawn, screen: on } = screen(true);
  const work = Promise.withResolvers<void>();
  const waits = waiting(on, "multipass", () => work.promise, 0);
  besideWaiting(on, () => on.write("before anything is shown\n"));
  reported.length = 0;
  await isShown();
  besideWaiting(on, () => on.write("a remark\n"));
  work.resolve();
  await waits;
  besideWaiting(on, () => on.write("the end\n"));
  const line = "waiting for multipass …";
  assert.deepEqual(reported, [`|${line}`, "|", "a remark\n", `|${line}`, "|", "the end\n"]);

  async function isShown() {
    await drawn;
    while (reported.length === 0) await new Promise((resolve) => setImmediate(resolve));
  }
});

test("an error ends all waiting: its line is clean, and what ends later draws nothing", async () => {
  const { reported, drawn, screen: on } = screen(true);
  const work = Promise.withResolvers<void>();
  const waits = waiting(on, "the hub", () => work.promise, 0);
  await drawn;
  waitNoMore(on);
  besideWaiting(on, () => on.write("error: no\n"));
  work.resolve();
  await waits;
  assert.deepEqual(reported, ["|waiting for the hub …", "|", "error: no\n"]);
});

test("a terminal that cannot erase a line gets no progress line", async () => {
  const { reported, screen: on } = screen(true);
  process.env.TERM = "dumb";
  await waiting(on, "x", () => new Promise((resolve) => setTimeout(resolve, 20)), 0);
  process.env.TERM = "xterm";
  assert.deepEqual(reported, []);
});
