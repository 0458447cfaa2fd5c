/** Output that was discarded is a gap: in the stream, after a resume, in ranges of lines, after a restart of the hub, and at the end. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createApi } from "../../ui/client/api.ts";
import type { ServerEvent } from "../../ui/client/transport.ts";
import { until } from "../hub/testing/hub.ts";
import type { Limits } from "../hub/limits.ts";
import { createMemoryStore } from "../store/memory/memory.ts";
import { runningTask } from "./testing/running-task.ts";

async function scene(t: TestContext, limits: Partial<Limits> = {}) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const found = await runningTask(t, createMemoryStore(), limits);
  const { port, token, task, hub } = found;
  const api = createApi({ url: `http://127.0.0.1:${port}`, token });
  /** Reads the stream to its end; `seen` grows meanwhile. */
  const follow = (lastId: string | null = null) => {
    const seen: ServerEvent[] = [];
    const ended = (async () => {
      for await (const event of api.events(api.outputPath(task.id), lastId, stop.signal)) seen.push(event);
    })();
    return { seen, ended };
  };
  const range = async (from: number, limit = 100) => {
    const { lines, next } = await api.readOutput(task.id, { from, limit });
    return { lines: lines.map((one) => (one.gap ? one.gap : `${one.line} ${one.text}`)), next };
  };
  const arrived = (seq: number) =>
    until("the output", () => hub.engine.printed(task.id, -1).at(-1)?.seq === seq);
  return { ...found, api, follow, range, arrived };
}

const outputs = (events: readonly ServerEvent[]) =>
  events
    .filter(({ event }) => event === "output")
    .map(({ data }) => data as { readonly data: string; readonly gap?: unknown })
    .map(({ data, gap }) => (gap === undefined ? data : [gap, data]));

const GAP = { afterLine: 2, bytes: 30 };

test("a jump of the runtime's places is a gap between two pieces, live and when read again", async (t) => {
  const { runtime, frame, follow, range, arrived, hub, task } = await scene(t);
  const live = follow();
  runtime.print(frame, 1, "1\n2\n", { offset: 0, line: 0 });
  runtime.print(frame, 2, "13\n14\n15", { offset: 34, line: 12 });
  runtime.print(frame, 3, "oops\n", { offset: 42, line: 14, stream: "stderr" });
  await arrived(3);
  assert.deepEqual(await range(1), { lines: ["1 1", "2 2", GAP, "13 13", "14 14", "15 oops"], next: 16 });
  runtime.answer(frame);
  await live.ended;
  const expected = ["1\n2\n", [GAP, "13\n14\n15"], "oops\n"];
  assert.deepEqual(outputs(live.seen), expected);
  const end = live.seen.at(-1)?.data as { readonly droppedBytes: number } | undefined;
  assert.equal(end?.droppedBytes, 30);
  assert.equal(hub.engine.get(task.id)?.droppedBytes, 30);
  const again = follow();
  await again.ended;
  assert.deepEqual(outputs(again.seen), expected);
  // A reader that had the first piece sees the gap once; one that had the second does not.
  const first = live.seen.find(({ event }) => event === "output");
  const second = live.seen.filter(({ event }) => event === "output")[1];
  for (const [last, rest] of [
    [first?.id ?? "", expected.slice(1)],
    [second?.id ?? "", expected.slice(2)],
  ] as const) {
    const resumed = follow(last);
    await resumed.ended;
    assert.deepEqual(outputs(resumed.seen), rest);
  }
});

test("ranges: bounded, with the gap in its place, and where the next one begins", async (t) => {
  const { runtime, frame, range, arrived } = await scene(t);
  runtime.print(frame, 1, "1\n2\n", { offset: 0, line: 0 });
  runtime.print(frame, 2, "13\n14\n15", { offset: 34, line: 12 });
  await arrived(2);
  assert.deepEqual(await range(1, 1), { lines: ["1 1"], next: 2 });
  assert.deepEqual(await range(2, 2), { lines: ["2 2", GAP, "13 13"], next: 14 });
  assert.deepEqual(await range(5, 1), { lines: [GAP, "13 13"], next: 14 });
  assert.deepEqual(await range(14), { lines: ["14 14"], next: 15 }, "a line that has not ended comes later");
  assert.deepEqual(await range(15), { lines: [], next: 15 });
  runtime.answer(frame);
  await until("its end", async () => (await range(15)).next === null);
  assert.deepEqual(await range(15), { lines: ["15 15"], next: null });
  assert.deepEqual(await range(99), { lines: [], next: null });
});

test("an older runtime counts what it dropped", async (t) => {
  const { runtime, frame, range, arrived } = await scene(t);
  runtime.print(frame, 1, "1\n2\n");
  runtime.print(frame, 2, "13\n", { dropped: 30 });
  await arrived(2);
  assert.deepEqual((await range(1)).lines, ["1 1", "2 2", GAP, "3 13"]);
});

test("what the end of a task shows to be missing is a gap behind its output", async (t) => {
  const { runtime, frame, follow, range } = await scene(t);
  const live = follow();
  runtime.print(frame, 1, "1\n2\n", { offset: 0, line: 0 });
  const result = { stdout: "", stderr: "", exitCode: 0, outputBytes: 34, outputLines: 12 };
  runtime.answer(frame, { result });
  await live.ended;
  assert.deepEqual(outputs(live.seen), ["1\n2\n", [GAP, ""]]);
  assert.deepEqual(await range(1), { lines: ["1 1", "2 2", GAP], next: null });
});

test("beyond the hub's own cap the head ends and the tail begins with a line", async (t) => {
  const { runtime, frame, range, arrived, hub, task } = await scene(t, { maxOutputBytes: 400 });
  // Pieces that end within lines.
  const all = Array.from({ length: 1000 }, (_, n) => `${n + 1}\n`).join("");
  let seq = 0;
  let line = 0;
  for (let at = 0; at < all.length; at += 37) {
    const data = all.slice(at, at + 37);
    runtime.print(frame, ++seq, data, { offset: at, line });
    line += data.split("\n").length - 1;
  }
  await arrived(seq);
  runtime.answer(frame);
  await until("its end", () => hub.engine.get(task.id)?.finishedAt);
  const { lines } = await range(1, 10_000);
  const at = lines.findIndex((one) => typeof one !== "string");
  const gap = lines[at] as { readonly afterLine: number; readonly bytes: number };
  const [head, tail] = [lines.slice(0, at), lines.slice(at + 1)];
  assert.equal(gap.afterLine, head.length);
  assert.equal(tail.at(-1), "1000 1000");
  for (const one of [...head, ...tail]) assert.match(String(one), /^(\d+) \1$/);
  const kept = [...head, ...tail].map((one) => `${String(one).split(" ")[1]}\n`).join("");
  assert.equal(kept.length + gap.bytes, all.length);
  assert.equal(hub.engine.get(task.id)?.droppedBytes, gap.bytes);
});

test("where only the result is left, it says what was before its tails", async (t) => {
  const { runtime, frame, range, follow } = await scene(t);
  const dropped = { stdout: { bytes: 30, lines: 12 }, stderr: { bytes: 0, lines: 0 } };
  runtime.answer(frame, { result: { stdout: "13\n14\n", stderr: "oops\n", exitCode: 0, dropped } });
  await until("its end", async () => (await range(1)).next === null);
  const gap = { afterLine: 0, bytes: 30 };
  assert.deepEqual((await range(1)).lines, [gap, "13 13", "14 14", "15 oops"]);
  const { seen, ended } = follow();
  await ended;
  assert.deepEqual(outputs(seen), [[gap, "13\n14\n"], "oops\n"]);
});
